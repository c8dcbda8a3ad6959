"""Descriptions of ours: the offer, and what an answer shares with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from telephony.address import Address
from telephony.sdp.crypto import Crypto, Srtp
from telephony.sdp.directions import SENDRECV
from telephony.sdp.encodings import (
    CODECS,
    COMFORT_NOISE,
    DTMF_CLOCK_RATE,
    Encoding,
    telephone_event,
)
from telephony.sdp.grammar import DEFAULT_PTIME_MS, PLAIN, SECURE, origin


@dataclass(frozen=True, slots=True)
class Terms:
    """How we want the stream. `keys` is one for each suite which we would use."""

    direction: str = SENDRECV
    srtp: Srtp = Srtp.OFF
    keys: tuple[Crypto, ...] = ()
    rtcp_mux: bool = False
    # None where it is the port after that of RTP.
    rtcp_port: int | None = None
    # Told to who is aware of recording (RFC 7866 section 7.2.1): "on", "off" or "paused".
    record: str = ""


PLAINLY = Terms()


@dataclass(frozen=True, slots=True)
class Stream:
    """One m= line of ours, and all below it."""

    port: int
    protocol: str
    encodings: tuple[Encoding, ...]
    direction: str
    ptime_ms: int = DEFAULT_PTIME_MS
    crypto: tuple[Crypto, ...] = ()
    rtcp_port: int | None = None
    rtcp_mux: bool = False
    label: str = ""
    record: str = ""

    @property
    def lines(self) -> Iterable[str]:
        numbers = " ".join(str(encoding.payload_type) for encoding in self.encodings)
        yield f"m=audio {self.port} {self.protocol} {numbers}"
        for encoding in self.encodings:
            yield f"a=rtpmap:{encoding.payload_type} {encoding.rtpmap}"
            if encoding.fmtp:
                yield f"a=fmtp:{encoding.payload_type} {encoding.fmtp}"
        yield from (line.line for line in self.crypto)
        if self.rtcp_port is not None:
            yield f"a=rtcp:{self.rtcp_port}"
        if self.rtcp_mux:
            yield "a=rtcp-mux"
        yield f"a=ptime:{self.ptime_ms}"
        yield f"a={self.direction}"
        if self.label:
            yield f"a=label:{self.label}"
        if self.record:
            yield f"a=record:{self.record}"


def build_offer(
    preference: Sequence[str],
    local: Address,
    session_id: int,
    version: int,
    *,
    terms: Terms = PLAINLY,
) -> bytes:
    """Offer these codecs, comfort noise, and DTMF as RTP events (RFC 4733).

    Where encryption is optional the stream is RTP/AVP with keys, which others may overlook.
    """
    codecs = [CODECS[name] for name in preference]
    clocks = dict.fromkeys(codec.clock_rate for codec in codecs)
    noise = [COMFORT_NOISE] if COMFORT_NOISE.clock_rate in clocks else []
    # Many know keys by this clock only, whatever the codec's is.
    events = [telephone_event(rate) for rate in dict.fromkeys((*clocks, DTMF_CLOCK_RATE))]
    stream = Stream(
        local.port,
        (SECURE if terms.srtp is Srtp.REQUIRED else PLAIN)[0],
        (*codecs, *noise, *events),
        terms.direction,
        crypto=() if terms.srtp is Srtp.OFF else terms.keys,
        rtcp_port=terms.rtcp_port,
        rtcp_mux=terms.rtcp_mux,
        record=terms.record,
    )
    return written([*session_lines(local, session_id, version), *stream.lines])


def session_lines(local: Address, session_id: int, version: int) -> list[str]:
    family = "IP6" if ":" in local.host else "IP4"
    return [
        "v=0",
        f"o=- {session_id} {version} IN {family} {local.host}",
        "s=-",
        f"c=IN {family} {local.host}",
        "t=0 0",
    ]


def written(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode()


def revised(before: bytes, after: bytes) -> bytes:
    """`after` as the successor of `before`, both of ours (RFC 3264 section 8).

    The version rises by one where anything changed; what did not is described as it was.
    """
    if not before:
        return after
    session_id, version = origin(before)
    if (same := _numbered(after, session_id, version)) == before:
        return same
    return _numbered(after, session_id, version + 1)


def _numbered(body: bytes, session_id: int, version: int) -> bytes:
    lines = body.decode().split("\r\n")
    user, _, _, *rest = lines[1].split(" ")
    lines[1] = " ".join((user, str(session_id), str(version), *rest))
    return "\r\n".join(lines).encode()
