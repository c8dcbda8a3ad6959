"""Claims about calls of others in the store: what comes in, on which basis, and what never does."""

import asyncio
import io
import json
import wave
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from parley import cli, history
from recordings.vcon import signing
from recordings.vcon.values import base64url
from runtime.engines import sqlite
from tests.parley.a_call import agreed
from tests.recordings.conversations import ec_key, issued, rsa_key

assert len(history.DECLARING) > 1, "a store has the tables of all that was imported"

LATER = datetime(2099, 1, 1, tzinfo=UTC)
START = "2026-03-01T10:00:00Z"
UUID = "018f3b4e-7a7a-8b3c-9d4e-5f6071829304"
BASIS = {
    "purpose": "lawful_basis",
    "start": START,
    "party": 0,
    "dialog": 0,
    "mediatype": "application/json",
    "encoding": "json",
    "body": {
        "lawful_basis": "consent",
        "expiration": None,
        "purpose_grants": [{"purpose": "recording", "granted": True, "granted_at": START}],
    },
}


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
    """A store with one call of ours in it."""
    folder = tmp_path / "data"
    asyncio.run(agreed(folder))
    return folder


def tone(hz: int, seconds: int = 2, rate: int = 8_000) -> np.ndarray[Any, np.dtype[np.int16]]:
    return (8_000 * np.sin(2 * np.pi * hz * np.arange(rate * seconds) / rate)).astype(np.int16)


def wav(*channels: np.ndarray[Any, np.dtype[np.int16]], rate: int = 8_000) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as made:
        made.setnchannels(len(channels))
        made.setsampwidth(2)
        made.setframerate(rate)
        made.writeframes(np.stack(channels, axis=1).tobytes())
    return file.getvalue()


def recording(content: bytes, parties: object = 0, **more: Any) -> dict[str, Any]:
    body = {"mediatype": "audio/x-wav", "encoding": "base64url", "body": base64url(content)}
    return {"type": "recording", "start": START, "duration": 2, "parties": parties, **body} | more


def vcon(**changes: Any) -> dict[str, Any]:
    """A call of others, recorded on two tracks."""
    return {
        "vcon": "0.4.0",
        "uuid": UUID,
        "created_at": START,
        "parties": [
            {"tel": "tel:+41790001122", "name": "Beatrice Canary"},
            {"name": "Desk", "type": "bot"},
        ],
        "dialog": [recording(wav(tone(400)), 0), recording(wav(tone(800)), 1)],
        "analysis": [
            {
                "type": "transcript",
                "dialog": 0,
                "vendor": "Theirs",
                "encoding": "json",
                "body": {
                    "transcript": {"text": "..."},
                    "segments": [
                        {"start": 0.5, "end": 1, "text": "a walnut trebuchet", "speaker": "caller"},
                        {"start": 1, "end": 2, "text": "of course", "speaker": "Desk"},
                        {"start": 2, "end": 3, "text": "my card is 4242 4242 4242 4242"},
                    ],
                },
            }
        ],
        "attachments": [BASIS],
    } | changes


def plain(path: Path, **changes: Any) -> Path:
    path.write_text(json.dumps(vcon(**changes)))
    return path


def signed(path: Path, **changes: Any) -> tuple[Path, Path]:
    """And the authority that vouches for who signed it."""
    root, leaf = rsa_key(1), ec_key()
    chain = [issued("Theirs", leaf, "Root", root, ca=False, until=LATER)]
    content = json.dumps(vcon(**changes)).encode()
    path.write_bytes(signing.sign(content, UUID, leaf, chain))
    ca = path.with_suffix(".pem")
    anchor = issued("Root", root, "Root", root, ca=True, until=LATER)
    ca.write_bytes(anchor.public_bytes(Encoding.PEM))
    return path, ca


def imported(said: Any, data: Path, path: Path, *more: object) -> str:
    code, out, err = said("vcon", "import", path, "--data", data, "--json", *more)
    assert code == 0, err
    call: str = json.loads(out)["call"]
    return call


def test_a_signed_call_of_others_is_read_as_one_of_ours(
    data: Path, said: Any, tmp_path: Path
) -> None:
    path, ca = signed(tmp_path / "theirs.vcon")
    call = imported(said, data, path, "--trust", ca)
    _, out, _ = said("calls", "--data", data)
    assert call in out
    code, out, _ = said("show", call, "--data", data)
    assert code == 0
    assert f"imported from vCon {UUID}, signed by" in out
    assert "whom you trust; no evidence of ours" in out
    assert "kept on: consent, as the vCon claims" in out
    code, out, _ = said("transcript", call, "--data", data)
    assert "a walnut trebuchet" in out
    assert "agent: " in out
    code, out, _ = said("search", "walnut", "--data", data)
    assert (code, call in out) == (0, True)


