"""Claims about the offline verifier: an honest pack passes, and each lie is told by its name."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from recordings import evidence, verify
from runtime import canonical, checkpoint
from tests.recordings.call import (
    CALL,
    GRANTED_US,
    LOG_KEY,
    ORIGIN,
    OTHER_KEY,
    SECOND_US,
    VKEY,
    Call,
    Log,
    granted,
    honest,
)

WITHDRAWN_US = GRANTED_US + 2 * SECOND_US


def failures(pack: Path, older: str | None = None, key: str | None = None) -> list[str]:
    return verify.verify(pack, older, key).failures


def sign_again(pack: Path, key: Ed25519PrivateKey = LOG_KEY) -> None:
    """Make a manifest for what is there now, as the holder of the key can."""
    manifest = json.loads((pack / "manifest.json").read_bytes())
    names = [path.relative_to(pack).as_posix() for path in pack.rglob("*") if path.is_file()]
    manifest["files"] = {
        name: {"bytes": len(data), "sha256": sha256(data).hexdigest()}
        for name in names
        if not name.startswith("manifest.")
        for data in [(pack / name).read_bytes()]
    }
    lines = (pack / "entries.jsonl").read_bytes().splitlines()
    manifest["entries"] = len(lines)
    manifest["last_leaf"] = sha256(b"\x00" + lines[-1]).hexdigest()
    signed = canonical.encode(manifest)
    (pack / "manifest.json").write_bytes(signed)
    (pack / "manifest.sig").write_bytes(evidence.sign_manifest(signed, key))


def rewrite(log: Log, key: Callable[[dict[str, Any]], bool]) -> Log:
    """The log as its key holder would forge it: entries left out, the rest renumbered."""
    forged = Log()
    for raw in log.entries:
        entry = canonical.decode(raw)
        if key(entry):
            forged.append(entry["at_us"], entry["reducer"], entry["deltas"], entry["scope"])
    return forged


def suspended(call: Call, at_us: int, opened_us: int, suspended_us: int | None) -> None:
    """The recording's row, as it stands from now on."""
    row = {"id": CALL, "epoch": 1, "opened_us": opened_us, "suspended_us": suspended_us}
    call.log.append(at_us, "sessions.calls_joined", [["recording", None, row]])


@pytest.mark.parametrize(
    ("opened_us", "suspended_us", "is_within"),
    [
        (0, SECOND_US, True),
        (0, SECOND_US - 1, False),
        (0, None, True),
        (1, None, False),
    ],
)
def test_what_was_captured_in_a_pause_does_not_pass(
    tmp_path: Path, opened_us: int, suspended_us: int | None, is_within: bool
) -> None:
    call = granted()
    since_us = None if suspended_us is None else GRANTED_US + suspended_us
    suspended(call, GRANTED_US, GRANTED_US + opened_us, since_us)
    call.record("caller", 1, 0, GRANTED_US, GRANTED_US + 2 * SECOND_US)
    told = ["chunk caller-1-0 was captured while the recording was suspended"]
    assert failures(call.write(tmp_path)) == ([] if is_within else told)


def test_a_pause_which_another_call_ended_says_nothing_of_what_follows(tmp_path: Path) -> None:
    call = granted()
    suspended(call, GRANTED_US, GRANTED_US, GRANTED_US)
    call.record("caller", 2, 0, GRANTED_US + SECOND_US, GRANTED_US + 2 * SECOND_US)
    assert failures(call.write(tmp_path)) == []


# --- Honest packs


def test_an_honest_pack_passes(tmp_path: Path) -> None:
    call = honest()
    older = call.log.checkpoint(4)
    report = verify.verify(call.write(tmp_path), older, VKEY)
    assert report.failures == []
    assert report.notes == []
    assert len(report.checks) == len(verify.CLAIMS)


def test_a_call_that_was_never_recorded_passes(tmp_path: Path) -> None:
    call = Call()
    call.log.append(GRANTED_US, "sessions.call_answered", [])
    assert failures(call.write(tmp_path)) == []


@pytest.mark.parametrize("size", range(1, 18))
def test_every_checkpoint_that_the_pack_has_a_proof_for_is_extended(
    tmp_path: Path, size: int
) -> None:
    call = honest()
    older = call.log.checkpoint(size)
    pack = replace(call.pack(), older=[older])
    proof = json.loads(evidence.documents(pack)["consistency.json"])
    path = call.write(tmp_path)
    (path / "consistency.json").write_text(json.dumps(proof))
    sign_again(path)
    assert failures(path, older) == []


