"""Attack A15: who administers the store adds rows to it, or puts an old copy of it back."""

import asyncio
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from parley import cli, history
from runtime.keystore import KeyDestroyed, Keystore
from tests.parley.a_call import Playing, agreed

assert len(history.DECLARING) > 1, "a store has the tables of all that was imported"


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


def erased(said: Any, tmp_path: Path) -> None:
    """By two people, as ever."""
    keys = [tmp_path / "ann.pem", tmp_path / "bob.pem"]
    for key in keys:
        said("identity", "new", "--name", key.stem, "--role", "privacy-officer", "--out", key)
    assert said("erase", "last", "--reason", "she asked")[0] == 0
    store = sqlite3.connect(tmp_path / "data" / "parley.db")
    ((gate,),) = store.execute("SELECT gate FROM erasure").fetchall()
    store.close()
    for key in keys:
        assert said("approve", gate, "--key", key)[0] == 0


def put_back(copy: Path, data: Path, *names: str) -> None:
    """As if it had never been erased."""
    for name in names:
        there = data / name
        if there.is_dir():
            shutil.rmtree(there)
            shutil.copytree(copy / name, there)
        else:
            for path in data.glob(f"{name}*"):
                path.unlink()
            for path in copy.glob(f"{name}*"):
                shutil.copy2(path, data / path.name)


READS = (
    ("transcript", "last"),
    ("show", "last"),
    ("search", "monday"),
    ("export", "last", "--format", "wav", "--to", "call.wav"),
    ("export", "last", "--format", "vcon", "--to", "call.vcon"),
)


@pytest.mark.parametrize("read", READS, ids=" ".join)
def test_an_old_keystore_does_not_open_what_rows_call_destroyed(
    call: Playing, said: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(call.data, tmp_path / "copy")
    erased(said, tmp_path)
    put_back(tmp_path / "copy", call.data, "keys", "recordings")
    assert Keystore(call.data / "keys").key(call.words_key), "the attack: the keys are back"
    _, out, _ = said(*read)
    assert "monday" not in out and "anna" not in out
    # They were destroyed again, before anything was read.
    for key_id in (call.words_key, call.caller_key, *call.granted.values()):
        with pytest.raises(KeyDestroyed):
            Keystore(call.data / "keys").key(key_id)
    vcon = tmp_path / "call.vcon"
    assert not (tmp_path / "call.wav").exists()
    assert not vcon.exists() or b"UklGR" not in vcon.read_bytes()


def test_an_old_store_does_not_bring_keys_back(call: Playing, said: Any, tmp_path: Path) -> None:
    shutil.copytree(call.data, tmp_path / "copy")
    erased(said, tmp_path)
    put_back(tmp_path / "copy", call.data, "parley.db")
    _, out, _ = said("transcript", "last")
    assert "monday" not in out
    with pytest.raises(KeyDestroyed):
        Keystore(call.data / "keys").key(call.words_key)


def test_a_row_that_no_action_wrote_is_found(call: Playing, said: Any, tmp_path: Path) -> None:
    """A consent that nobody gave, added by hand."""
    assert "identical" in said("replay", "--all")[1]
    store = sqlite3.connect(call.data / "parley.db")
    columns = [name for _, name, *_ in store.execute("PRAGMA table_info(consent_event)")]
    last = dict(
        zip(
            columns,
            store.execute("SELECT * FROM consent_event ORDER BY id DESC").fetchone(),
            strict=True,
        )
    )
    made = last | {"id": f"{call.call}/9999"}
    marks = ", ".join("?" * len(columns))
    store.execute(f"INSERT INTO consent_event VALUES ({marks})", [made[name] for name in columns])
    store.commit()
    store.close()
    code, out, _ = said("replay", "--all")
    assert code == 1
    assert f"row consent_event {call.call}/9999" in out


def test_a_chunk_that_no_action_wrote_is_refused_by_the_store_and_by_the_verifier(
    call: Playing, said: Any, tmp_path: Path
) -> None:
    pack = tmp_path / "pack"
    assert said("export", "last", "--to", pack)[0] == 0
    assert cli.main(["verify", str(pack)]) == 0
    store = sqlite3.connect(call.data / "parley.db")
    columns = [name for _, name, *_ in store.execute("PRAGMA table_info(chunk)")]
    first = dict(
        zip(columns, store.execute("SELECT * FROM chunk ORDER BY id").fetchone(), strict=True)
    )
    made = first | {"id": f"{first['id']}9", "n": 9, "first_sample": 80_000}
    added = f"INSERT INTO chunk VALUES ({', '.join('?' * len(columns))})"
    values = [made[name] for name in columns]
    with pytest.raises(sqlite3.IntegrityError, match="not admitted"):
        store.execute(added, values)
    # Whoever has the file can take the trigger away; not the log.
    store.execute("DROP TRIGGER chunk_admitted")
    store.execute(added, values)
    store.commit()
    store.close()
    code, out, _ = said("replay", "--all")
    assert code == 1
    assert f"row chunk {made['id']}" in out
    other = tmp_path / "other"
    code, _, err = said("export", "last", "--to", other)
    assert code == 0, err
    assert cli.main(["verify", str(other)]) == 1