def test_its_sound_comes_out_again(data: Path, said: Any, tmp_path: Path) -> None:
    call = imported(said, data, plain(tmp_path / "one.vcon"), "--unsigned")
    to = tmp_path / "call.wav"
    code, _, err = said("export", call, "--format", "wav", "--to", to, "--data", data)
    assert code == 0, err
    with wave.open(str(to)) as read:
        both = np.frombuffer(read.readframes(read.getnframes()), np.int16).reshape(-1, 2)
    assert np.array_equal(both[:, 0], tone(400))
    assert np.array_equal(both[:, 1], tone(800))


def test_a_card_number_in_it_is_not_kept(data: Path, said: Any, tmp_path: Path) -> None:
    call = imported(said, data, plain(tmp_path / "one.vcon"), "--unsigned")
    _, out, _ = said("transcript", call, "--data", data)
    assert "my card is [card number]" in out
    assert "4242" not in out


def test_nothing_of_it_lies_in_the_store_in_clear(data: Path, said: Any, tmp_path: Path) -> None:
    imported(said, data, plain(tmp_path / "one.vcon"), "--unsigned")
    for path in data.rglob("*"):
        if path.is_file():
            held = path.read_bytes()
            for secret in (b"walnut", b"Canary", b"41790001122", tone(400)[:64].tobytes()):
                assert secret not in held, path
    assert not list(data.glob("import-*"))


def test_what_is_exported_says_where_it_came_from(data: Path, said: Any, tmp_path: Path) -> None:
    call = imported(said, data, plain(tmp_path / "one.vcon"), "--unsigned")
    to = tmp_path / "again.vcon"
    code, _, err = said("export", call, "--format", "vcon", "--to", to, "--data", data)
    assert code == 0, err
    _, out, _ = said("vcon", "show", to, "--json")
    again = json.loads(out)["vcon"]
    assert again["amended"] == {"uuid": UUID}
    purposes = {one["purpose"]: one["body"] for one in again["attachments"]}
    assert purposes["import_provenance"]["uuid"] == UUID
    assert purposes["import_provenance"]["issuer"] == ""
    assert purposes["lawful_basis"] == BASIS["body"]
    # It is a vCon of its own, and comes back in as such.
    assert imported(said, data, to) != call


def test_no_evidence_of_ours_is_made_of_it(data: Path, said: Any, tmp_path: Path) -> None:
    call = imported(said, data, plain(tmp_path / "one.vcon"), "--unsigned")
    code, _, err = said("export", call, "--to", tmp_path / "pack", "--data", data)
    assert (code, "no evidence of ours" in err) == (1, True)


def test_the_same_vcon_comes_in_once(data: Path, said: Any, tmp_path: Path) -> None:
    path = plain(tmp_path / "one.vcon")
    call = imported(said, data, path, "--unsigned")
    keys = len(list((data / "keys").iterdir()))
    assert imported(said, data, path, "--unsigned") == call
    assert len(list((data / "keys").iterdir())) == keys


def test_unsigned_is_refused_unless_it_is_said(data: Path, said: Any, tmp_path: Path) -> None:
    code, _, err = said("vcon", "import", plain(tmp_path / "a.vcon"), "--data", data)
    assert (code, "--unsigned" in err) == (1, True)


def test_a_forged_one_is_refused(data: Path, said: Any, tmp_path: Path) -> None:
    path, ca = signed(tmp_path / "theirs.vcon")
    forged = json.loads(path.read_bytes())
    forged["payload"] = forged["payload"][:-8] + "AAAAAAAA"
    path.write_text(json.dumps(forged))
    code, _, err = said("vcon", "import", path, "--data", data, "--unsigned")
    assert (code, "does not hold" in err) == (1, True)
    other, _ = signed(tmp_path / "other.vcon")
    mine = tmp_path / "mine.pem"
    stranger = issued("Root", rsa_key(2), "Root", rsa_key(2), ca=True, until=LATER)
    mine.write_bytes(stranger.public_bytes(Encoding.PEM))
    code, _, err = said("vcon", "import", other, "--data", data, "--trust", mine)
    assert (code, "none of the authorities" in err) == (1, True)
    assert ca.exists()


def test_without_a_basis_it_takes_the_word_of_the_operator(
    data: Path, said: Any, tmp_path: Path
) -> None:
    path = plain(tmp_path / "a.vcon", attachments=[])
    code, _, err = said("vcon", "import", path, "--data", data, "--unsigned")
    assert (code, "--basis" in err) == (1, True)
    call = imported(said, data, path, "--unsigned", "--basis", "contract")
    _, out, _ = said("show", call, "--data", data)
    assert "kept on: contract, asserted by" in out


