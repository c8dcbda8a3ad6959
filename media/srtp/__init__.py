"""SRTP (RFC 3711, RFC 7714): RTP and RTCP, encrypted and authenticated, keyed by SDP (RFC 4568).

What is kept is little: a sender is told its packet indexes, which are functions of the clock; a
receiver can be told the rollover counter where its forerunner left it.
"""

from media.srtp.errors import AuthenticationError, ReplayError, SrtpError
from media.srtp.receiver import Receiver
from media.srtp.sdes import Keying
from media.srtp.sender import Sender
from media.srtp.suites import SUITES, Suite

__all__ = [
    "SUITES",
    "AuthenticationError",
    "Keying",
    "Receiver",
    "ReplayError",
    "Sender",
    "SrtpError",
    "Suite",
]
