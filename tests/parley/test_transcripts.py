"""What operators see of what was said, and the trace that each look leaves."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from parley import cli
from recordings.access import Access
from runtime.keystore import Keystore
from runtime.sealed import unseal
from runtime.tables import select
from tests.parley.a_call import BEGIN_US, Playing, agreed, refused

pytestmark = pytest.mark.anyio

Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """Run a command; its exit code, output and errors."""

    def run(*argv: object) -> tuple[int, str, str]:
        code = cli.main([str(one) for one in argv])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def looks(data: Path) -> list[Access]:
    rows = apsw.Connection(str(data / "parley.db"), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return sorted(select(rows, Access, (), ()), key=lambda row: row.at_us)
    finally:
        rows.close()


def bytes_of(data: Path) -> bytes:
    return b"".join(path.read_bytes() for path in data.rglob("*") if path.is_file())


def names(data: Path) -> set[str]:
    return {path.name for path in data.iterdir()}


def is_readable(path: Path, mode: int) -> bool:
    return mode != os.W_OK


async def call(tmp_path: Path) -> Playing:
    return await agreed(tmp_path)


async def test_a_transcript_is_text_subtitles_or_json(tmp_path: Path, said: Said) -> None:
    await call(tmp_path)
    code, out, _ = said("transcript", "last", "--data", tmp_path)
    assert code == 0
    assert out == (
        "   +3.5s  caller: book an appointment\n"
        "   +4.5s  caller: on monday please (dictation, may be wrong)\n"
    )
    _, vtt, _ = said("transcript", "last", "--format", "vtt", "--data", tmp_path)
    assert vtt.startswith("WEBVTT\n\n00:00:03.500 --> 00:00:04.000\n<v Caller>book an appoint")
    _, out, _ = said("transcript", "last", "--json", "--data", tmp_path)
    assert [one["text"] for one in json.loads(out)["segments"]] == [
        "book an appointment",
        "on monday please",
    ]


async def test_every_look_is_noted_before_it_is_shown(tmp_path: Path, said: Said) -> None:
    one = await call(tmp_path)
    said("show", "last", "--data", tmp_path)
    said("transcript", "last", "--data", tmp_path)
    said("search", "Monday", "--data", tmp_path)
    said("export", "last", "--to", tmp_path / "pack", "--data", tmp_path)
    rows = looks(tmp_path)
    assert [(row.looked, row.call) for row in rows] == [
        ("shown", one.call),
        ("transcript", one.call),
        ("searched", ""),
        ("exported", one.call),
    ]
    assert {row.who for row in rows} == {_user()}
    (query,) = [row.query for row in rows if row.query is not None]
    assert unseal(query, Keystore(tmp_path / "keys").key(query.key_id)) == "Monday"
    assert rows[2].hits == 1 and b"Monday" not in (tmp_path / "parley.db").read_bytes()
    assert said("replay", "--all", "--data", tmp_path)[0] == 0


def _user() -> str:
    return next((os.environ[n] for n in ("LOGNAME", "USER") if os.environ.get(n)), "root")


async def test_what_cannot_be_noted_is_shown_and_said_to_be_so(
    tmp_path: Path, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    await call(tmp_path)
    before = names(tmp_path)
    # Whoever is root may write everywhere: permissions alone would show nothing here.
    monkeypatch.setattr(os, "access", is_readable)
    code, out, err = said("search", "appointment", "--data", tmp_path)
    assert code == 0 and "book an appointment" in out
    assert "not noted in the log" in err
    assert "index.db" not in before | names(tmp_path)


async def test_search_finds_words_and_phrases_between_times(tmp_path: Path, said: Said) -> None:
    one = await call(tmp_path)
    await refused(tmp_path, begin_us=BEGIN_US + 3_600_000_000)
    for query in ("appointment", '"on monday"', "PLEASE monday"):
        code, out, _ = said("search", query, "--json", "--data", tmp_path)
        assert code == 0
        assert [found["call"] for found in json.loads(out)] == [one.call]
    assert said("search", '"monday on"', "--data", tmp_path)[1].startswith("nobody said that")
    later = ("--since", "2026-03-02", "--data", tmp_path)
    assert said("search", "appointment", *later)[1].startswith("nobody said that")
    sooner = ("--until", "2026-03-02", "--data", tmp_path)
    assert one.call in said("search", "appointment", *sooner)[1]
    assert said("search", "...", "--data", tmp_path)[0] == 2
    assert said("search", "x", "--since", "812", "--data", tmp_path)[0] == 2


async def test_what_is_corrected_and_redacted_is_what_readers_see_and_find(
    tmp_path: Path, said: Said
) -> None:
    one = await call(tmp_path)
    here = ("--data", tmp_path)
    assert said("search", "monday", *here)[1].startswith(one.call)
    text = ("--text", "on tuesday please 4242 4242 4242 4242", "--why", "misheard")
    assert said("correct", "last", "2", *text, *here)[0] == 0
    assert said("redact", "last", "2", "--words", "2", "--why", "a test", *here)[0] == 0
    _, out, _ = said("transcript", "last", *here)
    assert "caller: on [redacted] please [card number]" in out
    assert said("search", "monday", *here)[1].startswith("nobody said that")
    assert said("search", "tuesday", *here)[1].startswith("nobody said that")
    assert said("search", "please", *here)[1].startswith(one.call)
    _, out, _ = said("transcript", "last", "--original", *here)
    assert "on monday please" in out
    _, out, _ = said("show", "last", *here)
    assert f"(redacted by {_user()})" in out
    assert said("export", "last", "--to", tmp_path / "pack", *here)[0] == 0
    assert said("verify", tmp_path / "pack")[0] == 0
    assert "on [redacted] please" in (tmp_path / "pack" / "data" / "transcript.json").read_text()


async def test_a_correction_does_not_undo_a_redaction(tmp_path: Path, said: Said) -> None:
    await call(tmp_path)
    here = ("--data", tmp_path)
    assert said("redact", "last", "1", "--words", "1-2", "--why", "x", *here)[0] == 0
    code, _, err = said("correct", "last", "1", "--text", "all of it", "--why", "x", *here)
    assert code == 2 and "write [redacted] where it stands" in err
    assert said("correct", "last", "9", "--text", "x", "--why", "x", *here)[0] == 1
    assert said("redact", "last", "1", "--words", "7", "--why", "x", *here)[0] == 2
    assert said("redact", "last", "--words", "1", "--why", "x", *here)[0] == 2


async def test_the_detectors_have_nothing_to_find_in_an_innocent_call(
    tmp_path: Path, said: Said
) -> None:
    await call(tmp_path)
    code, out, _ = said("redact", "last", "--found", "--why", "x", "--data", tmp_path)
    assert (code, out) == (0, "nothing was found that is not hidden already\n")


async def test_once_the_key_is_gone_so_are_the_words_and_the_index(
    tmp_path: Path, said: Said
) -> None:
    one = await call(tmp_path)
    here = ("--data", tmp_path)
    assert said("index", "rebuild", *here)[1] == "1 calls can be searched\n"
    index = apsw.Connection(str(tmp_path / "index.db"))
    terms = index.execute("SELECT group_concat(terms, ' ') FROM said").get.split()
    index.close()
    there = bytes_of(tmp_path)
    assert len(terms) == 6 and all(term.encode() in there for term in terms)
    Keystore(tmp_path / "keys").destroy(one.words_key)
    assert said("search", "appointment", *here)[1].startswith("nobody said that")
    left = bytes_of(tmp_path)
    phrases = [b"appointment", b"monday please", *(term.encode() for term in terms)]
    assert [phrase for phrase in phrases if phrase in left] == []
    _, out, _ = said("transcript", "last", "--format", "vtt", *here)
    assert out.count("were erased") == 2
    code, _, err = said("correct", "last", "1", "--text", "x", "--why", "x", *here)
    assert code == 1 and "are erased" in err
    assert said("transcript", "last", "--original", *here)[0] == 1
