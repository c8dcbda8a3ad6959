"""Attack A14: words of a caller who agreed to nothing, in a log, a trace or a temporary file.

The real server, with the real media and speech processes; every byte that any of them wrote is
searched, while they run and after they stopped.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from media.units import from_pcm
from parley.caller import CallScript, Press, Say, place, script
from tests.interop.agents import BOOK_KEY
from tests.interop.searching import found_in, planted
from tests.interop.server import Server
from tests.interop.test_refused import of_audio, of_words

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.anyio]

PHRASE = "The marmalade rhinoceros prefers a violet accordion"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """All that it writes lies in one folder: data, write-ahead log, stdout, stderr, temp."""
    (tmp_path / "temp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temp"))
    monkeypatch.setenv("PYTHONFAULTHANDLER", "1")
    started = Server(tmp_path)
    yield started
    started.stop()


async def test_nothing_that_a_refused_caller_said_is_written_anywhere(
    server: Server, tmp_path: Path
) -> None:
    phrase = script.text(PHRASE)
    steps = (Press("2"), phrase, Say(phrase.audio, "again"), Press(BOOK_KEY))
    report = await place(CallScript(server.target, steps))
    assert report.completed, report
    (call,) = server.sealed(set())
    wanted = [*of_words(PHRASE), *of_audio(from_pcm(phrase.audio))]
    assert (server.data / "parley.db").exists() and server.log.exists()
    assert found_in(tmp_path, wanted) == [], "while it runs"
    assert os.environ["TMPDIR"] == str(tmp_path / "temp")
    server.stop()
    assert found_in(tmp_path, wanted) == [], "once it has stopped"
    assert call["forgotten"]
    # The search would have found it: in a log, in a core of a process, in the store.
    for name, leak in (
        ("server.log", f"ERROR in turn 3: {PHRASE!r}\n".encode()),
        ("temp/core", bytes(7) + phrase.audio),
        ("data/parley.db-wal", bytes(4_096) + PHRASE.lower().encode("utf-16-le")),
    ):
        with planted(tmp_path / name, leak):
            assert found_in(tmp_path, wanted) == [str(tmp_path / name)], name