def test_a_party_whose_key_was_destroyed_is_named_and_the_rest_still_proved(
    tmp_path: Path,
) -> None:
    call = honest()
    del call.keys["key-caller"], call.keys["key-text"]
    for name in list(call.ciphertexts):
        if name.startswith(f"{CALL}/caller"):
            del call.ciphertexts[name]
    call.transcript = [{**item, "text": None} for item in call.transcript]
    report = verify.verify(call.write(tmp_path), call.log.checkpoint(4), VKEY)
    assert report.ok, report.failures
    assert report.notes == [
        "2 of 4 chunks cannot be heard: their key is not here",
        "2 of 2 segments cannot be read: their key is not here",
    ]


def test_a_caller_whose_key_was_destroyed_is_not_named_and_the_rest_still_proved(
    tmp_path: Path,
) -> None:
    call = honest()
    del call.keys["key-who"]
    path = call.write(tmp_path)
    report = verify.verify(path, call.log.checkpoint(4), VKEY)
    assert report.ok, report.failures
    assert report.notes == ["who called cannot be read: the key is not here"]
    assert json.loads((path / "callers.json").read_bytes()) == {"remote": None, "local": None}


def test_consent_given_again_opens_a_new_epoch_under_new_keys(tmp_path: Path) -> None:
    call = granted()
    call.record("caller", 1, 0, GRANTED_US, GRANTED_US + SECOND_US)
    call.event(GRANTED_US + SECOND_US, "withdrawn", 2)
    call.event(GRANTED_US + 2 * SECOND_US, "granted", 3, "key-agent")
    call.record("agent", 3, 0, GRANTED_US + 2 * SECOND_US, GRANTED_US + 3 * SECOND_US)
    assert failures(call.write(tmp_path)) == []


def test_the_last_chunk_may_run_on_until_the_gate_has_closed(tmp_path: Path) -> None:
    call = granted()
    withdrawn_us = GRANTED_US + SECOND_US - verify.GATE_CLOSING_US
    call.event(withdrawn_us, "withdrawn", 2)
    call.record("caller", 1, 0, GRANTED_US, GRANTED_US + SECOND_US)
    assert failures(call.write(tmp_path)) == []


def test_proofs_of_the_wrong_length_are_refused(tmp_path: Path) -> None:
    pack = honest().write(tmp_path)
    for name, reason in (
        ("proofs.json", "entry 2 is not proved to be in the signed log"),
        ("consistency.json", "the log does not extend its own checkpoint of size 6"),
    ):
        honestly = (pack / name).read_bytes()
        proofs = json.loads(honestly)
        for path in ([], proofs[0]["path"][:-1], [*proofs[0]["path"], "00" * 32]):
            proofs[0]["path"] = path
            (pack / name).write_bytes(canonical.encode(proofs))
            assert reason in failures(pack)
        (pack / name).write_bytes(honestly)
    assert failures(pack) == []


def test_a_chunk_deleted_when_its_time_had_come_leaves_its_hash_behind(tmp_path: Path) -> None:
    call = honest()
    gone = call.chunks.pop()
    call.log.append(WITHDRAWN_US + SECOND_US, "x", [["chunk", asdict(gone), None]])
    assert failures(call.write(tmp_path)) == []


# --- Lies of someone without the log key


def test_an_edited_event_is_refused(tmp_path: Path) -> None:
    pack = honest().write(tmp_path)
    entries = pack / "entries.jsonl"
    entries.write_bytes(entries.read_bytes().replace(b'"asked"', b'"heard"', 1))
    assert "entries.jsonl is not the file of the manifest" in failures(pack)
    assert "entry 3 is not proved to be in the signed log" in failures(pack)


def test_a_dropped_event_is_refused(tmp_path: Path) -> None:
    pack = honest().write(tmp_path)
    entries = pack / "entries.jsonl"
    lines = entries.read_bytes().splitlines(keepends=True)
    entries.write_bytes(b"".join(lines[:3] + lines[4:]))
    assert "entry 7 does not follow as number 4 of the call" in failures(pack)


