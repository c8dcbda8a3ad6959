"""One audio stream in a session description (RFC 4566), offered and answered (RFC 3264)."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from telephony.address import Address

SDP_BYTES_MAX = 16_384
LINES_MAX = 400
PAYLOAD_TYPES_MAX = 64
ORIGIN_MAX = 2**63 - 1

DTMF = "telephone-event"
DTMF_PAYLOAD_TYPE = 101
DEFAULT_PTIME_MS = 20
PTIME_MS_MAX = 200

# RFC 3551 table 4: these need no rtpmap.
STATIC_PAYLOAD_TYPES: Mapping[int, str] = MappingProxyType({0: "PCMU", 8: "PCMA"})
_NUMBERS: Mapping[str, int] = MappingProxyType(
    {name: number for number, name in STATIC_PAYLOAD_TYPES.items()}
)
# Ours, for each of theirs (RFC 3264 section 6.1).
_REVERSED: Mapping[str, str] = MappingProxyType(
    {
        "sendrecv": "sendrecv",
        "sendonly": "recvonly",
        "recvonly": "sendonly",
        "inactive": "inactive",
    }
)


class SdpError(ValueError):
    """A description which offers nothing we can use."""


class Origin(NamedTuple):
    """The session id and version of the o= line."""

    session_id: int
    version: int


@dataclass(frozen=True, slots=True)
class AudioParameters:
    """What the media process needs. `direction` is ours; `remote` gets what we send."""

    codec: str
    payload_type: int
    dtmf_payload_type: int | None
    remote: Address
    direction: str
    ptime_ms: int = DEFAULT_PTIME_MS


@dataclass(frozen=True, slots=True)
class Audio:
    """The first audio stream of a description; `direction` is its writer's."""

    remote: Address
    payload_types: tuple[int, ...]
    # "PCMU" by payload type, only of those with a clock of 8000 Hz.
    codecs: Mapping[int, str]
    direction: str
    ptime_ms: int
    # m= lines in their order, each to be answered.
    media: tuple[str, ...]
    index: int


@dataclass(slots=True)
class _Reading:
    session_host: str = ""
    media_host: str = ""
    session_direction: str = "sendrecv"
    direction: str = ""
    media: list[str] = field(default_factory=list[str])
    audio_at: int | None = None
    rtpmaps: dict[int, str] = field(default_factory=dict[int, str])
    ptime_ms: int = DEFAULT_PTIME_MS

    @property
    def is_in_audio(self) -> bool:
        return self.audio_at is not None and self.audio_at == len(self.media) - 1


def parse(body: bytes) -> Audio:
    """Read an offer or an answer; SdpError when it has no audio we could use."""
    reading = _Reading()
    for kind, value in _lines(body):
        if kind == "m":
            _media(reading, value)
        elif kind == "c" and (reading.is_in_audio or not reading.media):
            _connection(reading, value)
        elif kind == "a" and (reading.is_in_audio or not reading.media):
            _attribute(reading, value)
    return _audio(reading)


def origin(body: bytes) -> Origin:
    """Read the o= line; zeros where there is none."""
    for kind, value in _lines(body):
        words = value.split()
        if kind == "o" and len(words) >= 3:
            return Origin(_number(words[1], ORIGIN_MAX), _number(words[2], ORIGIN_MAX))
    return Origin(0, 0)


def _lines(body: bytes) -> list[tuple[str, str]]:
    if len(body) > SDP_BYTES_MAX:
        raise SdpError("SDP too large")
    lines = body.decode(errors="replace").replace("\r\n", "\n").split("\n", LINES_MAX + 1)
    if len(lines) > LINES_MAX:
        raise SdpError("SDP has too many lines")
    return [(line[0], line[2:].strip()) for line in lines if line[1:2] == "="]


