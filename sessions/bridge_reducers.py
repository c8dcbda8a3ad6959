"""Calls that are joined, step by step: who may be heard by whom, and what may be recorded then.

A party who joins closes every open recording in the commit that lets them be heard; the media
follow the rows of `Hearing`, and only once the gates are closed. When all who are heard have
agreed, recording goes on under the next epoch.
"""

from consent import reducers as consent
from consent.machine import OPENING, Event, Reason
from consent.reducers import RECORDING
from recordings import reducers as recordings
from runtime import Context, Refused, reducer
from sessions import gating
from sessions.tables import Call, CallState
from telephony import bridging
from telephony.bridge import (
    HEARD,
    SPEAKS,
    SUPERVISES,
    Bridge,
    Member,
    Part,
    Presence,
    is_attended,
    may_record,
    refusal,
)

MONITORING = "monitoring"


@reducer(by=("supervisor", "operator"))
def part_changed(
    ctx: Context, call: str, other: str, part: Part, coached: str | None = None
) -> None:
    """`other`, in the same bridge as `call`, takes another part: held, talking, whispering."""
    take_part(ctx, call, other, part, coached)


def take_part(ctx: Context, call: str, other: str, part: Part, coached: str | None) -> None:
    """`other` takes another part in the bridge of `call`. Refused where it cannot."""
    bridge = _bridge(ctx, call)
    if all(member.call != other for member in bridging.members_of(ctx, bridge.id)):
        raise Refused(f"{other} is not in bridge {bridge.id}")
    _took_part(ctx, bridge, other, part, coached)
    _follow(ctx, bridge)


@reducer(by=("supervisor", "operator"))
def agent_presence_changed(ctx: Context, call: str, presence: Presence) -> None:
    """The agent of the call that leads the bridge is muted, back, or gone for good."""
    bridge = bridging.agent_is(ctx, _bridge(ctx, call), presence)
    _follow(ctx, bridge)
    _end_if_nobody_talks(ctx, bridge)


@reducer
def leaving_decided(ctx: Context, call: str) -> None:
    """The agent has introduced the others to each other: it is gone once all it said was played."""
    _bridge(ctx, call)
    ctx.effect("telephony.leave", lane=f"{call}/voice")


@reducer(by=("supervisor", "operator"))
def call_parted(ctx: Context, call: str, other: str) -> None:
    """`other` leaves the bridge of `call`; its line stays open."""
    _part(ctx, _bridge(ctx, call), other)


def join(ctx: Context, call: str, other: str, part: Part, coached: str | None) -> str:
    """`other` joins `call`. Answers the bridge. Refused where one of them cannot."""
    if why := why_not(ctx, call, other, part, coached):
        raise Refused(why)
    bridge = bridging.bridge_of(ctx, call) or _opened(ctx, call)
    _took_part(ctx, bridge, other, part, coached)
    _follow(ctx, bridge)
    return bridge.id


def why_not(ctx: Context, call: str, other: str, part: Part, coached: str | None) -> str | None:
    """Why `other` cannot join `call` now; none where it can."""
    for one in (call, other):
        row = ctx.table(Call).one(one)
        if row.state is not CallState.ANSWERED:
            return f"{one} is {row.state}: only calls that were answered are joined"
    bridge, there = bridging.bridge_of(ctx, call), bridging.bridge_of(ctx, other)
    if there is not None and (bridge is None or there.id != bridge.id):
        return f"{other} is in bridge {there.id} already"
    if part in SUPERVISES and _is_private(ctx, call):
        return f"the party of {call} may not be listened to now"
    alone = [Member("", "", call, Part.TALKS, None, ctx.now, left_us=None)]
    members = alone if bridge is None else bridging.members_of(ctx, bridge.id)
    return refusal(members, other, part, coached)


def hold(ctx: Context, call: str) -> None:
    """The party of `call` hears music, and nobody hears them."""
    bridge = bridging.bridge_of(ctx, call) or _opened(ctx, call)
    _took_part(ctx, bridge, call, Part.HELD, None)
    _follow(ctx, bridge)


def unhold(ctx: Context, call: str) -> None:
    """The party of `call` talks and hears again; a bridge of nobody else is closed."""
    bridge = bridging.bridge_of(ctx, call)
    if bridge is None:
        return
    _took_part(ctx, bridge, call, Part.TALKS, None)
    if len(bridging.members_of(ctx, bridge.id)) == 1:
        bridging.closed(ctx, bridge)
    _follow(ctx, bridge)


def ended(ctx: Context, call: str) -> None:
    """The line of a call closed: it leaves its bridge."""
    bridge = bridging.bridge_of(ctx, call)
    if bridge is None:
        return
    if bridge.call == call and bridge.agent is not Presence.GONE:
        # The agent spoke on this line, and has none now.
        bridge = bridging.agent_is(ctx, bridge, Presence.GONE)
    _part(ctx, bridge, call)


def consent_settled(ctx: Context, call: str) -> None:
    """A party answered: who agreed or refused is with the others again, and what was suspended
    for them may go on, or must stay.
    """
    bridge = bridging.bridge_of(ctx, call)
    if bridge is not None:
        bridging.asked(ctx, bridge, call, consent.is_asked(ctx, call))
        _follow(ctx, bridge)


