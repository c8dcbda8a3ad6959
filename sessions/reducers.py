"""One call, step by step: each reducer is something that happened, and says what is due next."""

from dataclasses import replace

from consent import reducers as consent
from consent.machine import Event
from consent.terms import Term
from conversation import reducers as conversation
from recordings.tables import Recording, RecordingState
from runtime import Context, Refused, Sealed, reducer
from runtime.modules.reducers import pin
from sessions import bridge_reducers as joined
from sessions import consent_reducers as consents
from sessions import consult_reducers as consultations
from sessions import dials
from sessions import hold_reducers as holds
from sessions.gating import TRANSCRIPT
from sessions.retention import waking
from sessions.tables import Call, CallState, DialState, Leg
from telephony.causes import Cause
from telephony.sdp.directions import INACTIVE, RECVONLY
from transcripts import reducers as transcripts
from transcripts.tables import Revised, Segment

MODULE = "module:"
"""Before the name of a deployed module: its agent answers."""


@reducer
def call_offered(
    ctx: Context,
    *,
    call: str,
    line: str,
    remote: Sealed[str],
    local: Sealed[str],
    agent: str,
    words_key: str,
    replaces: str | None = None,
) -> str:
    """Somebody calls: let it ring. Answers the key that seals what will be said."""
    begin(
        ctx,
        call=call,
        direction="inbound",
        line=line,
        remote=remote,
        local=local,
        agent=agent,
        words_key=words_key,
        replaces=replaces,
    )
    ctx.effect("telephony.ring")
    return words_key


def begin(
    ctx: Context,
    *,
    call: str,
    direction: str,
    line: str,
    remote: Sealed[str],
    local: Sealed[str],
    agent: str,
    words_key: str,
    replaces: str | None,
) -> None:
    """The row of a call which nobody has answered yet.

    An agent out of a deployed module is pinned: the call keeps its version.
    """
    if agent.startswith(MODULE):
        agent = MODULE + pin(ctx, agent[len(MODULE) :], call)
    ctx.table(Call).insert(
        Call(
            id=call,
            state=CallState.OFFERED,
            direction=direction,
            line=line,
            remote=remote,
            local=local,
            agent=agent,
            words_key=words_key,
            caller_key=remote.key_id,
            offered_us=ctx.now,
            answered_us=None,
            ended_us=None,
            ended_by=None,
            forgotten=False,
            replaces=replaces,
        )
    )


@reducer
def call_rang(ctx: Context, call: str) -> None:
    """It has rung long enough: answer it."""
    in_state(ctx, call, CallState.OFFERED)
    ctx.effect("telephony.answer")


@reducer
def leg_planned(ctx: Context, leg: Leg) -> None:
    """How the call's media will run; committed before the media process is told."""
    in_state(ctx, leg.call, CallState.OFFERED)
    ctx.table(Leg).insert(leg)


@reducer
def leg_changed(
    ctx: Context,
    *,
    call: str,
    remote_host: Sealed[str],
    remote_port: int,
    payload_type: int,
    dtmf_payload_type: int | None,
    codec: str | None = None,
    direction: str = "sendrecv",
    srtp_suite: str = "",
    srtp_keys: Sealed[str] | None = None,
    rtcp_port: int | None = None,
    rtcp_mux: bool = False,
    dtmf_clock_rate: int = 8_000,
) -> None:
    """The caller's media moved, is named at last, or is held; new keys count from nothing."""
    legs = ctx.table(Leg)
    leg = legs.one(call)
    same_keys = srtp_suite == leg.srtp_suite and srtp_keys == leg.srtp_keys
    legs.replace(
        replace(
            leg,
            remote_host=remote_host,
            remote_port=remote_port,
            payload_type=payload_type,
            dtmf_payload_type=dtmf_payload_type,
            codec=codec or leg.codec,
            direction=direction,
            srtp_suite=srtp_suite,
            srtp_keys=srtp_keys,
            srtp_roc=leg.srtp_roc if same_keys else 0,
            rtcp_port=rtcp_port,
            rtcp_mux=rtcp_mux,
            dtmf_clock_rate=dtmf_clock_rate,
        )
    )
    holds.caller_holds(ctx, call, direction in (RECVONLY, INACTIVE))


@reducer
def leg_rolled_over(ctx: Context, call: str, roc: int) -> None:
    """The packets that arrive were counted round once more: who takes over must know."""
    legs = ctx.table(Leg)
    legs.replace(replace(legs.one(call), srtp_roc=roc))


@reducer
def greeting_put(ctx: Context, call: str, utterance: str, text: Sealed[str]) -> None:
    """The greeting begins to be played while it rings: early media, heard and never recorded."""
    in_state(ctx, call, CallState.OFFERED)
    conversation.plan(ctx, utterance, text, False)


