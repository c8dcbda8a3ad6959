"""Claims about both verifiers: honest packs pass, and each lie is told by the name of its rule."""

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from consent.machine import OPENING, ROWS, State
from recordings import evidence, verify
from recordings.pack import open_keys
from recordings.pack.checks import check
from runtime import canonical
from tests.recordings.call import (
    BEGIN_US,
    CALL,
    GRANTED_US,
    LOG_KEY,
    OTHER_KEY,
    SECOND_US,
    VKEY,
    WITHDRAWN_US,
    Call,
    Log,
    granted,
    honest,
)

LINES = 150
LATER_US = WITHDRAWN_US + 2 * SECOND_US
Tampered = Callable[[Path], "tuple[Path, str | None]"]


def broken(
    pack: Path, older: str | None = None, key: str | None = None, keys: str | None = None
) -> set[str]:
    """The rules that do not hold: both verifiers name the same."""
    given: dict[str, str] = {}
    for name, text in (("checkpoint", older), ("keys", keys)):
        if text is not None:
            path = pack.parent / f"{name}.held"
            path.write_text(text, encoding="utf-8")
            given[name] = str(path)
    if key is not None:
        given["key"] = key
    ours = set(verify.verify(str(pack), **given))
    options = [word for name, value in given.items() for word in (f"--{name}", value)]
    command = ["node", str(pack / "verify.mjs"), str(pack), "--json", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    theirs = set(json.loads(done.stdout))
    assert ours == theirs
    assert done.returncode == (1 if theirs else 0)
    return ours


def sign_again(pack: Path, key: Ed25519PrivateKey = LOG_KEY) -> None:
    """Make manifests for what is there now, as the holder of the key can."""
    digests = {
        path.relative_to(pack).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in pack.rglob("*")
        if path.is_file()
    }
    payload = {name: one for name, one in digests.items() if name.startswith("data/")}
    content = evidence.manifest(payload)
    (pack / evidence.MANIFEST).write_bytes(content)
    digests[evidence.MANIFEST] = sha256(content).hexdigest()
    beside = {name: digests[name] for name in digests.keys() - payload.keys()}
    tags = evidence.manifest(
        {name: one for name, one in beside.items() if not name.startswith("tagmanifest")}
    )
    (pack / evidence.TAG_MANIFEST).write_bytes(tags)
    (pack / evidence.SIGNATURE).write_bytes(evidence.sign(tags, key))


def rewrite(log: Log, keep: Callable[[dict[str, Any]], bool]) -> Log:
    """The log as its key holder would forge it: entries left out, the rest renumbered."""
    forged = Log()
    for raw in log.entries:
        entry = canonical.decode(raw)
        if keep(entry):
            forged.append(entry["at_us"], entry["reducer"], entry["deltas"], entry["scope"])
    return forged


def edit(pack: Path, old: bytes, new: bytes, name: str = "data/entries.jsonl") -> None:
    content = (pack / name).read_bytes()
    assert old in content
    (pack / name).write_bytes(content.replace(old, new, 1))


# --- Honest packs


def test_an_honest_pack_passes_also_with_an_old_checkpoint(tmp_path: Path) -> None:
    call = honest()
    pack = call.write(tmp_path)
    assert broken(pack) == set()
    for size in (1, 4, 6):
        assert broken(pack, call.log.checkpoint(size), VKEY) == set()
    assert broken(pack, call.log.checkpoint(), VKEY) == set()


def test_a_call_that_was_never_recorded_passes(tmp_path: Path) -> None:
    call = Call()
    call.ask(BEGIN_US)
    call.event(GRANTED_US, 13, "no", "refused")
    assert broken(call.write(tmp_path)) == set()


def test_a_shredded_pack_passes_also_with_an_old_checkpoint(tmp_path: Path) -> None:
    call = honest()
    call.destroy(LATER_US, "key-caller")
    pack = call.write(tmp_path)
    assert len([*(pack / "data/audio").iterdir()]) == 2
    assert broken(pack) == set()
    assert broken(pack, call.log.checkpoint(6), VKEY) == set()


def test_a_pause_and_new_consent_pass(tmp_path: Path) -> None:
    call = honest()
    call.event(LATER_US, 28, "volunteered", "ask_due")
    call.event(LATER_US, 9, "heard", "asked", prompt="utterance-1")
    call.keys["new-caller"] = call.keys["new-agent"] = b"n" * 32
    call.grant(LATER_US, keys="new")
    call.event(LATER_US + SECOND_US, 21, "held", "granted", closed_by=["hold"])
    call.event(LATER_US + 2 * SECOND_US, 23, "resumed", "granted")
    assert broken(call.write(tmp_path)) == set()


def test_words_that_are_locked_for_recipients_are_opened_by_them_alone(tmp_path: Path) -> None:
    call = honest()
    mine, theirs = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65_537, 2_048)
    call.recipients = [mine.public_key(), theirs.public_key()]
    pack = call.write(tmp_path)
    assert not (pack / "data/call.wav").exists()
    assert not (pack / "data/transcript.json").exists()
    assert broken(pack) == set()
    locked = pack / "data/keys.json"
    form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for number, content in enumerate((mine.private_bytes(*form), theirs.private_bytes(*form))):
        pem = tmp_path / f"{number}.pem"
        pem.write_bytes(content)
        command = [sys.executable, "-I", str(pack / "open_keys.py"), str(locked), str(pem)]
        keys = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert base64.b64decode(json.loads(keys)["key-agent"]) == b"a" * 32
        assert broken(pack, keys=keys) == set()
    swapped = json.dumps({"key-agent": base64.b64encode(b"c" * 32).decode()})
    assert broken(pack, keys=swapped) == {"sealed"}
    other = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(ValueError, match="not locked for this private key"):
        open_keys.opened(json.loads(locked.read_bytes()), other)


