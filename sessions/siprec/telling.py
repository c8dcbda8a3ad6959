"""What a recorder is told of a call: who talks, and when their voices are in the streams."""

from recordings.tables import Recording
from runtime.keystore import KeyDestroyed
from runtime.sealed import Sealed
from sessions.house import House
from sessions.siprec.tables import RecordingSession
from sessions.siprec.taps import VOICES
from sessions.tables import Call
from telephony.sip.multipart import part
from telephony.siprec import Association, Participant, Snapshot, Stream, identifier
from telephony.siprec.metadata import CONTENT_TYPE, DISPOSITION

CALLER, AGENT = "caller", "agent"


def enclosed(house: House, call: Call, recording: Recording, session: RecordingSession) -> bytes:
    """The snapshot, as it goes beside a description."""
    return part(CONTENT_TYPE, DISPOSITION, snapshot(house, call, recording, session).xml())


def snapshot(house: House, call: Call, recording: Recording, session: RecordingSession) -> Snapshot:
    """All that a recorder is told: the numbers as the call knows them, and no word of it."""
    people = {CALLER: call.remote, AGENT: call.local}
    sent = Association(recording.opened_us, recording.suspended_us)
    return Snapshot(
        session=identifier(call.id, "session"),
        span=Association(call.answered_us or call.offered_us, call.ended_us),
        recorded=Association(session.ordered_us),
        participants=tuple(
            Participant(identifier(call.id, who), _known(house, uri)) for who, uri in people.items()
        ),
        streams=tuple(
            Stream(identifier(session.id, label), label, identifier(call.id, who), sent)
            for label, _, who in VOICES
        ),
    )


def _known(house: House, sealed: Sealed[str]) -> str:
    try:
        return house.unseal(sealed)
    except KeyDestroyed:
        return "sip:anonymous@anonymous.invalid"