def test_one_flipped_audio_byte_is_refused(tmp_path: Path) -> None:
    pack = honest().write(tmp_path)
    chunk = sorted((pack / "chunks").iterdir())[0]
    data = bytearray(chunk.read_bytes())
    data[1000] ^= 1
    chunk.write_bytes(data)
    assert f"chunks/{chunk.name} is not the file of the manifest" in failures(pack)
    sign_again(pack)
    reasons = failures(pack)
    assert any(reason.startswith("the ciphertext of chunk") for reason in reasons)
    assert any(reason.endswith("does not open as the audio that was logged") for reason in reasons)


def test_an_extra_file_is_refused(tmp_path: Path) -> None:
    pack = honest().write(tmp_path)
    (pack / "audio" / "better.wav").write_bytes(b"")
    assert failures(pack) == ["audio/better.wav is not in the manifest"]


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    pack = honest().write(tmp_path)
    (pack / "record.json").unlink()
    assert failures(pack) == ["'record.json' is missing"]


def test_a_manifest_signed_by_another_key_is_refused(tmp_path: Path) -> None:
    pack = honest().write(tmp_path)
    sign_again(pack, OTHER_KEY)
    assert failures(pack) == ["the manifest is not signed by the log key"]


def test_a_log_of_another_key_is_refused_by_who_knows_the_key(tmp_path: Path) -> None:
    call = honest()
    pack = call.write(tmp_path, OTHER_KEY)
    assert failures(pack) == []
    assert failures(pack, key=VKEY) == ["the log key is not the one you trust"]
    assert failures(pack, call.log.checkpoint(4)) == [
        "your checkpoint is not signed by the log key"
    ]


def test_a_log_of_another_name_is_refused_by_who_holds_a_checkpoint(tmp_path: Path) -> None:
    call = honest()
    older = checkpoint.sign("elsewhere", 4, bytes(32), LOG_KEY)
    assert failures(call.write(tmp_path), older) == ["your checkpoint is of another log"]


# --- Lies of the holder of the log key


def test_history_written_anew_is_caught_by_an_old_checkpoint_alone(tmp_path: Path) -> None:
    call = honest()
    older = call.log.checkpoint(6)
    call.log = rewrite(call.log, lambda entry: "asked" not in entry["reducer"])
    pack = call.write(tmp_path)
    assert failures(pack) == []
    assert failures(pack, older) == ["the log was rewritten after your checkpoint of size 6"]


def test_a_checkpoint_newer_than_the_pack_cannot_be_answered(tmp_path: Path) -> None:
    call = honest()
    pack = call.write(tmp_path)
    call.other_call(WITHDRAWN_US + SECOND_US)
    size = len(call.log.leaves)
    assert failures(pack, call.log.checkpoint()) == [
        f"the pack has no proof from your checkpoint of size {size}"
    ]


def test_audio_recorded_before_the_grant_is_refused_though_honestly_signed(
    tmp_path: Path,
) -> None:
    call = granted()
    call.record("caller", 1, 0, GRANTED_US - 1, GRANTED_US + SECOND_US)
    reason = "chunk caller-1-0 was captured before consent was granted"
    assert failures(call.write(tmp_path)) == [reason]


def test_audio_without_any_grant_is_refused_though_honestly_signed(tmp_path: Path) -> None:
    call = Call()
    call.event(GRANTED_US, "refused", 0)
    call.record("caller", 1, 0, GRANTED_US, GRANTED_US + SECOND_US)
    reason = "chunk caller-1-0 was sealed under a key that no grant gave"
    assert failures(call.write(tmp_path)) == [reason]


@pytest.mark.parametrize("late_us", [0, -SECOND_US + verify.GATE_CLOSING_US + 125])
def test_audio_recorded_after_a_withdrawal_is_refused_though_honestly_signed(
    tmp_path: Path, late_us: int
) -> None:
    call = honest()
    call.record("caller", 2, 9, WITHDRAWN_US + late_us, WITHDRAWN_US + 2 * SECOND_US)
    reason = "chunk caller-2-9 was captured after consent was withdrawn"
    assert failures(call.write(tmp_path)) == [reason]


def test_audio_of_an_old_epoch_is_refused(tmp_path: Path) -> None:
    call = granted()
    call.event(GRANTED_US, "granted", 2, "key-agent")
    call.record("agent", 1, 0, GRANTED_US, GRANTED_US + SECOND_US)
    reason = "chunk agent-1-0 is of an epoch before the last grant"
    assert failures(call.write(tmp_path)) == [reason]


