"""Descriptions as they arrive: hostile until parsed, limits first."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from telephony.address import Address
from telephony.sdp import crypto
from telephony.sdp.crypto import Crypto, Srtp
from telephony.sdp.directions import DIRECTIONS, INACTIVE, SENDONLY, SENDRECV
from telephony.sdp.encodings import STATIC, normal

SDP_BYTES_MAX = 16_384
LINES_MAX = 400
PAYLOAD_TYPES_MAX = 64
CRYPTO_LINES_MAX = 16
RECORD_CHARS_MAX = 16
ORIGIN_MAX = 2**63 - 1

DEFAULT_PTIME_MS = 20
PTIME_MS_MAX = 200

PLAIN = ("RTP/AVP", "RTP/AVPF")
SECURE = ("RTP/SAVP", "RTP/SAVPF")


class SdpError(ValueError):
    """A description which offers nothing we can use."""


class Origin(NamedTuple):
    """The session id and version of the o= line."""

    session_id: int
    version: int


@dataclass(frozen=True, slots=True)
class Audio:
    """The audio stream of a description which we use; `direction` is its writer's."""

    remote: Address
    protocol: str
    payload_types: tuple[int, ...]
    # "pcmu/8000" by payload type.
    encodings: Mapping[int, str]
    direction: str
    ptime_ms: int
    # None where it is the port after that of RTP.
    rtcp: Address | None
    rtcp_mux: bool
    crypto: tuple[Crypto, ...]
    # m= lines in their order, each to be answered.
    media: tuple[str, ...]
    index: int
    # What its writer says of recording (RFC 7866 sections 7.2, 7.3): "on", "off" and such, or "".
    record: str = ""
    recordpref: str = ""


@dataclass(slots=True)
class _Section:
    """The lines before the first m=, or those from one m= to the next."""

    media: str = ""
    host: str = ""
    direction: str = ""
    rtpmaps: dict[int, str] = field(default_factory=dict[int, str])
    ptime_ms: int = DEFAULT_PTIME_MS
    maxptime_ms: int = PTIME_MS_MAX
    rtcp: str = ""
    rtcp_mux: bool = False
    record: str = ""
    recordpref: str = ""
    crypto: list[Crypto] = field(default_factory=list[Crypto])


def parse(body: bytes, srtp: Srtp = Srtp.OFF) -> Audio:
    """Read an offer or an answer; SdpError when it has no audio we could use.

    Of several streams that could be encrypted as `srtp` asks, the first encrypted one is taken.
    """
    session, *sections = _sections(body)
    found = [index for index, section in enumerate(sections) if _is_usable(section, srtp)]
    if not found:
        raise SdpError("SDP has no audio")
    secure = [index for index in found if sections[index].crypto] if srtp is not Srtp.OFF else []
    index = (secure or found)[0]
    return _audio(session, sections, index)


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


def _sections(body: bytes) -> list[_Section]:
    sections = [_Section()]
    for kind, value in _lines(body):
        if kind == "m":
            if len(value.split()) < 4:
                raise SdpError("SDP has a bad m= line")
            sections.append(_Section(media=value))
        # What belongs to streams which we refuse is not read at all.
        elif len(sections) == 1 or _is_audio(sections[-1]):
            if kind == "c":
                sections[-1].host = _connection(value)
            elif kind == "a":
                _attribute(sections[-1], value)
    return sections


def _is_audio(section: _Section) -> bool:
    kind, port, protocol, *_ = section.media.split()
    return kind == "audio" and port != "0" and protocol in (*PLAIN, *SECURE)


def _is_usable(section: _Section, srtp: Srtp) -> bool:
    if not _is_audio(section):
        return False
    is_secure = section.media.split()[2] in SECURE
    match srtp:
        case Srtp.OFF:
            return not is_secure
        case Srtp.OPTIONAL:
            return not is_secure or bool(section.crypto)
        case Srtp.REQUIRED:
            return bool(section.crypto)


def _connection(value: str) -> str:
    words = value.split()
    if len(words) != 3 or words[0] != "IN" or words[1] not in ("IP4", "IP6"):
        raise SdpError("SDP has a bad c= line")
    return words[2].partition("/")[0]


def _attribute(section: _Section, value: str) -> None:
    name, _, text = value.partition(":")
    if name in DIRECTIONS:
        section.direction = name
    elif name == "rtpmap":
        number, _, encoding = text.partition(" ")
        section.rtpmaps[_number(number, 127)] = normal(encoding)
    elif name == "ptime":
        section.ptime_ms = _span(text, DEFAULT_PTIME_MS)
    elif name == "maxptime":
        section.maxptime_ms = _span(text, PTIME_MS_MAX)
    elif name == "rtcp":
        section.rtcp = text
    elif name in ("record", "recordpref"):
        setattr(section, name, text.strip().lower()[:RECORD_CHARS_MAX])
    elif name == "rtcp-mux":
        section.rtcp_mux = True
    elif name == "crypto":
        line = crypto.parse(text)
        if line is not None and len(section.crypto) < CRYPTO_LINES_MAX:
            section.crypto.append(line)


def _span(text: str, otherwise: int) -> int:
    span_ms = _number(text.strip(), 10_000)
    return span_ms if 0 < span_ms <= PTIME_MS_MAX else otherwise


def _audio(session: _Section, sections: Sequence[_Section], index: int) -> Audio:
    section = sections[index]
    host = section.host or session.host
    if not _is_ip(host):
        raise SdpError("SDP has no IP address to send to")
    _, port, protocol, *formats = section.media.split()
    if len(formats) > PAYLOAD_TYPES_MAX:
        raise SdpError("SDP has too many payload types")
    payload_types = tuple(_number(text, 127) for text in formats)
    direction = section.direction or session.direction or SENDRECV
    # The old way to hold (RFC 3264 section 8.4).
    if host in ("0.0.0.0", "::"):
        direction = SENDONLY if direction == SENDRECV else INACTIVE
    return Audio(
        remote=Address(host, _number(port.partition("/")[0], 65_535)),
        protocol=protocol,
        payload_types=payload_types,
        encodings=MappingProxyType({**STATIC, **section.rtpmaps}),
        direction=direction,
        ptime_ms=min(section.ptime_ms, section.maxptime_ms),
        rtcp=_rtcp(section.rtcp, host),
        rtcp_mux=section.rtcp_mux,
        crypto=tuple(section.crypto),
        media=tuple(each.media for each in sections),
        index=index,
        record=section.record or session.record,
        recordpref=section.recordpref or session.recordpref,
    )


def _rtcp(value: str, host: str) -> Address | None:
    """RFC 3605: a port, and perhaps an address of its own."""
    if not value:
        return None
    port, *connection = value.split()
    named = _connection(" ".join(connection)) if connection else host
    return Address(named if _is_ip(named) else host, _number(port, 65_535))


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
