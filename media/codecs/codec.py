"""A codec as SDP and the plane know it; what runs it is imported when a leg needs it."""

from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

from media.units import FRAME_MS, Samples

PAYLOAD_MS_MAX = 60


class Decoder(Protocol):
    """One stream, in the order it is played. Not for two threads."""

    def decode(self, payload: bytes) -> Samples:
        """The samples of a payload, at the codec's `rate`.

        ValueError if it is none of this codec, or longer than `PAYLOAD_MS_MAX`; the stream goes on.
        """
        ...


class Encoder(Protocol):
    """One stream, in the order it is sent. Not for two threads."""

    def encode(self, samples: Samples) -> bytes:
        """The payload of one frame of 20 ms, at the codec's `rate`."""
        ...


@dataclass(frozen=True, slots=True)
class Codec:
    """A row of the table in `media.codecs`."""

    name: str
    payload_type: int
    """The static one of RFC 3551 section 6; where there is none, the one we offer."""

    module: str
    """Has `decoder(name)` and `encoder(name)`. Imported by the first leg that needs it: PyAV is a
    heavy import, and most processes only ever see G.711."""

    clock_rate: int = 8_000
    """Of RTP timestamps, in Hz. G.722 says 8000 for 16 kHz audio: RFC 3551 section 4.5.2."""

    rate: int = 8_000
    """Of the samples, in Hz."""

    channels: int = 1
    """As rtpmap says. Opus always says two and may send one: RFC 7587 section 7."""

    fmtp: str = ""

    @property
    def rtpmap(self) -> str:
        """The encoding of SDP's rtpmap attribute (RFC 8866 section 6.6)."""
        channels = f"/{self.channels}" if self.channels > 1 else ""
        return f"{self.name}/{self.clock_rate}{channels}"

    @property
    def frame_samples(self) -> int:
        return self.rate * FRAME_MS // 1_000

    @property
    def frame_ticks(self) -> int:
        """What the RTP timestamp grows by in a frame."""
        return self.clock_rate * FRAME_MS // 1_000

    def samples(self, ticks: int) -> int:
        """A difference of RTP timestamps in samples, rounded down."""
        return ticks * self.rate // self.clock_rate

    def ticks(self, samples: int) -> int:
        """A number of samples as a difference of RTP timestamps, rounded down."""
        return samples * self.clock_rate // self.rate

    def decoder(self) -> Decoder:
        decoder: Decoder = import_module(self.module).decoder(self.name)
        return decoder

    def encoder(self) -> Encoder:
        encoder: Encoder = import_module(self.module).encoder(self.name)
        return encoder

    def decode(self, payload: bytes) -> Samples:
        """A payload on its own. G.711 has no memory; a stream of the others needs a `decoder()`."""
        return self.decoder().decode(payload)

    def encode(self, samples: Samples) -> bytes:
        """A frame on its own; see `decode`."""
        return self.encoder().encode(samples)
