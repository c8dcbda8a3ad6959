"""parley proof: what it writes holds without the store, and only with the right key."""

from pathlib import Path
from typing import Any

import apsw
import pytest

from parley import cli
from runtime import checkpoint, timestamps
from runtime.log_key import ORIGIN, load_or_create
from tests.parley.a_call import Playing, agreed, playing
from tests.runtime.authority import Authority, made

pytestmark = pytest.mark.anyio

LATER_US = 4_000_000_000_000_000


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command; its exit code, output and errors."""

    def run(*argv: object) -> tuple[int, str, str]:
        code = cli.main([str(one) for one in argv])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def data(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    made.mkdir()
    return made


@pytest.fixture
async def call(data: Path) -> Playing:
    return await agreed(data)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return made(tmp_path / "authority")


def vkey(data: Path) -> str:
    return checkpoint.verifier_key(ORIGIN, load_or_create(data / "log.key").public_key())


def newest(data: Path) -> tuple[int, str]:
    rows = apsw.Connection(str(data / "parley.db"))
    found = rows.execute("SELECT size, note FROM checkpoint ORDER BY size DESC").fetchone()
    rows.close()
    assert found is not None
    size, note = found
    assert isinstance(size, int) and isinstance(note, str)
    return size, note


def stamp(data: Path, token: bytes) -> None:
    rows = apsw.Connection(str(data / "parley.db"))
    rows.execute("INSERT INTO stamp VALUES (?, 1, ?)", (newest(data)[0], token))
    rows.close()


async def test_an_entry_is_proved_without_the_store(
    call: Playing, data: Path, tmp_path: Path, said: Any
) -> None:
    proof = tmp_path / "one.tlog-proof"
    code, out, _ = said("proof", call.seqs["consent_answered"], "--to", proof, "--data", data)
    assert code == 0
    assert f"written: {proof}, under the checkpoint of size {newest(data)[0]}" in out
    key = vkey(data)
    (data / "parley.db").unlink()
    code, out, _ = said("proof", "--verify", proof, "--key", key)
    assert code == 0
    assert f"holds: entry {call.seqs['consent_answered']} is in the log" in out
    assert '"reducer": "sessions.consent_answered"' in out


async def test_a_call_is_proved_by_its_last_entry(call: Playing, data: Path, said: Any) -> None:
    code, out, _ = said("proof", "last", "--data", data)
    assert code == 0
    assert f"\nindex {call.seqs['call_sealed'] - 1}\n" in out
    assert out.endswith(newest(data)[1])


async def test_a_changed_proof_and_another_key_prove_nothing(
    call: Playing, data: Path, tmp_path: Path, said: Any
) -> None:
    proof = tmp_path / "one.tlog-proof"
    said("proof", 1, "--to", proof, "--data", data)
    other = checkpoint.verifier_key(ORIGIN, load_or_create(tmp_path / "other.key").public_key())
    code, _, err = said("proof", "--verify", proof, "--key", other)
    assert code == 1 and "bears no signature" in err
    proof.write_text(proof.read_text().replace("index 0", "index 1"))
    code, _, err = said("proof", "--verify", proof, "--key", vkey(data))
    assert code == 1 and "proves nothing: the entry is not in the log" in err


async def test_growth_is_proved_from_the_checkpoint_you_hold(
    data: Path, tmp_path: Path, said: Any
) -> None:
    first = await agreed(data, "call_a1")
    size, note = newest(data)
    held = tmp_path / "held.txt"
    held.write_text(note)
    await agreed(data, "call_b2", first.now_us + 1_000_000)
    grown = tmp_path / "growth.txt"
    assert said("proof", "--from", size, "--to", grown, "--data", data)[0] == 0
    code, out, _ = said("proof", "--verify", grown, "--key", vkey(data), "--checkpoint", held)
    assert code == 0
    assert out == f"holds: the log of {newest(data)[0]} entries begins with your {size}\n"
    code, _, err = said("proof", "--verify", grown, "--key", vkey(data))
    assert code == 2 and "--checkpoint FILE" in err


async def test_what_is_not_there_or_not_signed_is_no(data: Path, said: Any) -> None:
    call = await playing(data)
    await call.ring()
    await call.store.close()
    for what, why in (
        ((1,), "entry 1 is not signed yet"),
        ((999,), "there is no entry 999"),
        (("9" * 40,), "there is no entry"),
        (("--from", 1), "the newest checkpoint is of size 0"),
    ):
        code, _, err = said("proof", *what, "--data", data)
        assert code == 1 and why in err


@pytest.mark.parametrize(
    ("argv", "hint"),
    [
        ([], "one of SEQ, CALL"),
        (["1", "--from", "1"], "one of SEQ, CALL"),
        (["--verify", "nowhere"], "--key VKEY"),
        (["--verify", "nowhere", "--key", "x"], "cannot be read"),
    ],
)
def test_a_question_that_is_none_is_misuse(argv: list[str], hint: str, said: Any) -> None:
    code, _, err = said("proof", *argv)
    assert code == 2 and hint in err


async def test_a_proof_carries_the_time_stamp_of_its_checkpoint(
    call: Playing, data: Path, tmp_path: Path, authority: Authority, said: Any
) -> None:
    stamp(data, authority.answer(timestamps.query(newest(data)[1]).der))
    proof = tmp_path / "one.tlog-proof"
    code, out, _ = said("proof", 1, "--to", proof, "--data", data)
    assert code == 0 and f"{proof}.tsr" in out
    verifying = ["proof", "--verify", proof, "--key", vkey(data)]
    code, out, _ = said(*verifying, "--authority", authority.ca)
    assert code == 0 and "says CN=Test authority" in out
    code, out, _ = said(*verifying)
    assert code == 0 and "--authority PEM checks by whom" in out
    stranger = made(tmp_path / "stranger")
    code, _, err = said(*verifying, "--authority", stranger.ca)
    assert code == 1 and "the time stamp does not hold" in err
    (tmp_path / "one.tlog-proof.tsr").write_bytes(b"garbage")
    assert said(*verifying)[0] == 1
    (tmp_path / "one.tlog-proof.tsr").unlink()
    assert said(*verifying)[0] == 0
    code, _, err = said(*verifying, "--authority", authority.ca)
    assert code == 2 and "there is no time stamp" in err


async def test_a_pack_carries_the_time_stamp(
    call: Playing, data: Path, tmp_path: Path, authority: Authority, said: Any
) -> None:
    stamp(data, authority.answer(timestamps.query(newest(data)[1]).der))
    pack = tmp_path / "pack"
    assert said("export", "last", "--to", pack, "--data", data)[0] == 0
    note, token = (pack / "data" / "tsr" / f"checkpoint.{kind}" for kind in ("txt", "tsr"))
    assert timestamps.check(token.read_bytes(), note.read_text()).at
    code, out, _ = said("verify", pack)
    assert code == 0 and "openssl ts -verify" in out


async def test_a_stamp_on_another_text_speaks_against_a_pack(
    call: Playing, data: Path, tmp_path: Path, authority: Authority, said: Any
) -> None:
    stamp(data, authority.answer(timestamps.query("another text").der))
    assert said("export", "last", "--to", tmp_path / "pack", "--data", data)[0] == 0
    code, out, _ = said("verify", tmp_path / "pack")
    assert code == 1 and "FAILS stamp: the time stamp is of another text" in out


async def test_a_pack_proves_growth_from_what_the_recipient_holds(
    data: Path, tmp_path: Path, said: Any
) -> None:
    await agreed(data, "call_a1")
    pack, held = tmp_path / "pack", tmp_path / "held.txt"
    said("export", "last", "--to", tmp_path / "first", "--data", data)
    held.write_bytes((tmp_path / "first" / "data" / "checkpoint.txt").read_bytes())
    # By the clock of this machine the export was noted; the next call is later.
    await agreed(data, "call_b2", LATER_US)
    rows = apsw.Connection(str(data / "parley.db"))
    rows.execute("DELETE FROM checkpoint WHERE size < ?", (newest(data)[0],))
    rows.close()
    exporting = ["export", "last", "--to", pack, "--data", data]
    assert said(*exporting, "--checkpoint", held)[0] == 0
    assert said("verify", pack, "--checkpoint", held)[0] == 0
    code, _, err = said("export", "last", "--to", pack, "--data", data, "--checkpoint", __file__)
    assert code == 2 and "is no checkpoint" in err
