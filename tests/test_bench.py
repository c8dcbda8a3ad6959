"""The benchmarks run and print their tables; how fast anything is, is not claimed here."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.slow


def printed(module: str, *argv: str) -> str:
    command = [sys.executable, "-m", module, *argv]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_store_is_measured() -> None:
    out = printed("bench.store", "--clients", "1", "4", "--seconds", "0.1")
    assert "actions, 1 clients" in out and "actions, 4 clients" in out


def test_we_are_measured_beside_dbos() -> None:
    pytest.importorskip("dbos", reason="make bench installs it")
    out = printed("bench.dbos", "--clients", "2", "--seconds", "0.3")
    assert "DBOS failed" not in out
    assert "ours / theirs" in out
    assert "synchronous_commit = on" in out or "PostgreSQL" in out


def test_datagrams_are_measured() -> None:
    out = printed("bench.datagrams", "20")
    assert "one shared port, batched" in out and "20 calls" in out


def test_the_log_is_measured() -> None:
    out = printed("bench.log", "--entries", "1000", "--calls", "20")
    for line in ("bytes per action", "verify every hash", "start to first answer"):
        assert line in out
    assert "20 answered, 20 legs, 20 open effects" in out


def test_speech_and_key_presses_over_bad_networks_are_measured() -> None:
    out = printed("bench.lossy")
    rows = {line[:16].strip(): line[16:].split() for line in out.splitlines()[2:]}
    assert {"no loss", "1 %", "5 %", "10 %", "20 %", "10 % in bursts"} <= rows.keys()
    assert all(row[5:] == ["10000", "10000", "0", "0"] for row in rows.values())


def test_sealing_is_measured() -> None:
    out = printed("bench.sealing", "200", "0.3")
    for line in ("sealing in memory", "in segments", "a file each"):
        assert line in out


def test_gates_are_measured() -> None:
    out = printed("bench.consent", "--calls", "4")
    for line in ("from the command to the last sample", "to the first sample", "floor: a tick"):
        assert line in out


def test_hostile_messages_are_measured() -> None:
    out = printed("bench.hostile", "--messages", "50")
    assert "made to be slow" in out and "> 1 ms" in out


def test_calls_on_a_core_are_measured() -> None:
    few = ("--calls", "20", "--seconds", "0.5")
    out = printed("bench.media_plane", *few, "--only", "Parley, one")
    assert "Parley, one shared port" in out
    assert "tick p50" in out
    assert "a protocol a call" not in out


def test_what_is_found_in_words_is_counted() -> None:
    out = printed("bench.redaction")
    rows = {line[:34].strip(): line[34:].split() for line in out.splitlines()[1:7]}
    assert rows["cards, the compared utterances"][:3] == ["7", "of", "7"]
    assert rows["found where nothing is"][:3] == ["0", "of", "330"]
    assert "missed" not in out and "wrong" not in out


def test_what_is_no_answer_is_heard_and_none_grants() -> None:
    """The exit code says that; here, of some of them."""
    out = printed("bench.answers", "--every", "96", "--turns", "1")
    rows = {line[:44].strip(): line[44:].split() for line in out.splitlines()}
    assert int(rows["utterances that are no answer"][0]) > 5
    assert rows["granted by saying it twice"][0] == rows["granted by the worst pair"][0] == "0"
    assert "read back: not understood" in out and "hearings: p50" in out


def test_packs_are_measured() -> None:
    out = printed("bench.packs", "0.1")
    assert "floor: SHA-256 and AES-GCM" in out and "verify.py" in out
    assert "sealed audio" in out and "of it proof.json" in out