def test_a_chunk_under_a_key_of_its_own_passes_and_one_that_is_gone_is_told(tmp_path: Path) -> None:
    call = granted()
    call.record("caller", 1, 0, GRANTED_US, GRANTED_US + SECOND_US, wrap=True)
    call.record("caller", 1, 1, GRANTED_US + SECOND_US, WITHDRAWN_US, wrap=True)
    gone = call.chunks.pop()
    gap = {"id": gone.name, "call": CALL, "party": "caller", "epoch": 1, "n": 1, "why": "a card"}
    gap |= {"from_us": WITHDRAWN_US, "until_us": WITHDRAWN_US, "at_us": WITHDRAWN_US}
    call.add(WITHDRAWN_US, "recordings.chunk_removed", ("chunk_gap", gap))
    pack = call.write(tmp_path)
    assert len([*(pack / "data/audio").iterdir()]) == 1
    assert broken(pack) == set()
    assert check(pack) == {}


@pytest.mark.parametrize(
    ("name", "rule"), [("call.wav", "sound"), ("transcript.json", "transcript")]
)
def test_what_is_shown_otherwise_than_it_was_sealed(tmp_path: Path, name: str, rule: str) -> None:
    pack = honest().write(tmp_path)
    assert check(pack) == {}
    shown = (pack / "data" / name).read_bytes()
    (pack / "data" / name).write_bytes(shown[:-1] + b"x" if rule == "sound" else shown)
    if rule == "transcript":
        edit(pack, b"Bitte", b"Nein!", f"data/{name}")
    assert set(check(pack)) == {rule}


# --- The nine


def test_1_an_edited_event(tmp_path: Path) -> None:
    pack = honest().write(tmp_path)
    edit(pack, b'"dtmf:1"', b'"dtmf:2"')
    assert {"bag", "log"} <= broken(pack)
    sign_again(pack)
    assert broken(pack) == {"log", "chain"}


def test_2_a_dropped_event(tmp_path: Path) -> None:
    pack = honest().write(tmp_path)
    lines = (pack / "data/entries.jsonl").read_bytes().splitlines(keepends=True)
    (pack / "data/entries.jsonl").write_bytes(b"".join(lines[:-1]))
    sign_again(pack)
    assert broken(pack) == {"log"}
    (pack / "data/entries.jsonl").write_bytes(b"".join(lines[:-2] + lines[-1:]))
    sign_again(pack)
    assert broken(pack) == {"log", "chain"}


