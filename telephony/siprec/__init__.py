"""What a session recording client says (RFC 7866, RFC 7865), without I/O: to whom others record."""

from telephony.siprec.metadata import Association, Participant, Snapshot, Stream, identifier
from telephony.siprec.offers import Voice, accepted, answered, offered, preference

ACCEPT = "application/sdp, application/rs-metadata-request+xml"
FEATURES = ";+sip.src"
"""What the Contact of a recording client says (RFC 7866 section 6.1.1)."""

__all__ = [
    "ACCEPT",
    "FEATURES",
    "Association",
    "Participant",
    "Snapshot",
    "Stream",
    "Voice",
    "accepted",
    "answered",
    "identifier",
    "offered",
    "preference",
]
