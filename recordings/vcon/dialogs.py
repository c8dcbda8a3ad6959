"""The dialogs of a vCon: the call, one mono recording of each leg, transfers."""

from typing import Any

from recordings.vcon import parties
from recordings.vcon.conversation import AGENT, CALL, REMOTE, Conversation, Track
from recordings.vcon.history import party_history
from recordings.vcon.values import date, seconds

PLACE_OF = {"caller": REMOTE, "agent": AGENT}

# Why there was no conversation, by `telephony.causes`; what is not named here failed.
DISPOSITIONS = {
    "busy": "busy",
    "congestion": "congestion",
    "no_answer": "no-answer",
    "timed_out": "no-answer",
    "unavailable": "no-answer",
    "declined": "no-answer",
    "elsewhere": "no-answer",
    "cancelled": "hung-up",
    "normal": "hung-up",
}

Dialog = dict[str, Any]


def dialogs(told: Conversation) -> list[Dialog]:
    """The call as a whole stands at place CALL."""
    if not told.is_answered:
        return [_incomplete(told)]
    recordings = [_recording(told, track) for track in told.tracks]
    return [_call(told, len(recordings)), *recordings, *_transfers(told)]


def _begun(told: Conversation) -> Dialog:
    call = told.call
    # The first party is the originator, unless it is said.
    outbound = {"originator": AGENT} if call["direction"] == "outbound" else {}
    length = {"duration": seconds(max(0, told.end_us - told.start_us))}
    return {"start": date(told.start_us), **length, **outbound}


def _call(told: Conversation, recordings: int) -> Dialog:
    everybody = [REMOTE, AGENT, *(place for place, _ in parties.places(told))]
    return {
        "type": "recording-set",
        **_begun(told),
        "parties": everybody,
        "recordings": list(range(CALL + 1, CALL + 1 + recordings)),
        "party_history": party_history(told),
        "application": "telephony",
    }


def _incomplete(told: Conversation) -> Dialog:
    return {
        "type": "incomplete",
        **_begun(told),
        "parties": [REMOTE, AGENT],
        "disposition": DISPOSITIONS.get(told.call["cause"] or "", "failed"),
        "application": "telephony",
    }


def _recording(told: Conversation, track: Track) -> Dialog:
    outbound = told.call["direction"] == "outbound"
    place = PLACE_OF[track.party]
    originator = AGENT if outbound else REMOTE
    body = track.body
    where = (
        {"url": body.url, "content_hash": body.content_hash}
        if body.url
        else {"body": body.base64url, "encoding": "base64url"}
    )
    return {
        "type": "recording",
        "start": date(track.start_us),
        "duration": seconds(track.duration_us),
        "parties": place,
        **({} if place == originator else {"originator": originator}),
        "recording_set": CALL,
        "mediatype": track.mediatype,
        "filename": track.filename,
        **where,
    }


def _transfers(told: Conversation) -> list[Dialog]:
    """The new call is not ours: nothing is known of it, and no target_dialog is named."""
    return [
        {
            "type": "transfer",
            "start": date(action["proposed_us"]),
            "transferee": REMOTE,
            "transferor": AGENT,
            "transfer_target": place,
            "original": list(range(CALL, CALL + 1 + len(told.tracks))),
        }
        for place, action in parties.targets(told)
    ]
