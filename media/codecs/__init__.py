"""Codecs between wire bytes and 16-bit samples."""

from collections.abc import Callable
from dataclasses import dataclass

from media.codecs.g711 import decode_alaw, decode_ulaw, encode_alaw, encode_ulaw
from media.units import Samples

__all__ = ["CODECS", "Codec"]


@dataclass(frozen=True, slots=True)
class Codec:
    """One sample at 8 kHz is one octet in both laws of G.711."""

    name: str
    payload_type: int  # The static one of RFC 3551 section 6.
    decode: Callable[[bytes], Samples]
    encode: Callable[[Samples], bytes]


CODECS = {
    "PCMU": Codec("PCMU", 0, decode_ulaw, encode_ulaw),
    "PCMA": Codec("PCMA", 8, decode_alaw, encode_alaw),
}