def test_a_withdrawal_of_another_scope_closes_nothing(tmp_path: Path) -> None:
    call = granted()
    row = {"call": CALL, "scope": "training", "kind": "withdrawn", "epoch": 1, "key_id": None}
    call.log.append(GRANTED_US, "consent.withdrawn", [["consent_event", None, row]])
    call.record("caller", 1, 0, GRANTED_US, GRANTED_US + SECOND_US)
    assert failures(call.write(tmp_path)) == []


def test_an_event_of_consent_that_changes_later_is_refused(tmp_path: Path) -> None:
    call = honest()
    row = {"call": CALL, "scope": "recording", "kind": "withdrawn", "epoch": 2, "key_id": None}
    call.log.append(WITHDRAWN_US + SECOND_US, "x", [["consent_event", row, None]])
    assert failures(call.write(tmp_path)) == ["entry 18 changes an event of consent"]


def test_a_chunk_that_changes_later_is_refused(tmp_path: Path) -> None:
    call = honest()
    row = asdict(call.chunks[0])
    later = {**row, "captured_from_us": GRANTED_US + 1}
    call.log.append(WITHDRAWN_US + SECOND_US, "x", [["chunk", row, later]])
    assert failures(call.write(tmp_path)) == ["entry 18 changes a chunk of the recording"]


def test_a_nonce_used_twice_is_refused(tmp_path: Path) -> None:
    call = granted()
    call.record("caller", 1, 0, GRANTED_US, GRANTED_US + SECOND_US)
    row = {**asdict(call.chunks[0]), "party": "agent"}
    call.log.append(GRANTED_US + SECOND_US, "x", [["chunk", None, row]])
    assert "chunk agent-1-0 repeats a nonce of its key" in failures(call.write(tmp_path))


def test_time_that_goes_back_is_refused(tmp_path: Path) -> None:
    call = honest()
    call.log.append(GRANTED_US, "sessions.call_ended", [])
    assert failures(call.write(tmp_path)) == ["entry 18 is earlier than entry 16 before it"]


def test_rows_of_another_call_are_refused(tmp_path: Path) -> None:
    call = honest()
    row = {**asdict(call.chunks[0]), "call": "call-8"}
    call.log.append(WITHDRAWN_US + SECOND_US, "x", [["chunk", row, None]])
    assert failures(call.write(tmp_path)) == ["entry 18 holds a chunk of another call"]


@pytest.mark.parametrize("track", ["caller", "agent", "stereo"])
def test_audio_that_is_not_the_sealed_audio_is_refused(tmp_path: Path, track: str) -> None:
    pack = honest().write(tmp_path)
    path = pack / "audio" / f"{track}.wav"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    sign_again(pack)
    assert [reason.split(".")[0] for reason in failures(pack)] == [f"audio/{track}"]


def test_an_edited_transcript_is_refused_though_signed_again(tmp_path: Path) -> None:
    pack = honest().write(tmp_path)
    path = pack / "transcript.json"
    path.write_text(path.read_text(encoding="utf-8").replace("Bitte", "Nein"), encoding="utf-8")
    sign_again(pack)
    assert failures(pack) == ["segment segment-1 of transcript.json is not what was sealed"]


def test_another_caller_is_refused_though_signed_again(tmp_path: Path) -> None:
    pack = honest().write(tmp_path)
    path = pack / "callers.json"
    path.write_text(path.read_text(encoding="utf-8").replace("0001122", "0001123"))
    sign_again(pack)
    assert failures(pack) == ["callers.json does not say who called whom as it was sealed"]


def test_an_audio_file_of_nobody_is_refused(tmp_path: Path) -> None:
    pack = honest().write(tmp_path)
    (pack / "chunks" / ("0" * 64)).write_bytes(b"x")
    sign_again(pack)
    assert failures(pack) == [f"chunks/{'0' * 64} belongs to no chunk of the call"]


# --- Hostile packs