def test_3_history_written_anew_is_caught_by_an_old_checkpoint_alone(tmp_path: Path) -> None:
    call = honest()
    older = call.log.checkpoint(6)
    call.log = rewrite(call.log, lambda entry: entry["reducer"] != "sessions.call_answered")
    pack = call.write(tmp_path)
    assert "history" not in broken(pack)
    assert "history" in broken(pack, older)


def test_4_another_key(tmp_path: Path) -> None:
    call = honest()
    pack = call.write(tmp_path, OTHER_KEY)
    assert broken(pack) == set()
    assert broken(pack, key=VKEY) == {"key"}
    sign_again(pack, LOG_KEY)
    assert broken(pack) == {"signature"}


def test_5_one_audio_byte_flipped(tmp_path: Path) -> None:
    pack = honest().write(tmp_path)
    chunk = sorted((pack / "data/audio").iterdir())[0]
    data = bytearray(chunk.read_bytes())
    data[1000] ^= 1
    chunk.write_bytes(data)
    assert broken(pack) == {"bag", "audio", "sealed"}
    sign_again(pack)
    assert broken(pack) == {"audio", "sealed"}


def test_6_audio_recorded_after_withdrawal_though_honestly_signed(tmp_path: Path) -> None:
    call = honest()
    call.turn(LATER_US, state="open", epoch=2, first_epoch=2)
    call.record("caller", 2, 0, WITHDRAWN_US, LATER_US)
    assert broken(call.write(tmp_path)) == {"open"}


def test_6_one_sample_after_withdrawal_is_too_much(tmp_path: Path) -> None:
    call = granted()
    call.event(GRANTED_US + SECOND_US - 1, 18, "withdrawn", "withdrawn")
    call.record("caller", 1, 0, GRANTED_US, GRANTED_US + SECOND_US)
    assert broken(call.write(tmp_path)) == {"open"}


def test_7_a_key_destroyed_under_legal_hold(tmp_path: Path) -> None:
    call = honest()
    call.hold(LATER_US)
    call.destroy(LATER_US, "key-caller")
    assert broken(call.write(tmp_path)) == {"hold"}


def test_7_a_hold_that_was_released_does_not_bind(tmp_path: Path) -> None:
    call = honest()
    call.hold(LATER_US)
    placed = {"id": "hold-1", "state": "active", "calls": [CALL]}
    released = [["legal_hold", placed, {**placed, "state": "released"}]]
    call.log.append(LATER_US, "retention.hold_released", released, scope=None)
    call.destroy(LATER_US, "key-caller")
    assert broken(call.write(tmp_path)) == set()


@pytest.mark.parametrize("votes", [("ann",), (), ("ann", "ann"), ("ann", "operator")])
def test_8_one_approver(tmp_path: Path, votes: tuple[str, ...]) -> None:
    call = honest()
    call.destroy(LATER_US, "key-caller", votes=votes)
    assert broken(call.write(tmp_path)) == {"approvers"}


def test_9_an_erased_key_that_is_still_shipped(tmp_path: Path) -> None:
    call = honest()
    kept = dict(call.keys)
    call.destroy(LATER_US, "key-caller")
    call.keys = kept
    assert broken(call.write(tmp_path)) == {"erased"}


# --- And more


def test_a_yes_before_the_question_was_heard(tmp_path: Path) -> None:
    call = Call()
    call.ask(BEGIN_US, heard=False)
    call.grant(GRANTED_US)
    assert broken(call.write(tmp_path)) == {"grant", "birth"}


def test_the_rows_that_grant_are_those_of_the_machine() -> None:
    opening = [
        f"{row.number}:{state}"
        for row in ROWS
        for state in row.states
        if row.to in OPENING and state not in OPENING
    ]
    assert all(re.fullmatch(verify.GRANTS, one) for one in opening)
    others = [
        f"{row.number}:{state}"
        for row in ROWS
        for state in row.states
        if row.to not in (*OPENING, State.READ_BACK_DUE, State.READ_BACK) and row.number != 16
    ]
    assert not any(re.fullmatch(verify.GRANTS, one) for one in others)


