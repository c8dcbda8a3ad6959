"""Claims about vCons and audio of whole calls, from the commands that write and read them."""

import json
import os
import wave
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from consent.bases import basis_recorded
from consent.machine import Event
from consent.policy.terms import BasisKind
from parley import cli, history, vcons
from recordings.reducers import chunk_refused
from recordings.tables import Chunk
from recordings.vcon.certificates import SigningKey
from recordings.vcon.values import content_hash
from runtime.keystore import Keystore
from sessions.joining_reducers import calls_joined
from sessions.outbound import call_dialled, call_placed
from sessions.reducers import call_answered, call_ended
from telephony.bridge import Part
from tests.asked import ASK
from tests.parley.a_call import Playing, agreed, playing, refused
from tests.recordings.conversations import authority, ec_key, issued, rsa_key

pytestmark = pytest.mark.anyio

assert history.DECLARING, "a store has the tables of all that was imported"


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command; its exit code, output and errors."""

    def run(*argv: object) -> tuple[int, str, str]:
        code = cli.main([str(one) for one in argv])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def exported(said: Any, data: Path, *more: object, kind: str = "vcon", call: str = "last") -> Any:
    to = data / f"out.{kind}"
    return to, said("export", call, "--format", kind, "--to", to, "--data", data, *more)


def shown(said: Any, path: Path, *more: object) -> Any:
    code, out, err = said("vcon", "show", path, "--json", *more)
    assert (code, err) == (0, "")
    return json.loads(out)


def pem_of(key: SigningKey, path: Path) -> Path:
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


async def test_a_recorded_call_is_exported_and_verifies(tmp_path: Path, said: Any) -> None:
    await agreed(tmp_path)
    path, (code, out, err) = exported(said, tmp_path)
    assert (code, err) == (0, "")
    assert "it proves to whoever has that from you" in out
    assert path.stat().st_mode & 0o077 == 0
    code, out, _ = said("vcon", "verify", path)
    assert code == 0
    assert "note: nobody you trust vouches for it" in out
    ours = tmp_path / "vcon-rs256.pem"
    code, out, _ = said("vcon", "verify", path, "--ca", ours)
    assert (code, "vouches for that, whom you trust" in out) == (0, True)


async def test_the_installation_keeps_its_certificate(tmp_path: Path, said: Any) -> None:
    await agreed(tmp_path)
    one, other = tmp_path / "1.vcon", tmp_path / "2.vcon"
    for path in (one, other):
        said("export", "last", "--format", "vcon", "--to", path, "--data", tmp_path)
    found = [shown(said, path) for path in (one, other)]
    assert found[0]["signers"] == found[1]["signers"]
    assert found[0]["uuid"] != found[1]["uuid"]
    assert (tmp_path / "vcon-rs256.pem").stat().st_mode & 0o077 == 0


async def test_es256_is_to_be_had(tmp_path: Path, said: Any) -> None:
    await agreed(tmp_path)
    path, _ = exported(said, tmp_path, "--sign-alg", "ES256")
    assert shown(said, path)["signers"][0]["algorithm"] == "ES256"


async def test_a_changed_vcon_is_refused(tmp_path: Path, said: Any) -> None:
    await agreed(tmp_path)
    path, _ = exported(said, tmp_path)
    forged = json.loads(path.read_bytes())
    forged["payload"] = forged["payload"][:-8] + "AAAAAAAA"
    path.write_text(json.dumps(forged))
    code, _, err = said("vcon", "verify", path)
    assert (code, "does not hold" in err) == (1, True)
    assert said("vcon", "show", path)[0] == 1
    code, out, _ = said("vcon", "verify", path, "--json")
    assert (code, json.loads(out)["ok"]) == (1, False)


async def test_it_is_signed_in_the_name_of_whoever_has_a_certificate(
    tmp_path: Path, said: Any
) -> None:
    await agreed(tmp_path)
    root, leaf = rsa_key(1), ec_key()
    key = pem_of(leaf, tmp_path / "our.key")
    ours, ca = tmp_path / "our.pem", tmp_path / "ca.pem"
    ours.write_bytes(issued("Ours", leaf, "Root", root, ca=False).public_bytes(Encoding.PEM))
    ca.write_bytes(authority(root).public_bytes(Encoding.PEM))
    path, (code, out, _) = exported(said, tmp_path, "--sign-key", key, "--sign-cert", ours)
    assert (code, "signed as CN=Ours" in out) == (0, True)
    assert not (tmp_path / "vcon-rs256.pem").exists()
    # The certificates of the tests are of another day than this one.
    assert "is valid from 2026-02-21" in "".join(said("vcon", "verify", path, "--ca", ca)[1:])


async def test_an_encrypted_one_is_for_its_recipients_only(tmp_path: Path, said: Any) -> None:
    await agreed(tmp_path)
    public = tmp_path / "theirs.pem"
    form = PublicFormat.SubjectPublicKeyInfo
    public.write_bytes(rsa_key(1).public_key().public_bytes(Encoding.PEM, form))
    path, (code, out, _) = exported(said, tmp_path, "--encrypt", public)
    assert (code, "encrypted for whom you named" in out) == (0, True)
    assert b"anna" not in path.read_bytes()
    theirs, others = pem_of(rsa_key(1), tmp_path / "a.key"), pem_of(rsa_key(2), tmp_path / "b.key")
    assert said("vcon", "verify", path, "--key", theirs)[0] == 0
    assert shown(said, path, "--key", theirs)["forms"] == ["encrypted", "signed", "unsigned"]
    assert "not for the key" in said("vcon", "verify", path, "--key", others)[2]
    assert "--key PEM opens it" in said("vcon", "show", path)[2]


async def test_audio_may_lie_beside_it(tmp_path: Path, said: Any) -> None:
    await agreed(tmp_path)
    path, (code, out, _) = exported(said, tmp_path, "--external", "https://a.example/calls/")
    assert code == 0
    recordings = shown(said, path)["vcon"]["dialog"][1:]
    for recording in recordings:
        file = tmp_path / recording["filename"]
        assert f"written: {file}" in out
        assert recording["url"] == f"https://a.example/calls/{file.name}"
        assert recording["content_hash"] == content_hash(file.read_bytes())
        with wave.open(str(file)) as read:
            assert (read.getnchannels(), read.getnframes()) == (1, 16_000)


async def test_what_fails_leaves_no_audio_behind(tmp_path: Path, said: Any) -> None:
    await agreed(tmp_path)
    # A key whose certificate is another's is found out when all else is done.
    key, other = pem_of(ec_key(), tmp_path / "our.key"), rsa_key(1)
    cert = tmp_path / "other.pem"
    cert.write_bytes(authority(other).public_bytes(Encoding.PEM))
    more = ["--external", "https://a.example", "--sign-key", key, "--sign-cert", cert]
    path, (code, _, err) = exported(said, tmp_path, *more)
    assert (code, "of another key" in err, path.exists()) == (2, True, False)
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".wav")]


async def test_audio_that_is_too_much_says_what_to_do(
    tmp_path: Path, said: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vcons, "INLINE_BYTES_MAX", 20_000)
    await agreed(tmp_path)
    path, (code, _, err) = exported(said, tmp_path)
    assert (code, "--external URL" in err, path.exists()) == (2, True, False)
    path, (code, _, _) = exported(said, tmp_path, "--audio", "opus")
    assert code == 0
    assert {one.get("mediatype") for one in shown(said, path)["vcon"]["dialog"]} == {
        None,
        "audio/ogg",
    }


async def test_a_refused_call_is_exported_without_audio_and_words(
    tmp_path: Path, said: Any
) -> None:
    await refused(tmp_path)
    path, (code, out, _) = exported(said, tmp_path)
    assert code == 0
    assert "without audio: nothing was recorded" in out
    vcon = shown(said, path)["vcon"]
    assert [one["type"] for one in vcon["dialog"]] == ["recording-set"]
    assert [one["type"] for one in vcon["analysis"]] in ([], ["agent_trace"])
    assert "dtmf:2" in json.dumps(vcon["attachments"])
    for kind in ("wav", "opus"):
        path, (code, _, err) = exported(said, tmp_path, kind=kind)
        assert (code, "nothing was recorded" in err, path.exists()) == (1, True, False)


async def test_an_erased_call_is_exported_without_what_was_erased(
    tmp_path: Path, said: Any
) -> None:
    call = await agreed(tmp_path)
    keys = Keystore(tmp_path / "keys")
    keys.destroy_all([*call.granted.values(), call.words_key, call.caller_key])
    path, (code, out, _) = exported(said, tmp_path)
    assert code == 0
    assert "without audio: its audio was erased: the keys are destroyed" in out
    vcon = shown(said, path)["vcon"]
    text = json.dumps(vcon)
    assert not any(word in text for word in ("anna", "monday", "Monday", "4 8 2 1"))
    assert vcon["parties"][0]["name"] == "anonymous"
    (gaps,) = [one["body"] for one in vcon["attachments"] if one["purpose"] == "recording_gaps"]
    assert {(gap["party"], gap["duration"], gap["reason"]) for gap in gaps} == {
        (0, 2, "erased"),
        (1, 2, "erased"),
    }
    assert said("vcon", "verify", path)[0] == 0
    assert "was erased" in exported(said, tmp_path, kind="wav")[1][2]


async def test_words_may_be_erased_alone(tmp_path: Path, said: Any) -> None:
    call = await agreed(tmp_path)
    Keystore(tmp_path / "keys").destroy(call.words_key)
    path, (code, _, _) = exported(said, tmp_path)
    vcon = shown(said, path)["vcon"]
    assert [one["type"] for one in vcon["analysis"]] == ["agent_trace"]
    assert not any(word in json.dumps(vcon) for word in ("monday", "Monday", "4 8 2 1"))
    buttons = {event.get("button") for event in vcon["dialog"][0]["party_history"]}
    assert (code, buttons, len(vcon["dialog"])) == (0, {None, "*"}, 3)


async def test_one_leg_may_be_erased_alone(tmp_path: Path, said: Any) -> None:
    call = await agreed(tmp_path)
    Keystore(tmp_path / "keys").destroy(call.granted["caller"])
    path, (code, out, _) = exported(said, tmp_path)
    assert (code, "without audio" in out) == (0, False)
    vcon = shown(said, path)["vcon"]
    (gaps,) = [one["body"] for one in vcon["attachments"] if one["purpose"] == "recording_gaps"]
    assert [(gap["party"], gap["reason"]) for gap in gaps] == [(0, "erased")]


async def test_damaged_audio_is_named(tmp_path: Path, said: Any) -> None:
    await agreed(tmp_path)
    (segment,) = (tmp_path / "recordings").glob("*.seg")
    segment.write_bytes(segment.read_bytes()[:-5] + b"wrong")
    for kind in ("vcon", "wav"):
        _, (code, out, _) = exported(said, tmp_path, kind=kind)
        assert (code, "missing or changed: call_abc1/" in out) == (0, True)


async def test_a_piece_that_was_not_taken_is_told(tmp_path: Path, said: Any) -> None:
    call = await playing(tmp_path)
    await call.ring()
    await call.ask()
    await call.answer(Event.YES_KEY, "dtmf:1")
    await call.record(0)
    (kept, *_) = await call.store.reader.rows(Chunk, party="caller")
    late = replace(kept, id="late", n=9, captured_from_us=kept.captured_from_us + 1_500_000)
    await call.act(chunk_refused, chunk=late, why="it came after the pause")
    await call.hang_up()
    await call.finish()
    await call.store.close()
    path, (code, _, _) = exported(said, tmp_path)
    assert code == 0
    attached = shown(said, path)["vcon"]["attachments"]
    ((gap,),) = [one["body"] for one in attached if one["purpose"] == "recording_gaps"]
    assert (gap["reason"], gap["duration"]) == ("not_taken", 1)
    assert gap["explanation"] == "it came after the pause"


async def test_the_audio_of_a_call_is_to_be_listened_to(tmp_path: Path, said: Any) -> None:
    await agreed(tmp_path)
    path, (code, _, _) = exported(said, tmp_path, kind="wav")
    assert code == 0
    with wave.open(str(path)) as read:
        assert (read.getnchannels(), read.getnframes()) == (2, 16_000)
    path, (code, _, _) = exported(said, tmp_path, kind="opus")
    assert (code, path.read_bytes()[:4]) == (0, b"OggS")


async def test_a_call_that_is_up_is_not_exported(tmp_path: Path, said: Any) -> None:
    call = await playing(tmp_path)
    await call.ring()
    for kind in ("vcon", "wav", "opus"):
        path, (code, _, err) = exported(said, tmp_path, kind=kind)
        assert (code, "is answered, not sealed yet" in err) == (1, True)
        assert not path.exists()
    await call.store.close()


async def dialled(data: Path) -> Playing:
    """A call of ours, about to be answered."""
    call = await playing(data)
    call.words_key, call.caller_key = call.keys.prepare_several(2)
    who = call.seal("sip:bob@192.0.2.2", call.caller_key)
    source = call.seal("order 4711", call.caller_key)
    recorded: dict[str, Any] = {
        "party": who,
        "kind": BasisKind.CONTRACT,
        "source": source,
        "expires_us": None,
    }
    await call.store.act(basis_recorded, sender="operator", basis="b1", **recorded)
    call.call = await call.store.act(call_dialled, sender="operator", basis="b1")
    ours = call.seal("sip:desk@example.org", call.caller_key)
    line = {"line": "sip", "agent": "x:Y", "words_key": call.words_key}
    await call.act(call_placed, call=call.call, remote=who, local=ours, **line)
    return call


async def test_a_call_of_ours_says_on_what_basis(tmp_path: Path, said: Any) -> None:
    call = await dialled(tmp_path)
    await call.act(call_answered, call=call.call, **ASK)
    await call.ask()
    await call.answer(Event.YES_KEY, "dtmf:1")
    await call.record(0)
    await call.hang_up()
    await call.finish()
    await call.store.close()
    path, (code, _, _) = exported(said, tmp_path)
    assert code == 0
    vcon = shown(said, path)["vcon"]
    bases = {
        one["body"]["lawful_basis"]
        for one in vcon["attachments"]
        if one["purpose"] == "lawful_basis"
    }
    assert bases == {"consent", "contract", "legitimate_interests"}
    assert vcon["dialog"][0]["originator"] == 1
    assert vcon["parties"][0]["sip"] == "sip:bob@192.0.2.2"


async def test_a_call_of_ours_that_was_busy_is_incomplete(tmp_path: Path, said: Any) -> None:
    call = await dialled(tmp_path)
    await call.act(call_ended, call=call.call, by="remote", cause="busy")
    await call.finish()
    await call.store.close()
    path, (code, _, _) = exported(said, tmp_path)
    assert code == 0
    (dialog,) = shown(said, path)["vcon"]["dialog"]
    assert (dialog["type"], dialog["disposition"]) == ("incomplete", "busy")


async def test_joined_calls_name_each_other_without_numbers(tmp_path: Path, said: Any) -> None:
    one = await playing(tmp_path, "call_1")
    await one.ring()
    other = Playing(tmp_path, one.store, "call_2", one.now_us, one.keys, nonces=one.nonces)
    await other.ring()
    for call in (one, other):
        await call.ask()
        await call.answer(Event.NO, "dtmf:2")
    await one.act(calls_joined, call="call_1", other="call_2", part=Part.TALKS, coached=None)
    for call in (other, one):
        await call.hang_up()
    for call in (one, other):
        await call.finish()
    await one.store.close()
    found = {}
    for name in ("call_1", "call_2"):
        path = tmp_path / name
        said("export", name, "--format", "vcon", "--to", path, "--data", tmp_path)
        assert said("vcon", "verify", path)[0] == 0
        found[name] = shown(said, path)["vcon"]
    remote, _, joined = found["call_1"]["parties"]
    assert joined.keys() == {"type", "uuid"}
    assert joined["uuid"] == found["call_2"]["parties"][0]["uuid"]
    assert found["call_2"]["parties"][2]["uuid"] == remote["uuid"]
    events = found["call_1"]["dialog"][0]["party_history"]
    assert [event["event"] for event in events if event["party"] == 2] == ["join", "drop"]


async def test_the_log_is_proved_by_what_is_in_the_vcon(tmp_path: Path, said: Any) -> None:
    await agreed(tmp_path)
    path, _ = exported(said, tmp_path)
    code, out, _ = said("vcon", "extract", path, "--to", tmp_path / "opened")
    assert (code, "dialog-1.wav" in out) == (0, True)
    files = {one.name for one in (tmp_path / "opened").iterdir()}
    assert files == {"vcon.json", "dialog-1.wav", "dialog-2.wav", "attachments-5.txt"}
    vcon = json.loads((tmp_path / "opened" / "vcon.json").read_bytes())
    key = vcon["attachments"][5]["metadata"]["verifier_key"]
    proof = tmp_path / "opened" / "attachments-5.txt"
    code, out, _ = said("proof", "--verify", proof, "--key", key)
    assert (code, "sessions.call_sealed" in out) == (0, True)
    assert said("vcon", "extract", path, "--to", tmp_path / "opened")[0] == 2


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (["--sign-key", "x"], "go together"),
        (["--sign-key", "x", "--sign-cert", "y"], "cannot be read"),
        (["--external", "http://a.example"], "https address"),
        (["--encrypt-alg", "RSA-OAEP"], "for whom"),
        (["--encrypt", "nothing.pem"], "cannot be read"),
        (["--checkpoint", "x"], "goes with a pack"),
    ],
)
async def test_options_that_do_not_go_together_say_so(
    tmp_path: Path, said: Any, more: list[str], reason: str
) -> None:
    await agreed(tmp_path)
    path, (code, _, err) = exported(said, tmp_path, *more)
    assert (code, reason in err, path.exists()) == (2, True, False)
    code, _, err = said(
        "export", "last", "--to", tmp_path / "p", "--data", tmp_path, "--audio", "wav"
    )
    assert (code, "--audio goes with --format vcon" in err) == (2, True)


async def test_nothing_is_written_over(tmp_path: Path, said: Any) -> None:
    await agreed(tmp_path)
    for kind in ("vcon", "wav", "opus"):
        path, _ = exported(said, tmp_path, kind=kind)
        before = path.read_bytes()
        _, (code, _, err) = exported(said, tmp_path, kind=kind)
        assert (code, "name another file with --to" in err) == (2, True)
        assert path.read_bytes() == before
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".out")]


def test_the_words_of_strangers_move_no_cursor(tmp_path: Path, said: Any) -> None:
    path = tmp_path / "x.vcon"
    created = {"uuid": "01a20009-3f1d-89f1-85f8-fbd25a68c09c", "created_at": "2026-03-01T14:00:00Z"}
    evil = "\x1b[2J\u202e\ud800\n" + "x" * 10_000
    path.write_text(json.dumps({**created, "subject": evil, "parties": [{"name": evil}]}))
    code, out, _ = said("vcon", "show", path)
    assert code == 0
    assert "\\x1b[2J\\u202e\\ud800\\n" in out
    assert "\x1b" not in out and len(out) < 5_000
    code, out, _ = said("vcon", "show", path, "--json")
    assert (code, out.isascii()) == (0, True)
    code, out, _ = said("vcon", "verify", path)
    assert (code, "it is not signed" in out) == (1, True)


def test_a_file_that_is_not_there_is_misuse(tmp_path: Path, said: Any) -> None:
    for verb in ("verify", "show"):
        code, _, err = said("vcon", verb, tmp_path / "nothing")
        assert (code, "cannot be read" in err) == (2, True)