def _number(text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 20 or int(text) > most:
        raise SdpError("SDP has a bad number")
    return int(text)


def _media(reading: _Reading, value: str) -> None:
    reading.media.append(value)
    words = value.split()
    if len(words) < 4:
        raise SdpError("SDP has a bad m= line")
    is_audio = words[0] == "audio" and words[2] == "RTP/AVP" and words[1] != "0"
    if is_audio and reading.audio_at is None:
        reading.audio_at = len(reading.media) - 1


def _connection(reading: _Reading, value: str) -> None:
    words = value.split()
    if len(words) != 3 or words[0] != "IN" or words[1] not in ("IP4", "IP6"):
        raise SdpError("SDP has a bad c= line")
    host = words[2].partition("/")[0]
    if reading.is_in_audio:
        reading.media_host = host
    else:
        reading.session_host = host


def _attribute(reading: _Reading, value: str) -> None:
    name, _, text = value.partition(":")
    if name in _REVERSED:
        if reading.is_in_audio:
            reading.direction = name
        else:
            reading.session_direction = name
    elif name == "rtpmap":
        _rtpmap(reading, text)
    elif name == "ptime":
        ptime_ms = _number(text.strip(), 10_000)
        reading.ptime_ms = ptime_ms if 0 < ptime_ms <= PTIME_MS_MAX else DEFAULT_PTIME_MS


def _rtpmap(reading: _Reading, text: str) -> None:
    number, _, encoding = text.partition(" ")
    name, _, clock = encoding.strip().partition("/")
    if clock.split("/")[0] == "8000":
        written = DTMF if name.lower() == DTMF else name.upper()
        reading.rtpmaps[_number(number, 127)] = written


def _audio(reading: _Reading) -> Audio:
    if reading.audio_at is None:
        raise SdpError("SDP has no audio")
    host = reading.media_host or reading.session_host
    if not _is_ip(host):
        raise SdpError("SDP has no IP address to send to")
    _, port, _, *formats = reading.media[reading.audio_at].split()
    if len(formats) > PAYLOAD_TYPES_MAX:
        raise SdpError("SDP has too many payload types")
    payload_types = tuple(_number(text, 127) for text in formats)
    direction = reading.direction or reading.session_direction
    # The old way to hold (RFC 3264 section 8.4).
    if host in ("0.0.0.0", "::"):
        direction = "sendonly" if direction == "sendrecv" else "inactive"
    return Audio(
        remote=Address(host, _number(port.partition("/")[0], 65_535)),
        payload_types=payload_types,
        codecs=MappingProxyType({**STATIC_PAYLOAD_TYPES, **reading.rtpmaps}),
        direction=direction,
        ptime_ms=reading.ptime_ms,
        media=tuple(reading.media),
        index=reading.audio_at,
    )


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def choose(audio: Audio, preference: Sequence[str]) -> AudioParameters:
    """Take the first codec of ours which they have too; SdpError when there is none."""
    for codec in preference:
        for payload_type in audio.payload_types:
            if audio.codecs.get(payload_type) == codec:
                return AudioParameters(
                    codec,
                    payload_type,
                    _dtmf(audio),
                    audio.remote,
                    _REVERSED[audio.direction],
                    audio.ptime_ms,
                )
    raise SdpError("SDP has no codec we know")


def _dtmf(audio: Audio) -> int | None:
    known = (number for number in audio.payload_types if audio.codecs.get(number) == DTMF)
    return next(known, None)


def build_offer(
    preference: Sequence[str],
    local: Address,
    session_id: int,
    version: int,
    direction: str = "sendrecv",
) -> bytes:
    """Offer all our codecs and DTMF as RTP events (RFC 4733)."""
    types = [(_NUMBERS[codec], codec) for codec in preference]
    stream = _stream(local.port, types, DTMF_PAYLOAD_TYPE, direction, DEFAULT_PTIME_MS)
    return _written([*_session(local, session_id, version), *stream])


def answer(
    offer: bytes, preference: Sequence[str], local: Address, session_id: int, version: int
) -> tuple[bytes, AudioParameters]:
    """Answer an offer: its audio with one codec, all its other streams refused by port 0."""
    audio = parse(offer)
    chosen = choose(audio, preference)
    types = [(chosen.payload_type, chosen.codec)]
    stream = _stream(local.port, types, chosen.dtmf_payload_type, chosen.direction, chosen.ptime_ms)
    lines = _session(local, session_id, version)
    for index, line in enumerate(audio.media):
        lines += stream if index == audio.index else [_refused(line)]
    return _written(lines), chosen


def _session(local: Address, session_id: int, version: int) -> list[str]:
    family = "IP6" if ":" in local.host else "IP4"
    return [
        "v=0",
        f"o=- {session_id} {version} IN {family} {local.host}",
        "s=-",
        f"c=IN {family} {local.host}",
        "t=0 0",
    ]


def _stream(
    port: int,
    payload_types: list[tuple[int, str]],
    dtmf_payload_type: int | None,
    direction: str,
    ptime_ms: int,
) -> list[str]:
    types = [*payload_types, *([(dtmf_payload_type, DTMF)] if dtmf_payload_type else [])]
    lines = [f"m=audio {port} RTP/AVP {' '.join(str(number) for number, _ in types)}"]
    lines += [f"a=rtpmap:{number} {name}/8000" for number, name in types]
    if dtmf_payload_type:
        lines.append(f"a=fmtp:{dtmf_payload_type} 0-16")
    return [*lines, f"a=ptime:{ptime_ms}", f"a={direction}"]


def _refused(media: str) -> str:
    kind, _, rest = media.split(None, 2)
    return f"m={kind} 0 {rest}"


def _written(lines: list[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode()
