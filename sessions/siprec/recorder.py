"""A recorder of others, as the configuration names it."""

from dataclasses import dataclass

from telephony.sdp import Srtp

SILENCE = "silence"
INACTIVE = "inactive"


@dataclass(frozen=True, slots=True)
class Recorder:
    """Where it is, and how it is told of a closed gate.

    Its streams are silent from the next 20 ms on in any case. `when_closed` says what follows:
    SILENCE keeps them, so that its clock goes on; INACTIVE ends them by a re-INVITE.
    """

    name: str
    uri: str
    trunk: str = ""
    srtp: Srtp = Srtp.OPTIONAL
    codecs: tuple[str, ...] = ("PCMU", "PCMA")
    when_closed: str = SILENCE
