"""The descriptions of a recording session: one labelled stream a voice (RFC 7866 section 7.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from telephony import sdp
from telephony.address import Address
from telephony.sdp.crypto import Srtp
from telephony.sdp.encodings import CODECS
from telephony.sdp.grammar import PLAIN, SDP_BYTES_MAX, SECURE, SdpError
from telephony.sdp.offer import Stream, Terms, session_lines, written

STREAMS_MAX = 8


@dataclass(frozen=True, slots=True)
class Voice:
    """One voice, as it is sent to a recorder: under which label, from where, and how.

    `codecs` in the order in which they are preferred; what is in use comes first.
    """

    label: str
    local: Address
    codecs: tuple[str, ...]
    terms: Terms


def preference(codecs: Sequence[str], used: str) -> tuple[str, ...]:
    """The codec in use first: what need not change does not."""
    return (used, *(codec for codec in codecs if codec != used)) if used else tuple(codecs)


def offered(voices: Sequence[Voice], session_id: int, version: int, before: bytes = b"") -> bytes:
    """Our offer; as the successor of what we described `before`."""
    lines = session_lines(voices[0].local, session_id, version)
    for voice in voices:
        lines += _stream(voice).lines
    return sdp.revised(before, written(lines))


def _stream(voice: Voice) -> Stream:
    """No keys are offered: what is pressed is not told to a recorder."""
    terms = voice.terms
    return Stream(
        voice.local.port,
        (SECURE if terms.srtp is Srtp.REQUIRED else PLAIN)[0],
        tuple(CODECS[name] for name in voice.codecs),
        terms.direction,
        crypto=() if terms.srtp is Srtp.OFF else terms.keys,
        rtcp_mux=terms.rtcp_mux,
        label=voice.label,
    )


def accepted(
    theirs: bytes, ours: bytes, codecs: Sequence[str]
) -> tuple[sdp.AudioParameters | None, ...]:
    """What their answer means for each stream of ours; None for one which they did not take.

    SdpError where it is no answer to that.
    """
    offers, answers = _streams(ours), _streams(theirs)
    if len(answers) != len(offers):
        raise SdpError("SDP answers with another number of streams")
    return tuple(_accepted(*both, codecs) for both in zip(answers, offers, strict=True))


def _accepted(theirs: bytes, ours: bytes, codecs: Sequence[str]) -> sdp.AudioParameters | None:
    try:
        return sdp.accepted(theirs, ours, codecs)
    except SdpError:
        return None


def answered(
    offer: bytes, voices: Sequence[Voice], before: bytes
) -> tuple[bytes, tuple[sdp.AudioParameters | None, ...]]:
    """Our answer to an offer of the recorder within the session; SdpError where it is none."""
    offers = _streams(offer)
    if len(offers) < len(voices):
        raise SdpError("SDP offers fewer streams than there are voices")
    origin = sdp.origin(before)
    lines = session_lines(voices[0].local, *origin)
    found: list[sdp.AudioParameters | None] = []
    for n, one in enumerate(offers):
        section, chosen = _answer(one, voices[n] if n < len(voices) else None)
        lines += section
        if n < len(voices):
            found.append(chosen)
    return sdp.revised(before, written(lines)), tuple(found)


def _answer(offer: bytes, voice: Voice | None) -> tuple[list[str], sdp.AudioParameters | None]:
    """The lines of one stream; refused where it is nobody's, or nothing we could send."""
    media = next(line for line in offer.decode(errors="replace").splitlines() if line[:2] == "m=")
    kind, _, rest = media.split(None, 2)
    refused = [f"{kind} 0 {rest}"]
    if voice is None:
        return refused, None
    try:
        body, chosen = sdp.answer(offer, voice.codecs, voice.local, 0, 0, terms=voice.terms)
    except SdpError:
        return refused, None
    lines = body.decode().split("\r\n")
    at = next(n for n, line in enumerate(lines) if line.startswith("m="))
    return [*(line for line in lines[at:] if line), f"a=label:{voice.label}"], chosen


def _streams(body: bytes) -> list[bytes]:
    """A description of several streams as one for each: its session and one m= section."""
    if len(body) > SDP_BYTES_MAX:
        raise SdpError("SDP too large")
    head, *sections = ("\n" + body.decode(errors="replace").replace("\r\n", "\n")).split("\nm=")
    if not sections or len(sections) > STREAMS_MAX:
        raise SdpError(f"SDP has no streams, or more than {STREAMS_MAX}")
    for section in sections:
        if len(section.split("\n", 1)[0].split()) < 4:
            raise SdpError("SDP has a bad m= line")
    return [f"{head.strip()}\nm={section.strip()}\n".encode() for section in sections]
