"""Samples and packets: knows nothing of calls."""

from media.caller import SoftPhone
from media.client import MediaClient, MediaUnavailable
from media.codecs import CODECS, Codec
from media.plane import Plane
from media.recorder import Track

__all__ = [
    "CODECS",
    "Codec",
    "MediaClient",
    "MediaUnavailable",
    "Plane",
    "SoftPhone",
    "Track",
]
