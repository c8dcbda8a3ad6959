"""Three canaries in one house: what a refused caller said, a card number by keys, an erased key.

The real server; every byte that it or a command wrote is searched, while it runs and once it has
stopped: rows, write-ahead log, audio, keystore, temporary files, stdout and stderr.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from consent.tables import ConsentKey
from media.units import from_pcm
from parley.caller import CallScript, Press, place, script
from recordings.tables import Chunk
from runtime.keystore import KeyDestroyed, Keystore
from sessions.retention.tables import Erasure
from sessions.tables import Call
from tests.attacks.test_a20_key_in_python_memory import spellings
from tests.interop.searching import forms, forms_of_text, found_in, planted
from tests.interop.server import Server
from tests.interop.test_refused import PHRASE, of_audio, of_words
from tests.interop.test_secure_capture import CARD

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.anyio]

PLACES = ("server.log", "commands.log", "temp/core", "data/parley.db-wal", "data/recordings/x.seg")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """All that it writes lies in one folder."""
    (tmp_path / "temp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temp"))
    monkeypatch.setenv("PYTHONFAULTHANDLER", "1")
    started = Server(tmp_path, "tests.interop.cashiers:Cashier")
    yield started
    started.stop()


@pytest.mark.timeout(600)
async def test_no_file_holds_a_refused_phrase_a_card_number_or_the_key_of_an_erased_call(
    server: Server, tmp_path: Path
) -> None:
    phrase = script.text(PHRASE)
    refused = await place(CallScript(server.target, (Press("2"), phrase, Press("9"))))
    paying = (Press("1"), Press("5"), Press(f"{CARD}#"), Press("9"))
    paid = await place(CallScript(server.target, paying))
    assert refused.completed and paid.completed, (refused, paid)
    server.sealed(set())
    call = next(one["id"] for one in server.calls() if server.rows(Chunk, call=one["id"]))
    assert server.ledger.read_text() == f"{len(CARD)} digits, {CARD[-1]} the last\n"
    keys = keys_of(server, call)
    erase(server, call, tmp_path)
    server.until(lambda: all(is_destroyed(server, one) for one in keys), "a key is still there")

    canaries = {
        "a phrase": [*of_words(PHRASE), *of_audio(from_pcm(phrase.audio))],
        "a card": list(forms_of_text(CARD)),
        "a key": [each for key in keys.values() for one in spellings(key) for each in forms(one)],
    }
    assert os.environ["TMPDIR"] == str(tmp_path / "temp")
    for name, wanted in canaries.items():
        assert found_in(tmp_path, wanted) == [], f"{name}, while it runs"
    server.stop()
    for name, wanted in canaries.items():
        assert found_in(tmp_path, wanted) == [], f"{name}, once it has stopped"
    # The search would have found each of them, wherever it was.
    leaks = {
        "a phrase": f"ERROR in turn 3: {PHRASE!r}\n".encode(),
        "a card": f"pressed {CARD}#\n".encode("utf-16-le"),
        "a key": b"key=" + next(iter(keys.values())).hex().encode(),
    }
    for name, leak in leaks.items():
        for where in (tmp_path / one for one in PLACES):
            with planted(where, leak):
                assert found_in(tmp_path, canaries[name]) == [str(where)], name


def keys_of(server: Server, call: str) -> dict[str, bytes]:
    """Every key of a call, while there still are some: its tracks', its words', its caller's."""
    (row,) = server.rows(Call, id=call)
    ids = {key.id for key in server.rows(ConsentKey, call=call)} | {row.words_key, row.caller_key}
    assert len(ids) == 4
    keystore = Keystore(server.data / "keys")
    return {key_id: keystore.key(key_id) for key_id in ids}


def is_destroyed(server: Server, key_id: str) -> bool:
    try:
        Keystore(server.data / "keys").key(key_id)
    except KeyDestroyed:
        return True
    return False


def erase(server: Server, call: str, folder: Path) -> None:
    """As two privacy officers do it; what the commands print is searched, too."""
    with (folder / "commands.log").open("w") as told:

        def run(*words: str) -> None:
            done = server.parley(*words)
            told.write(done.stdout + done.stderr)
            assert done.returncode == 0, (words, done.stderr)

        keys = [folder / f"{name}.pem" for name in ("ann", "bob")]
        for key in keys:
            who = ("--name", key.stem, "--role", "privacy-officer", "--out", str(key))
            run("identity", "new", *who)
        run("erase", call, "--reason", "she asked")
        (gate,) = [erasure.gate for erasure in server.rows(Erasure)]
        assert gate is not None
        for key in keys:
            run("approve", gate, "--key", str(key))
        run("show", call)