HOSTILE = [b"", b"\xff\xfe", b"[]", b"{}", b"null", b"[" * 100_000, b"1e999", b'[{"a":1}]', b"\n"]
NAMES = [
    "entries.jsonl",
    "proofs.json",
    "checkpoint.txt",
    "consistency.json",
    "log.vkey",
    "keys.json",
    "transcript.json",
    "callers.json",
    "manifest.json",
    "manifest.sig",
    "audio/caller.wav",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("data", HOSTILE, ids=range(len(HOSTILE)))
def test_nonsense_is_a_failure_and_never_an_error(tmp_path: Path, name: str, data: bytes) -> None:
    pack = honest().write(tmp_path)
    (pack / name).write_bytes(data)
    assert failures(pack, honest().log.checkpoint(4), VKEY)


@pytest.mark.parametrize(
    "row", [None, 1, [], {}, {"call": CALL}, {"call": CALL, "sha256": "../../x"}]
)
@pytest.mark.parametrize("table", ["chunk", "consent_event", "segment", "call"])
def test_rows_of_nonsense_are_a_failure_and_never_an_error(
    tmp_path: Path, table: str, row: object
) -> None:
    call = honest()
    call.log.append(WITHDRAWN_US + SECOND_US, "x", [[table, None, row]])
    assert failures(call.write(tmp_path))


@pytest.mark.parametrize(
    "change",
    [
        {"first_sample": 2**53 - 1},
        {"first_sample": -1},
        {"samples": 10**12},
        {"sha256": "../keys.json"},
        {"epoch": -1},
        {"n": 2**53 - 1, "epoch": 2**40},
        {"party": "nobody"},
    ],
)
def test_an_impossible_chunk_is_a_failure_and_takes_no_room(
    tmp_path: Path, change: dict[str, object]
) -> None:
    call = honest()
    row = {**asdict(call.chunks[0]), "n": 77, **change}
    call.log.append(WITHDRAWN_US - SECOND_US, "x", [["chunk", None, row]])
    assert failures(call.write(tmp_path))


def test_a_name_that_leads_out_of_the_folder_is_not_opened(tmp_path: Path) -> None:
    pack = honest().write(tmp_path)
    manifest = json.loads((pack / "manifest.json").read_bytes())
    manifest["files"]["../secret"] = {"bytes": 1, "sha256": "0"}
    (pack / "manifest.json").write_bytes(canonical.encode(manifest))
    assert "'../secret' is missing" in failures(pack)


def test_a_link_is_refused(tmp_path: Path) -> None:
    pack = honest().write(tmp_path)
    (pack / "record.json").unlink()
    (pack / "record.json").symlink_to("/dev/zero")
    assert failures(pack) == ["'record.json' is a link or a device; a pack holds plain files"]


def test_a_file_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    pack = honest().write(tmp_path)
    os.truncate(pack / "keys.json", verify.DOCUMENT_BYTES_MAX + 1)
    os.truncate(pack / "record.json", verify.WAV_BYTES_MAX + 1)
    reasons = failures(pack)
    assert f"keys.json is larger than {verify.DOCUMENT_BYTES_MAX} bytes" in reasons
    assert f"record.json is larger than {verify.WAV_BYTES_MAX} bytes" in reasons


# --- The command


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The copy in the pack, away from Parley."""
    command = [sys.executable, "-I", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_copy_in_the_pack_verifies_without_parley(tmp_path: Path) -> None:
    call = honest()
    pack = call.write(tmp_path)
    older = tmp_path / "older.txt"
    older.write_text(call.log.checkpoint(4), encoding="utf-8")
    done = run(pack / "verify.py", pack, "--checkpoint", older, "--key", VKEY)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f"verify: ok ({len(verify.CLAIMS)} checks)\n")
    # And it leaves the pack as it was.
    assert failures(pack) == []


def test_a_lie_is_status_1_and_no_pack_is_status_2(tmp_path: Path) -> None:
    pack = honest().write(tmp_path)
    (pack / "README.txt").write_bytes(b"")
    done = run(verify.__file__, pack)
    assert (done.returncode, done.stderr) == (1, "")
    assert "FAILS: README.txt is not the file of the manifest" in done.stdout
    assert run(verify.__file__, tmp_path / "nowhere").returncode == 2
    assert run(verify.__file__, pack, "--checkpoint", tmp_path / "none").returncode == 2
    assert run(verify.__file__).returncode == 2


def test_the_keys_of_a_pack_are_written_as_base64(tmp_path: Path) -> None:
    pack = honest().write(tmp_path)
    keys = json.loads((pack / "keys.json").read_bytes())
    assert base64.b64decode(keys["key-agent"]) == b"a" * 32
    assert (pack / "log.vkey").read_text(encoding="utf-8") == f"{VKEY}\n"
    assert VKEY.startswith(ORIGIN)
