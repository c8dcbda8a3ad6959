"""The only code that changes sessions with recorders of others."""

from dataclasses import replace

from recordings.tables import Recording, RecordingState
from runtime import Context, Refused, reducer
from sessions.reducers import in_state
from sessions.retention.binding import bounded
from sessions.retention.tables import Disclosure
from sessions.siprec import rules
from sessions.siprec.tables import RecordingElsewhere, RecordingSession, SessionState
from sessions.tables import CallState, Leg

ARTEFACTS = ("audio", "call_metadata")
PURPOSE = "recorded by a recorder outside (RFC 7866), under the same consent"


@reducer
def recorder_invited(ctx: Context, call: str, recorder: str) -> str:
    """The recorder is to be called next. Answers the id of the session.

    Refused while the recording is not open: before the grant nobody learns even that somebody
    calls. Who is given data stands in the same commit, so that an erasure reaches them.
    """
    in_state(ctx, call, CallState.ANSWERED)
    recording = ctx.table(Recording).get(call)
    if recording is None or recording.state is not RecordingState.OPEN:
        raise Refused(f"{call} is not recorded now: no recorder may be called")
    sessions = ctx.table(RecordingSession)
    last = rules.latest(sessions.where(call=call), recorder)
    if last is not None and last.state is not SessionState.OVER:
        raise Refused(f"{call} has a session with {recorder}")
    if last is not None and last.retry_us is None:
        raise Refused(f"{recorder} was given up for {call}")
    session = RecordingSession(
        id=ctx.new_id("rs"),
        call=call,
        recorder=recorder,
        attempt=last.attempt + 1 if last else 1,
        state=SessionState.ORDERED,
        is_sending=True,
        since_us=ctx.now,
        ordered_us=ctx.now,
        up_us=None,
        over_us=None,
        why="",
        retry_us=None,
    )
    sessions.insert(session)
    recipient = f"recorder {recorder}"
    bounded(recipient, "recorder")
    ctx.table(Disclosure).insert(
        Disclosure(
            id=ctx.new_id("disclosure"),
            call=call,
            recipient=recipient,
            artefacts=ARTEFACTS,
            purpose=PURPOSE,
            at_us=ctx.now,
        )
    )
    return session.id


@reducer
def tap_planned(ctx: Context, call: str, leg: Leg) -> None:
    """How one voice will go to a recorder; committed before the recorder is called."""
    in_state(ctx, call, CallState.ANSWERED)
    ctx.table(Leg).insert(leg)


@reducer
def recorder_agreed(ctx: Context, session: str, legs: tuple[Leg, ...], is_sending: bool) -> None:
    """The recorder takes the voices, as `legs` say; or what it was told of a closed gate."""
    row = _going_on(ctx, session)
    for leg in legs:
        ctx.table(Leg).replace(leg)
    told = row.is_sending != is_sending
    ctx.table(RecordingSession).replace(
        replace(
            row,
            state=SessionState.UP,
            up_us=row.up_us or ctx.now,
            is_sending=is_sending,
            since_us=ctx.now if told else row.since_us,
        )
    )


@reducer
def recorder_left(ctx: Context, session: str, why: str, again: bool) -> None:
    """The session is over. `again`: the recorder failed, and is tried again later."""
    row = _going_on(ctx, session)
    bounded(why, "why")
    ctx.table(RecordingSession).replace(
        replace(
            row,
            state=SessionState.OVER,
            over_us=ctx.now,
            why=why,
            retry_us=rules.retry_us(row.attempt, ctx.now) if again else None,
        )
    )


@reducer
def recording_elsewhere(ctx: Context, call: str, how: str) -> None:
    """Somebody else records: an incident, for what they have is under no gate of ours."""
    known = ctx.table(RecordingElsewhere).where(call=call) if call else []
    if any(row.how == how for row in known):
        return
    bounded(how, "how")
    ctx.table(RecordingElsewhere).insert(
        RecordingElsewhere(id=ctx.new_id("incident"), call=call, how=how, at_us=ctx.now)
    )


def _going_on(ctx: Context, session: str) -> RecordingSession:
    row = ctx.table(RecordingSession).one(session)
    if row.state is SessionState.OVER:
        raise Refused(f"{session} is over")
    return row
