"""Agreeing: an answer to their offer, and what their answer to ours means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from telephony.address import Address
from telephony.sdp.crypto import Crypto, Srtp, SrtpParameters, agree
from telephony.sdp.directions import both, reversed_
from telephony.sdp.encodings import (
    CODECS,
    COMFORT_NOISE,
    DTMF_CLOCK_RATE,
    Encoding,
    telephone_event,
)
from telephony.sdp.grammar import DEFAULT_PTIME_MS, SECURE, Audio, SdpError, parse
from telephony.sdp.offer import PLAINLY, Stream, Terms, session_lines, written


@dataclass(frozen=True, slots=True)
class AudioParameters:
    """What the media process needs. `direction` is ours; `remote` gets what we send."""

    codec: str
    payload_type: int
    # None where they take no keys as RTP.
    dtmf_payload_type: int | None
    remote: Address
    direction: str
    ptime_ms: int = DEFAULT_PTIME_MS
    comfort_noise_payload_type: int | None = None
    # None where it is the port after that of RTP.
    rtcp: Address | None = None
    rtcp_mux: bool = False
    srtp: SrtpParameters | None = None
    dtmf_clock_rate: int = DTMF_CLOCK_RATE


def choose(audio: Audio, preference: Sequence[str]) -> AudioParameters:
    """Take the first codec of ours which they have too; SdpError when there is none."""
    for name in preference:
        codec = CODECS[name]
        if (payload_type := _number_of(audio, codec)) is not None:
            dtmf_payload_type, dtmf_clock_rate = _keys(audio, codec)
            return AudioParameters(
                name,
                payload_type,
                dtmf_payload_type,
                audio.remote,
                reversed_(audio.direction),
                audio.ptime_ms,
                _number_of(audio, COMFORT_NOISE) if codec.clock_rate == 8_000 else None,
                audio.rtcp,
                audio.rtcp_mux,
                dtmf_clock_rate=dtmf_clock_rate,
            )
    raise SdpError("SDP has no codec we know")


def _keys(audio: Audio, codec: Encoding) -> tuple[int | None, int]:
    """By the codec's clock (RFC 4733 section 2.1); many know one for keys only, whatever it is."""
    for clock_rate in dict.fromkeys((codec.clock_rate, DTMF_CLOCK_RATE)):
        if (number := _number_of(audio, telephone_event(clock_rate))) is not None:
            return number, clock_rate
    return None, codec.clock_rate


def _number_of(audio: Audio, encoding: Encoding) -> int | None:
    wanted = encoding.rtpmap.lower()
    known = (n for n in audio.payload_types if audio.encodings.get(n) == wanted)
    return next(known, None)


def answer(
    offer: bytes,
    preference: Sequence[str],
    local: Address,
    session_id: int,
    version: int,
    *,
    terms: Terms = PLAINLY,
) -> tuple[bytes, AudioParameters]:
    """Answer an offer: its audio with one codec, all its other streams refused by port 0."""
    audio = parse(offer, terms.srtp)
    chosen = choose(audio, preference)
    keys = None if terms.srtp is Srtp.OFF else agree(audio.crypto, terms.keys)
    if keys is None and (terms.srtp is Srtp.REQUIRED or audio.protocol in SECURE):
        raise SdpError("SDP has no SRTP suite we know")
    chosen = replace(
        chosen,
        direction=both(chosen.direction, terms.direction),
        rtcp_mux=chosen.rtcp_mux and terms.rtcp_mux,
        srtp=None if keys is None else _protected(keys[1], keys[0]),
    )
    stream = Stream(
        local.port,
        audio.protocol,
        _answered(chosen),
        chosen.direction,
        chosen.ptime_ms,
        () if keys is None else keys[1:],
        terms.rtcp_port,
        chosen.rtcp_mux,
        record=terms.record,
    )
    lines = session_lines(local, session_id, version)
    for index, line in enumerate(audio.media):
        lines += stream.lines if index == audio.index else [_refused(line)]
    return written(lines), chosen


def _answered(chosen: AudioParameters) -> tuple[Encoding, ...]:
    """What we agreed on, under their numbers (RFC 3264 section 6.1)."""
    codec = CODECS[chosen.codec]
    named = (
        (codec, chosen.payload_type),
        (COMFORT_NOISE, chosen.comfort_noise_payload_type),
        (telephone_event(chosen.dtmf_clock_rate), chosen.dtmf_payload_type),
    )
    return tuple(
        replace(encoding, payload_type=number) for encoding, number in named if number is not None
    )


def accepted(theirs: bytes, offer: bytes, preference: Sequence[str]) -> AudioParameters:
    """What their answer to our offer means; SdpError where it is none to it.

    Keys of ours stand in the offer: under the tag which they chose (RFC 4568 section 5.1.3).
    """
    ours = parse(offer, Srtp.OPTIONAL)
    is_secure = ours.protocol in SECURE
    audio = parse(theirs, Srtp.OPTIONAL if ours.crypto else Srtp.OFF)
    # Nothing else was offered; and what we answered to an offer of theirs is one codec.
    offered = [name for name in preference if _number_of(ours, CODECS[name]) is not None]
    chosen = choose(audio, offered)
    keys = _taken(ours, audio)
    if keys is None and (is_secure or audio.crypto):
        raise SdpError("SDP answers with keys that were not offered")
    return replace(
        chosen,
        direction=both(chosen.direction, ours.direction),
        rtcp_mux=chosen.rtcp_mux and ours.rtcp_mux,
        srtp=None if keys is None else _protected(*keys),
    )


def _taken(ours: Audio, theirs: Audio) -> tuple[Crypto, Crypto] | None:
    for line in theirs.crypto[:1]:
        for mine in ours.crypto:
            if (mine.tag, mine.suite) == (line.tag, line.suite):
                return mine, line
    return None


def _protected(ours: Crypto, theirs: Crypto) -> SrtpParameters:
    return SrtpParameters(ours.suite, send_key=ours.key, receive_key=theirs.key)


def _refused(media: str) -> str:
    kind, _, rest = media.split(None, 2)
    return f"m={kind} 0 {rest}"
