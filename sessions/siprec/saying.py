"""What our SDP says of recording to who is aware of it (RFC 7866 section 7.2.1)."""

from recordings.tables import Recording, RecordingState
from sessions.house import House
from telephony.sip import DialogState

AWARE = "record-aware"
OFF, ON, PAUSED = "off", "on", "paused"

SAID = {RecordingState.OPEN: ON, RecordingState.SUSPENDED: PAUSED, RecordingState.SEALED: OFF}


def is_aware(dialog: DialogState) -> bool:
    """Whether the other side wants to be told in SDP, or was told before.

    Some say what they support in the first request only.
    """
    was_told = b"\na=record:" in dialog.local_sdp
    return was_told or AWARE in dialog.peer_supported.lower().split(", ")


async def said(house: House, dialog: DialogState) -> str:
    """What is said to the other side; nothing to who would not read it."""
    if not is_aware(dialog):
        return ""
    rows = await house.store.reader.rows(Recording, id=dialog.id)
    return SAID[rows[0].state] if rows else OFF
