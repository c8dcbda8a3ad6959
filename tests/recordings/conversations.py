"""Calls as records, to make vCons of; keys and certificates to sign them with."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from consent.machine import Event, Standing, after, row_of
from consent.tables import BasisKind
from consent.wordings import WORDINGS
from recordings import vault
from recordings.vcon.certificates import Certificate, SigningKey, self_signed
from recordings.vcon.conversation import Body, Conversation, Gap, LogProof, Track
from recordings.vcon.values import base64url, content_hash, uuid8

NOW = datetime(2026, 3, 2, tzinfo=UTC)
BEGIN_US = 1_772_373_600_000_000
"""2026-03-01T14:00:00Z."""

SECOND_US = 1_000_000
UUID = uuid8(BEGIN_US, 5, "vcons.example")
DAY = timedelta(days=1)


def at(seconds: float) -> int:
    return BEGIN_US + round(seconds * SECOND_US)


PROMPT: dict[str, Any] = {
    "id": "call_1:ask",
    "party": "caller",
    "act": "ask",
    "scopes": ("recording",),
    "wordings": ("recording-ask-en-1",),
    "wording_sha256": WORDINGS["recording-ask-en-1"].sha256,
    "language": "en",
    "at_us": at(1),
    "heard": {
        "played_ms": 2_000,
        "total_ms": 2_000,
        "must_hear_permille": 900,
        "heard_us": at(3),
        "at_us": at(3),
    },
}


def wav(seconds: int) -> bytes:
    pcm = bytes(2 * 8_000 * seconds)
    return vault.wav_header(len(pcm), 1, 8_000) + pcm


def track(party: str, *, url: str = "") -> Track:
    content = wav(2)
    body = Body(content_hash(content), url=url) if url else Body("", base64url(content))
    return Track(party, at(5), 2 * SECOND_US, "audio/x-wav", f"{party}.wav", body)


def story(*answers: tuple[Event, str, float]) -> list[dict[str, Any]]:
    """The caller is asked at 1 s, and hears it; then the answers: what, how, and when.

    Each a row of `consent_event`, as the table of consent leads from one to the next.
    """
    began = [(Event.JOINED, "policy", 0.0), (Event.CONSENT_REQUIRED, "policy", 0.0)]
    standing, events = Standing(), list[dict[str, Any]]()
    for event, method, seconds in (*began, (Event.HEARD, "", 3.0), *answers):
        row = row_of(standing, event)
        assert row is not None, f"{event} means nothing to who is {standing.state}"
        standing = after(standing, row)
        told = {
            "id": f"call_1/{len(events):04}",
            "party": "caller",
            "scope": "recording",
            "number": row.number,
            "event": event,
            "is_open": standing.is_open,
            "basis": BasisKind.CONSENT if standing.is_open else None,
            "prompt": None if method == "policy" else PROMPT["id"],
            "method": method or None,
            "evidence": None,
            "at_us": at(seconds),
        }
        events.append(asdict(standing) | told)
    return events


def record(**changes: Any) -> dict[str, Any]:
    """An inbound call of 20 seconds, recorded after a key press."""
    call = {
        "id": "call_1",
        "state": "sealed",
        "direction": "inbound",
        "line": "sip",
        "remote": "sip:+41790001122@carrier.example;user=phone",
        "local": "sip:desk@example.org",
        "agent": "parley.demo:Receptionist",
        "offered_us": at(-2),
        "answered_us": at(0),
        "ended_us": at(20),
        "ended_by": "caller",
        "forgotten": False,
        "cause": "normal",
        "erased": False,
    }
    found: dict[str, Any] = {
        "call": call | changes.pop("call", {}),
        "dial": None,
        "identity": None,
        "holds": [],
        "bridges": [],
        "consent": story((Event.YES_KEY, "dtmf:1", 4)),
        "prompts": [PROMPT],
        "transcript": [],
        "actions": [],
    }
    return found | changes


def words(party: str, text: str | None, seconds: float) -> dict[str, Any]:
    return {
        "id": f"call_1:{seconds}",
        "party": party,
        "text": text,
        "start_us": at(seconds),
        "end_us": at(seconds + 1),
        "engine": "an engine",
        "kind": "dictation",
        "confidence_permille": 800,
        "words": None,
        "erased": text is None,
    }


def transfer(to: str | None, seconds: float) -> dict[str, Any]:
    return {
        "id": "call_1:1-transfer",
        "tool": "transfer",
        "idempotent": True,
        "args": None if to is None else {"to": to},
        "state": "finished",
        "result": '{"status": 200}',
        "proposed_us": at(seconds),
        "finished_us": at(seconds + 1),
        "erased": to is None,
    }


def turn(cause: str, seconds: float) -> dict[str, Any]:
    return {
        "id": f"call_1:{seconds}",
        "call": "call_1",
        "cause": cause,
        "segment": None,
        "began_us": at(seconds),
        "completed_us": at(seconds + 1),
        "failure": None,
        "speaker": "",
    }


def conversation(
    *,
    tracks: Sequence[Track] | None = None,
    gaps: Sequence[Gap] = (),
    turns: Sequence[dict[str, Any]] = (),
    proof: LogProof | None = None,
    **changes: Any,
) -> Conversation:
    return Conversation(
        uuid=UUID,
        created_us=at(100),
        record=record(**changes),
        turns=turns,
        tracks=[track("caller"), track("agent")] if tracks is None else tracks,
        gaps=gaps,
        proof=proof,
    )


@cache
def rsa_key(number: int = 0) -> rsa.RSAPrivateKey:
    """The same one for the same number: they take long to make."""
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


@cache
def ec_key(number: int = 0) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def alone(key: SigningKey, *, made: datetime = NOW - DAY) -> Certificate:
    return self_signed(key, "vcons.example", 7, made)


def issued(
    name: str,
    key: SigningKey,
    issuer: str,
    by: SigningKey,
    *,
    ca: bool,
    until: datetime = NOW + DAY,
    path_length: int | None = None,
    limit: x509.ExtensionType | None = None,
) -> Certificate:
    """A certificate of `name`, vouched for by `issuer`."""

    def called(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    builder = x509.CertificateBuilder().subject_name(called(name)).issuer_name(called(issuer))
    builder = builder.public_key(key.public_key()).serial_number(9)
    builder = builder.not_valid_before(NOW - 9 * DAY).not_valid_after(until)
    builder = builder.add_extension(x509.BasicConstraints(ca, path_length), critical=True)
    if limit is not None:
        builder = builder.add_extension(limit, critical=True)
    return builder.sign(by, SHA256())


def authority(key: SigningKey, name: str = "Root") -> Certificate:
    return issued(name, key, name, key, ca=True)