def refused_beside(ctx: Context, call: str) -> None:
    """The party of `call` said no: what waits for all who are heard with it stays closed, and the
    record of each says for whose sake it does. Each leg goes on, unrecorded."""
    bridge = bridging.bridge_of(ctx, call)
    members = [] if bridge is None else bridging.members_of(ctx, bridge.id)
    if not any(member.call == call and member.part in HEARD for member in members):
        return
    for member in members:
        standing = consent.standings_of(ctx, member.call).get(RECORDING)
        waits = standing is not None and Reason.JOIN in standing.closed_by
        if member.call != call and waits:
            consent.happened(ctx, member.call, Event.JOIN_REFUSED, [RECORDING], method="bridge")


def is_told(ctx: Context, call: str, speaker: str) -> bool:
    """Whether the agent of `call` is told what the party of `speaker` says and does."""
    if call == speaker:
        return True
    bridge = bridging.bridge_of(ctx, speaker)
    if bridge is None or bridge.call != call:
        return False
    members = bridging.members_of(ctx, bridge.id)
    return any(is_attended(bridge, member) for member in members if member.call == speaker)


def _opened(ctx: Context, call: str) -> Bridge:
    return bridging.opened(ctx, call, is_asked=consent.is_asked(ctx, call))


def _took_part(ctx: Context, bridge: Bridge, call: str, part: Part, coached: str | None) -> None:
    """Who is asked for their consent is alone with the question until they have answered."""
    bridging.took_part(ctx, bridge, call, part, coached, is_asked=consent.is_asked(ctx, call))


def _part(ctx: Context, bridge: Bridge, call: str) -> None:
    bridging.left(ctx, bridge, call)
    # Alone with the agent again: whatever the other parties said, this recording is its own.
    is_heard_with(ctx, call, True)
    _follow(ctx, bridge)
    _end_if_nobody_talks(ctx, bridge)


def _end_if_nobody_talks(ctx: Context, bridge: Bridge) -> None:
    """Without an agent, one who is left alone is hung up on; one with it goes on alone."""
    members = bridging.members_of(ctx, bridge.id)
    talking = [member for member in members if member.part in SPEAKS]
    if bridge.agent is Presence.GONE and len(talking) < 2:
        for member in members:
            ctx.effect("telephony.hang_up", lane=f"{member.call}/voice", scope=member.call)
    elif len(members) > 1:
        return
    bridging.closed(ctx, bridge)


def _is_private(ctx: Context, call: str) -> bool:
    """Whether its party is not to be listened to: what they were owed about it is not settled."""
    standing = consent.standings_of(ctx, call).get(MONITORING)
    return standing is not None and not standing.is_open


def _follow(ctx: Context, bridge: Bridge) -> None:
    """Recording and media follow the rows."""
    for member in bridging.members_of(ctx, bridge.id):
        bridging.private(ctx, bridge, member.call, _is_private(ctx, member.call))
    _ask(ctx, bridge)
    _settle(ctx, bridge)
    ctx.effect("telephony.hear", lane=f"{bridge.id}/hear", bridge=bridge.id)


def _ask(ctx: Context, bridge: Bridge) -> None:
    """Who comes to be heard beside a recording, and was never asked, is asked now.

    A supervisor who speaks is a party like any other.
    """
    members = bridging.members_of(ctx, bridge.id)
    if not any(recordings.is_going_on(ctx, member.call) for member in members):
        return
    for member in members:
        standings = consent.standings_of(ctx, member.call)
        if member.part in HEARD and RECORDING not in standings:
            gating.follow(ctx, member.call, consent.joined(ctx, member.call, {}))
            bridging.asked(ctx, bridge, member.call, consent.is_asked(ctx, member.call))
            gating.say_next(ctx, member.call)


def _settle(ctx: Context, bridge: Bridge) -> None:
    members = bridging.members_of(ctx, bridge.id)
    parts = [(member.part, consent.has_agreed(ctx, member.call, RECORDING)) for member in members]
    may = may_record(parts)
    for member in members:
        # One who is on hold is with nobody: their own agreement is enough, and they are silent.
        is_heard_with(ctx, member.call, may or member.part not in HEARD)


def is_heard_with(ctx: Context, call: str, agreed: bool) -> None:
    """Whether all whom the party of `call` is heard with, or hears, agreed to be recorded."""
    standing = consent.standings_of(ctx, call).get(RECORDING)
    if standing is None or standing.state not in OPENING:
        return
    if agreed != (Reason.JOIN not in standing.closed_by):
        event = Event.JOIN_SETTLED if agreed else Event.JOIN_REQUESTED
        gating.follow(ctx, call, consent.happened(ctx, call, event, [RECORDING], method="bridge"))


def is_joined(ctx: Context, call: str) -> bool:
    """Whether a call is in a bridge."""
    return bridging.bridge_of(ctx, call) is not None


def _bridge(ctx: Context, call: str) -> Bridge:
    bridge = bridging.bridge_of(ctx, call)
    if bridge is None:
        raise Refused(f"{call} is in no bridge: join another call to it first")
    return bridge