@pytest.mark.parametrize(
    "body",
    [
        {"lawful_basis": "consent", "expiration": "2020-01-01T00:00:00Z"},
        {"lawful_basis": "because"},
        {
            "lawful_basis": "consent",
            "purpose_grants": [
                {"purpose": "recording", "granted": True},
                {"purpose": "recording", "granted": False},
            ],
        },
    ],
)
def test_a_basis_that_is_over_unknown_or_withdrawn_is_none(
    data: Path, said: Any, tmp_path: Path, body: dict[str, Any]
) -> None:
    path = plain(tmp_path / "a.vcon", attachments=[BASIS | {"body": body}])
    code, _, err = said("vcon", "import", path, "--data", data, "--unsigned")
    assert (code, "--basis" in err) == (1, True)


@pytest.mark.parametrize(
    ("dialog", "why"),
    [
        (
            {
                "type": "recording",
                "start": START,
                "parties": 0,
                "url": "https://vcons.example/a.wav",
                "content_hash": "sha512-" + "A" * 86,
            },
            "none is ever fetched",
        ),
        (recording(b"RIFF" + bytes(400)), "cannot be read as wav"),
        (recording(b"RIFF" + bytes(400), mediatype="audio/x-flac"), "none of WAV"),
        (recording(wav(tone(1)), mediatype="audio/mpeg"), "recording 1:"),
    ],
)
def test_sound_that_is_not_taken_is_left_out_and_said(
    data: Path, said: Any, tmp_path: Path, dialog: dict[str, Any], why: str
) -> None:
    path = plain(tmp_path / "a.vcon", dialog=[dialog])
    code, out, err = said("vcon", "import", path, "--data", data, "--unsigned")
    assert (code, why in out) == (0, True), (out, err)


def test_opus_and_stereo_are_taken(data: Path, said: Any, tmp_path: Path) -> None:
    ours = tmp_path / "ours.vcon"
    call = imported(
        said,
        data,
        plain(tmp_path / "s.vcon", dialog=[recording(wav(tone(400), tone(800)), [0, 1])]),
        "--unsigned",
    )
    code, _, err = said(
        "export", call, "--format", "vcon", "--audio", "opus", "--to", ours, "--data", data
    )
    assert code == 0, err
    again = imported(said, data, ours)
    to = tmp_path / "again.wav"
    assert said("export", again, "--format", "wav", "--to", to, "--data", data)[0] == 0
    with wave.open(str(to)) as read:
        both = np.frombuffer(read.readframes(read.getnframes()), np.int16).reshape(-1, 2)
        rate = read.getframerate()
    for side, hz in ((0, 400), (1, 800)):
        heard = np.abs(np.fft.rfft(both[: rate * 2, side].astype(float)))
        assert abs(int(heard.argmax()) / 2 - hz) < 5


def test_a_hold_binds_it_and_an_erasure_destroys_it(data: Path, said: Any, tmp_path: Path) -> None:
    call = imported(said, data, plain(tmp_path / "one.vcon"), "--unsigned")
    keys = [tmp_path / "ann.pem", tmp_path / "bob.pem"]
    for key in keys:
        who = ("--name", key.stem, "--role", "privacy-officer", "--out", key)
        said("identity", "new", *who, "--data", data)
    code, out, err = said("erase", call, "--reason", "she asked", "--json", "--data", data)
    assert code == 0, err
    (one,) = json.loads(out)["erasures"]
    for key in keys:
        code, out, err = said("approve", one["gate"], "--key", key, "--data", data)
        assert code == 0, err
    _, out, _ = said("transcript", call, "--data", data)
    assert "walnut" not in out
    to = tmp_path / "gone.wav"
    code, _, err = said("export", call, "--format", "wav", "--to", to, "--data", data)
    assert (code, "erased" in err) == (1, True)
    other = imported(said, data, plain(tmp_path / "two.vcon", uuid=UUID[:-1] + "5"), "--unsigned")
    said("hold", "place", "--matter", "M", "--caller", "+41790001122", "--data", data)
    code, out, err = said("erase", other, "--reason", "she asked", "--data", data)
    assert (code, "legal hold" in out) == (1, True), err


def test_the_log_of_it_runs_again_to_the_same_rows(data: Path, said: Any, tmp_path: Path) -> None:
    imported(said, data, plain(tmp_path / "one.vcon"), "--unsigned")
    code, out, _ = said("replay", "--all", "--data", data)
    assert code == 0, out
    rows = sqlite.open_reader(data / "parley.db")
    assert rows.execute("SELECT count(*) FROM consent_event WHERE call != 'call_abc1'").get == 0
    rows.close()