@reducer
def call_answered(ctx: Context, call: str, terms: tuple[Term, ...], keys: dict[str, str]) -> bool:
    """The 200 OK is out, or came. `terms` are what the party is owed before anything is done.

    Answers whether `keys` were used: where nothing is required, it is recorded at once.
    """
    row = in_state(ctx, call, CallState.OFFERED)
    ctx.table(Call).replace(replace(row, state=CallState.ANSWERED, answered_us=ctx.now))
    consent.owed(ctx, call, terms)
    dial = dials.came_to(ctx, call, DialState.ANSWERED, None)
    if dial is not None and dial.joins is not None:
        if joined.why_not(ctx, dial.joins, call, dial.part, dial.coached) is None:
            joined.join(ctx, dial.joins, call, dial.part, dial.coached)
        else:
            # Whom it was for has left meanwhile.
            ctx.effect("telephony.hang_up", lane=f"{call}/voice")
            return False
    return consents.begin(ctx, call, keys)


@reducer
def caller_acted(
    ctx: Context,
    *,
    call: str,
    turn: str,
    cause: str,
    segment: Segment | None,
    speaker: str = "",
    redacted: Revised | None = None,
    digit: Sealed[str] | None = None,
) -> None:
    """The caller spoke, pressed a key or stayed silent: the agent has something to answer.

    Or `speaker` did, the party of a call that is joined with this one. Words come with it only
    where they may be kept, and belong to the call of who said them.
    """
    in_state(ctx, call, CallState.ANSWERED)
    whose = speaker or call
    if not joined.is_told(ctx, call, whose):
        raise Refused(f"{whose} is not heard by the agent of {call}")
    if segment is not None:
        _keep(ctx, whose, segment, redacted)
    named = segment.id if segment else None
    conversation.begin_turn(ctx, turn, cause, named, speaker=speaker, digit=digit)


@reducer
def words_kept(ctx: Context, call: str, segment: Segment, redacted: Revised | None) -> None:
    """Words that were held back, for they might have begun a card number."""
    row = ctx.table(Call).one(call)
    if row.state not in (CallState.ANSWERED, CallState.ENDED):
        raise Refused(f"{call} is {row.state}: its record is complete")
    _keep(ctx, call, segment, redacted)


def _keep(ctx: Context, call: str, segment: Segment, redacted: Revised | None) -> None:
    spoken = (segment.start_us, segment.end_us)
    if segment.call != call or not consent.was_open(ctx, call, TRANSCRIPT, *spoken):
        raise Refused("words are kept only of a caller who agreed to it, and of while they did")
    transcripts.add(ctx, segment, redacted)


@reducer
def utterance_ended(
    ctx: Context,
    *,
    utterance: str,
    played_ms: int,
    total_ms: int,
    interrupted: bool,
    heard: Segment | None,
    redacted: Revised | None = None,
) -> None:
    """The agent's words ended or were cut off; the transcript keeps only what was played."""
    conversation.end(ctx, utterance, played_ms, total_ms, interrupted)
    if heard is not None:
        transcripts.add(ctx, heard, redacted)


@reducer
def hang_up_decided(ctx: Context, call: str) -> None:
    """The agent has said goodbye. What is to be told again at the end is, before the line goes."""
    if ctx.table(Call).one(call).state is CallState.ANSWERED:
        if consent.closing(ctx, call) is not None:
            ctx.effect("sessions.close", lane=f"{call}/voice")
        ctx.effect("telephony.hang_up", lane=f"{call}/voice")


@reducer
def call_ended(ctx: Context, call: str, by: str, cause: str | None = None) -> None:
    """The line is closed; what is open is sealed next. `cause` is one of `telephony.causes`."""
    row = ctx.table(Call).one(call)
    if row.state not in (CallState.OFFERED, CallState.ANSWERED):
        raise Refused(f"{call} has already ended")
    if row.state is CallState.OFFERED:
        dials.came_to(ctx, call, DialState.FAILED, cause)
    ended = replace(row, state=CallState.ENDED, ended_us=ctx.now, ended_by=by, cause=cause)
    ctx.table(Call).replace(ended)
    handed_on = cause == Cause.TRANSFERRED
    consents.left(ctx, call, Event.TRANSFERRED if handed_on else Event.LEFT)
    consultations.over(ctx, call, cause)
    joined.ended(ctx, call)
    holds.ended(ctx, call)
    ctx.effect("sessions.seal", lane=f"{call}/seal")


@reducer
def call_sealed(ctx: Context, call: str, forgotten: bool) -> None:
    """The record is complete, and what may not be kept can no longer be read."""
    row = in_state(ctx, call, CallState.ENDED)
    recording = ctx.table(Recording).get(call)
    if recording is not None and recording.state is not RecordingState.SEALED:
        raise Refused(f"the recording of {call} is still open")
    ctx.table(Call).replace(replace(row, state=CallState.SEALED, forgotten=forgotten))
    waking.sealed(ctx, call)


def in_state(ctx: Context, call: str, state: CallState) -> Call:
    """The call. Raises Refused where it is in another state."""
    row = ctx.table(Call).one(call)
    if row.state is not state:
        raise Refused(f"{call} is {row.state}, not {state}")
    return row
