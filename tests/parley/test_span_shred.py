"""Claims about a span that is destroyed by itself: what goes, what stays, and who had to agree."""

import asyncio
import json
import sqlite3
import wave
from pathlib import Path
from typing import Any

import pytest

from parley import cli, history
from parley.commands import place
from recordings import segments
from recordings.segments import Range
from runtime.keystore import KeyDestroyed, Keystore
from runtime.sealed import from_json, unseal
from tests.parley.a_call import Playing, agreed

assert len(history.DECLARING) > 1, "a store has the tables of all that was imported"
assert place.DATA

WHY = ("--why", "a card number")


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    """Run a command on the data directory; its exit code, output and errors."""

    def run(*argv: object) -> tuple[int, str, str]:
        code = cli.main([*(str(one) for one in argv), "--data", str(tmp_path / "data")])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def call(tmp_path: Path) -> Playing:
    return asyncio.run(agreed(tmp_path / "data"))


@pytest.fixture
def people(call: Playing, said: Any, tmp_path: Path) -> list[Path]:
    keys = [tmp_path / "ann.pem", tmp_path / "bob.pem"]
    for key in keys:
        said("identity", "new", "--name", key.stem, "--role", "privacy-officer", "--out", key)
    return keys


def rows(data: Path, query: str, *values: object) -> list[tuple[Any, ...]]:
    store = sqlite3.connect(data / "parley.db")
    found = store.execute(query, values).fetchall()
    store.close()
    return found


def destroyed(said: Any, data: Path, people: list[Path], *more: str) -> None:
    code, _, err = said("redact", "last", *more, *WHY, "--destroy")
    assert code == 0, err
    ((gate,),) = rows(data, "SELECT gate FROM span_shred WHERE state = 'requested'")
    for key in people:
        code, _, err = said("approve", gate, "--key", key)
        assert code == 0, err


def test_the_words_go_and_the_others_stay(call: Playing, said: Any, people: list[Path]) -> None:
    old = Keystore(call.data / "keys").key(call.words_key)
    ((sealed,),) = rows(call.data, "SELECT text FROM segment WHERE id LIKE '%:2'")
    assert unseal(from_json(json.loads(sealed)), old) == "on monday please"
    assert "monday" in said("search", "monday")[1]
    destroyed(said, call.data, people, "2", "--words", "2")
    code, out, err = said("transcript", "last")
    assert code == 0, err
    assert "caller: on [card number] please" in out
    assert "caller: book an appointment" in out
    with pytest.raises(KeyDestroyed):
        Keystore(call.data / "keys").key(call.words_key)
    # What was done is sealed anew; nothing finds what is gone.
    assert "reference 4 8 2 1" in said("show", "last")[1]
    assert "nobody said that" in said("search", "monday")[1]
    assert "book an appointment" in said("search", "appointment")[1]
    code, out, err = said("correct", "last", "1", "--text", "book an appointment now", *WHY)
    assert code == 0, err
    assert "identical" in said("replay", "--all")[1]


def test_the_seconds_go_and_the_others_stay(call: Playing, said: Any, people: list[Path]) -> None:
    destroyed(said, call.data, people, "--from", "0.2", "--to", "0.8", "--track", "caller")
    chunks = rows(call.data, "SELECT id, party, n, path, offset, bytes FROM chunk ORDER BY id")
    ((gone, why, n),) = rows(call.data, "SELECT id, why, n FROM chunk_gap")
    assert (why, n) == ("card number", 0)
    for id, _, _, path, offset, size in chunks:
        left = segments.read(call.data / "recordings", Range(path, offset, size))
        assert (left is None) == (id == gone)
    to = call.data / "call.wav"
    code, out, err = said("export", "last", "--format", "wav", "--to", to)
    assert (code, "missing" in out) == (0, False), err
    assert "anybody can hear it" in out and "keys.json" not in out
    with wave.open(str(to)) as file:
        assert file.getnframes() == 2 * 8_000
    vcon = call.data / "a.vcon"
    code, out, err = said("export", "last", "--format", "vcon", "--to", vcon)
    assert (code, "missing" in out) == (0, False), err
    assert said("export", "last", "--to", call.data / "pack")[0] == 0
    assert cli.main(["verify", str(call.data / "pack")]) == 0


def test_two_people_must_agree(call: Playing, said: Any, people: list[Path]) -> None:
    said("redact", "last", "2", "--words", "2", *WHY, "--destroy")
    ((gate,),) = rows(call.data, "SELECT gate FROM span_shred")
    said("approve", gate, "--key", people[0])
    assert "monday" in said("transcript", "last")[1]
    code, _, err = said("redact", "last", "1", "--words", "1", *WHY, "--destroy")
    assert (code, "is requested already" in err) == (1, True)
    said("approve", gate, "--refuse", "--key", people[1])
    assert "monday" in said("transcript", "last")[1]


@pytest.mark.parametrize("against", ["hold", "lock"])
def test_nothing_stands_against_it_once_counsel_has_seen_it(
    call: Playing, said: Any, people: list[Path], against: str
) -> None:
    if against == "hold":
        said("hold", "place", "--matter", "M", "--call", "last")
    else:
        said("hold", "lock", "last", "--until", "2099-01-01", "--source", "the authority")
    code, _, err = said("redact", "last", "2", "--words", "2", *WHY, "--destroy")
    assert (code, "--counsel" in err) == (1, True)
    destroyed(said, call.data, people, "2", "--words", "2", "--counsel")
    assert "[card number]" in said("transcript", "last")[1]
    ((holds, counsel),) = rows(call.data, "SELECT holds, counsel FROM span_shred")
    assert (len(json.loads(holds)), counsel) == (1 if against == "hold" else 0, 1)


def test_the_reason_and_the_words_are_nowhere_in_clear(
    call: Playing, said: Any, people: list[Path]
) -> None:
    destroyed(said, call.data, people, "2", "--words", "2")
    for path in call.data.rglob("*"):
        if path.is_file():
            assert b"monday" not in path.read_bytes().lower()
            assert b"a card number" not in path.read_bytes()