def test_a_question_that_was_not_played_to_its_must_hear_mark(tmp_path: Path) -> None:
    call = Call()
    call.ask(BEGIN_US, played_ms=899)
    call.grant(GRANTED_US)
    assert broken(call.write(tmp_path)) == {"heard"}


def test_a_listening_that_nothing_was_heard_before(tmp_path: Path) -> None:
    call = Call()
    call.ask(BEGIN_US, heard=False)
    call.event(BEGIN_US, 9, "heard", "asked", prompt="utterance-1")
    call.grant(GRANTED_US)
    assert broken(call.write(tmp_path)) == {"heard"}


def test_a_key_born_without_a_grant(tmp_path: Path) -> None:
    call = honest()
    event = call.step(34, "retained", "withdrawn")
    call.add(LATER_US, "x", ("consent_event", {**event, "at_us": LATER_US}))
    call.add(LATER_US, "x", call.born("key-late", "caller", event, LATER_US))
    assert broken(call.write(tmp_path)) == {"birth"}


def test_a_key_born_later_than_its_grant(tmp_path: Path) -> None:
    call = granted()
    event = call.stands["recording"]
    call.add(LATER_US, "x", call.born("key-late", "caller", event, LATER_US))
    assert broken(call.write(tmp_path)) == {"birth"}


def test_a_chunk_that_begins_before_the_grant(tmp_path: Path) -> None:
    call = granted()
    call.record("caller", 1, 0, GRANTED_US - 1, GRANTED_US + SECOND_US)
    assert broken(call.write(tmp_path)) == {"birth", "open"}


def test_a_chunk_of_an_epoch_before_a_withdrawal(tmp_path: Path) -> None:
    call = honest()
    call.record("caller", 1, 2, GRANTED_US, LATER_US)
    assert broken(call.write(tmp_path)) == {"epoch"}


def test_an_epoch_that_falls(tmp_path: Path) -> None:
    call = honest()
    event = call.step(34, "retained", "withdrawn") | {"epoch": 0, "at_us": LATER_US}
    call.add(LATER_US, "x", ("consent_event", event))
    assert broken(call.write(tmp_path)) == {"epoch"}


def test_audio_of_one_party_under_the_key_of_the_other(tmp_path: Path) -> None:
    call = granted()
    call.record("caller", 1, 0, GRANTED_US, GRANTED_US + SECOND_US)
    raw = canonical.decode(call.log.entries[-1])
    row = {**raw["deltas"][0][2], "party": "agent", "id": "x"}
    call.log.append(GRANTED_US + SECOND_US, "x", [["chunk", None, row]])
    assert broken(call.write(tmp_path)) == {"birth", "sealed", "gaps"}


def test_words_kept_after_a_refusal(tmp_path: Path) -> None:
    call = Call()
    call.ask(BEGIN_US)
    call.event(GRANTED_US, 13, "no", "refused")
    call.say(LATER_US, "caller", "my secret")
    assert broken(call.write(tmp_path)) == {"words"}


def test_what_the_agent_says_before_anybody_could_agree_is_kept(tmp_path: Path) -> None:
    call = Call()
    call.ask(BEGIN_US)
    call.say(BEGIN_US + SECOND_US, "agent", "May this call be recorded?")
    call.grant(GRANTED_US)
    assert broken(call.write(tmp_path)) == set()


@pytest.mark.parametrize(
    ("votes", "counsel", "rules"),
    [
        (("ann", "bob"), True, set[str]()),
        (("ann",), True, {"approvers"}),
        (("ann", "bob"), False, {"hold"}),
    ],
)
def test_a_shred_of_a_span_is_an_approval_and_with_counsel_goes_in_spite_of_a_hold(
    tmp_path: Path, votes: tuple[str, ...], counsel: bool, rules: set[str]
) -> None:
    call = honest()
    call.hold(LATER_US)
    asked: dict[str, object] = {
        "id": "shred_1",
        "call": CALL,
        "requested_by": "operator",
        "gate": "gate-2",
    }
    asked |= {"standing": None, "state": "executed", "counsel": counsel, "old_key": "key-text"}
    call.add(LATER_US, "sessions.shred_begun", ("span_shred", asked))
    for number, who in enumerate(votes):
        vote = {"id": f"gate-2/{number:02}", "gate": "gate-2", "identity": who, "approve": True}
        call.log.append(LATER_US, "gates.gate_approved", [["gate_vote", None, vote]], scope=None)
    gone = {"id": "key-text", "call": CALL, "erasure": "shred_1", "artefacts": ["words"]}
    call.add(LATER_US, "sessions.shred_done", ("key_destroyed", gone | {"at_us": LATER_US}))
    call.shred("key-text")
    assert broken(call.write(tmp_path)) == rules


