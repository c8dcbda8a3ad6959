"""One audio stream in a session description (RFC 8866), offered and answered (RFC 3264)."""

from telephony.sdp.answer import AudioParameters, accepted, answer, choose
from telephony.sdp.crypto import Crypto, Srtp, SrtpParameters, draw
from telephony.sdp.grammar import Audio, Origin, SdpError, origin, parse
from telephony.sdp.offer import Terms, build_offer, revised

__all__ = [
    "Audio",
    "AudioParameters",
    "Crypto",
    "Origin",
    "SdpError",
    "Srtp",
    "SrtpParameters",
    "Terms",
    "accepted",
    "answer",
    "build_offer",
    "choose",
    "draw",
    "origin",
    "parse",
    "revised",
]
