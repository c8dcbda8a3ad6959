"""What a payload type can stand for: the rows of rtpmap (RFC 3551, RFC 4733, RFC 7587)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Encoding:
    """As an rtpmap has it. `payload_type` is the static one, or the one which we offer."""

    name: str
    payload_type: int
    clock_rate: int = 8_000
    channels: int = 1
    fmtp: str = ""

    @property
    def rtpmap(self) -> str:
        channels = f"/{self.channels}" if self.channels > 1 else ""
        return f"{self.name}/{self.clock_rate}{channels}"


# G.722 says 8000 for 16 kHz audio (RFC 3551 section 4.5.2), Opus always two channels at 48 kHz
# (RFC 7587 section 7).
CODECS: Mapping[str, Encoding] = MappingProxyType(
    {
        "PCMU": Encoding("PCMU", 0),
        "PCMA": Encoding("PCMA", 8),
        "G722": Encoding("G722", 9),
        "opus": Encoding(
            "opus",
            111,
            48_000,
            2,
            "maxplaybackrate=16000;sprop-maxcapturerate=16000;useinbandfec=1",
        ),
    }
)
COMFORT_NOISE = Encoding("CN", 13)
DTMF = "telephone-event"
DTMF_EVENTS = "0-16"
DTMF_CLOCK_RATE = 8_000
# By the clock of the codec beside it: they share a stream of timestamps (RFC 4733 section 2.1).
DTMF_PAYLOAD_TYPES: Mapping[int, int] = MappingProxyType({8_000: 101, 48_000: 102})

# RFC 3551 table 4: these need no rtpmap.
STATIC: Mapping[int, str] = MappingProxyType(
    {
        encoding.payload_type: encoding.rtpmap.lower()
        for encoding in (*CODECS.values(), COMFORT_NOISE)
        if encoding.payload_type < 96
    }
)


def telephone_event(clock_rate: int) -> Encoding:
    return Encoding(DTMF, DTMF_PAYLOAD_TYPES[clock_rate], clock_rate, 1, DTMF_EVENTS)


def normal(rtpmap: str) -> str:
    """An encoding as it is compared: in lower case, without the channel which all have."""
    return rtpmap.strip().lower().removesuffix("/1")