def test_an_entry_beyond_the_checkpoint_that_was_signed(tmp_path: Path) -> None:
    call = honest()
    pack = call.write(tmp_path)
    call.log.append(LATER_US, "sessions.call_ended", [])
    entries = pack / "data/entries.jsonl"
    entries.write_bytes(entries.read_bytes() + call.log.entries[-1] + b"\n")
    proof = json.loads((pack / "data/proof.json").read_bytes())
    (pack / "data/proof.json").write_text(json.dumps([*proof, [1, None]]))
    sign_again(pack)
    assert broken(pack) == {"log"}


def test_a_renumbered_chunk(tmp_path: Path) -> None:
    call = granted()
    call.record("caller", 1, 1, GRANTED_US, GRANTED_US + SECOND_US)
    assert broken(call.write(tmp_path)) == {"gaps"}


def test_a_gap_that_is_a_row_is_no_hole(tmp_path: Path) -> None:
    call = granted()
    gap = {"id": "g", "call": CALL, "party": "caller", "epoch": 1, "n": 0, "why": "late"}
    gap |= {"from_us": GRANTED_US, "until_us": GRANTED_US, "at_us": GRANTED_US}
    call.add(GRANTED_US, "recordings.chunk_refused", ("chunk_gap", gap))
    call.record("caller", 1, 1, GRANTED_US, GRANTED_US + SECOND_US)
    assert broken(call.write(tmp_path)) == set()


def test_a_row_of_consent_that_is_changed_later(tmp_path: Path) -> None:
    call = honest()
    row = {**call.stands["recording"], "at_us": WITHDRAWN_US}
    call.log.append(LATER_US, "x", [["consent_event", row, None]])
    assert broken(call.write(tmp_path)) == {"rows"}


def test_entries_of_another_call_mixed_in(tmp_path: Path) -> None:
    pack = honest().write(tmp_path)
    edit(pack, b'"scope":"call-7"', b'"scope":"call-8"')
    sign_again(pack)
    assert broken(pack) == {"log", "chain"}


def test_the_proof_of_another_log(tmp_path: Path) -> None:
    pack = honest().write(tmp_path / "one")
    other = granted().write(tmp_path / "other")
    for name in ("data/proof.json", "data/checkpoint.txt"):
        (pack / name).write_bytes((other / name).read_bytes())
    sign_again(pack)
    assert broken(pack) == {"log"}


def test_keys_that_were_swapped(tmp_path: Path) -> None:
    pack = honest().write(tmp_path)
    keys = json.loads((pack / "data/keys.json").read_bytes())
    keys["key-caller"], keys["key-agent"] = keys["key-agent"], keys["key-caller"]
    (pack / "data/keys.json").write_text(json.dumps(keys))
    assert broken(pack) == {"bag", "sealed"}
    sign_again(pack)
    assert broken(pack) == {"sealed"}


def test_a_manifest_that_was_changed(tmp_path: Path) -> None:
    pack = honest().write(tmp_path)
    edit(pack, b"data/call.wav", b"data/call.wax", "manifest-sha256.txt")
    assert broken(pack) == {"bag"}
    sign_again(pack, OTHER_KEY)
    assert broken(pack) == {"signature"}


@pytest.mark.parametrize("name", ["data/call.wav", "data/report.html", "README.txt"])
def test_what_people_see_changed_or_missing(tmp_path: Path, name: str) -> None:
    pack = honest().write(tmp_path)
    (pack / name).write_bytes(b"x")
    assert broken(pack) == {"bag"}
    (pack / name).unlink()
    assert broken(pack) == {"bag"}


