"""SIP (RFC 3261) without I/O: bytes and the time go in, bytes and events come out."""

from telephony.sip.dialog import DialogState
from telephony.sip.outputs import (
    Accepted,
    Acknowledged,
    Cancelled,
    Event,
    Failed,
    HungUp,
    InfoReceived,
    Invited,
    Offered,
    Output,
    Rejected,
    Responded,
    Ringing,
    Save,
    Transmit,
    Unacknowledged,
)
from telephony.sip.user_agent import UserAgent

__all__ = [
    "Accepted",
    "Acknowledged",
    "Cancelled",
    "DialogState",
    "Event",
    "Failed",
    "HungUp",
    "InfoReceived",
    "Invited",
    "Offered",
    "Output",
    "Rejected",
    "Responded",
    "Ringing",
    "Save",
    "Transmit",
    "Unacknowledged",
    "UserAgent",
]