def test_a_file_nobody_signed(tmp_path: Path) -> None:
    pack = honest().write(tmp_path)
    (pack / "data/better.wav").write_bytes(b"")
    assert broken(pack) == {"bag"}


def test_time_that_goes_back(tmp_path: Path) -> None:
    call = honest()
    call.log.append(GRANTED_US, "sessions.call_ended", [])
    assert broken(call.write(tmp_path)) == {"time"}


# --- Hostile packs


HOSTILE = [b"", b"\xff\xfe", b"[]", b"{}", b"null", b"[" * 100_000, b"1e999", b'[{"a":1}]', b"\n"]
NAMES = [
    "data/entries.jsonl",
    "data/proof.json",
    "data/checkpoint.txt",
    "data/log.vkey",
    "manifest-sha256.txt",
    "tagmanifest-sha256.sig",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("data", HOSTILE, ids=range(len(HOSTILE)))
def test_nonsense_is_a_failure_and_never_an_error(tmp_path: Path, name: str, data: bytes) -> None:
    pack = honest().write(tmp_path)
    (pack / name).write_bytes(data)
    if name.startswith("data/"):
        sign_again(pack)
    assert verify.verify(str(pack))


@pytest.mark.parametrize("row", [None, 1, [], {}, {"call": CALL}, {"call": CALL, "id": "x"}])
@pytest.mark.parametrize("table", ["chunk", "consent_event", "segment", "consent_key"])
def test_rows_of_nonsense_are_a_failure_and_never_an_error(
    tmp_path: Path, table: str, row: object
) -> None:
    call = honest()
    pack = call.write(tmp_path)
    call.log.append(LATER_US, "x", [[table, None, row]])
    raw = b"".join(
        entry + b"\n" for entry in call.log.entries if canonical.decode(entry)["scope"] == CALL
    )
    (pack / "data/entries.jsonl").write_bytes(raw)
    assert verify.verify(str(pack))


def test_a_link_and_a_file_beyond_the_limit_are_refused(tmp_path: Path) -> None:
    pack = honest().write(tmp_path)
    (pack / "README.txt").unlink()
    (pack / "README.txt").symlink_to("/dev/zero")
    assert broken(pack) == {"readable"}
    (pack / "README.txt").unlink()
    (pack / "README.txt").write_bytes(b"")
    os.truncate(pack / "README.txt", verify.FILE_BYTES_MAX + 1)
    assert broken(pack) == {"readable"}


def test_a_name_that_leads_out_of_the_folder_is_not_opened(tmp_path: Path) -> None:
    pack = honest().write(tmp_path)
    line = f"{'0' * 64}  data/../../secret\n".encode()
    (pack / "manifest-sha256.txt").write_bytes((pack / "manifest-sha256.txt").read_bytes() + line)
    assert broken(pack) == {"bag"}


# --- The command


def test_the_copy_in_the_pack_verifies_without_parley(tmp_path: Path) -> None:
    call = honest()
    pack = call.write(tmp_path)
    older = tmp_path / "older.txt"
    older.write_text(call.log.checkpoint(4), encoding="utf-8")
    command = [sys.executable, "-I", str(pack / "verify.py"), str(pack)]
    alone = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (alone.returncode, alone.stderr, alone.stdout) == (0, "", "verify: ok\n")
    command += ["--checkpoint", str(older), "--key", VKEY]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "verify: ok\n")
    (pack / "README.txt").write_bytes(b"")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("FAILS bag: ")
    # And it leaves the pack as it was.
    assert broken(pack) == {"bag"}


def test_other_tools_read_the_bag(tmp_path: Path) -> None:
    pack = honest().write(tmp_path)
    for name in (evidence.MANIFEST, evidence.TAG_MANIFEST):
        command = ["sha256sum", "--check", "--strict", "--quiet", name]
        assert subprocess.run(command, cwd=pack, capture_output=True, check=False).returncode == 0


def test_the_verifier_is_short_enough_to_be_read() -> None:
    lines = Path(verify.__file__).read_text(encoding="utf-8").splitlines()
    assert len(lines) < LINES
    assert max(map(len, lines)) <= 100
