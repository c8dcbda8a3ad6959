"""The only code that adds a consent event, and so the only maker of a grant."""

from dataclasses import dataclass

from consent.rules import Answer, State, fold, is_open, meaning, next_state
from consent.tables import ConsentEvent, Kind, Scope
from runtime import Context, Refused

PARTIES = ("caller", "agent")
"""Whose voice one recording holds; each has a key of its own."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Made here and nowhere else, in the commit in which the party agreed."""

    call: str
    epoch: int
    at_us: int
    keys: dict[str, str]
    """Party -> key id."""


def state_of(ctx: Context, call: str) -> State:
    """Where the caller stands about being recorded."""
    return fold(_story(ctx, call))


def is_asked(ctx: Context, call: str) -> bool:
    """Whether the caller is, or will be, to answer a question."""
    return is_open(state_of(ctx, call))


def due(ctx: Context, call: str) -> None:
    """The policy wants the caller to be asked."""
    _add(ctx, call, Kind.ASK_DUE)


def asked(ctx: Context, call: str, wording: str) -> None:
    """A question begins to be played."""
    _add(ctx, call, Kind.ASKED, wording=wording)


def notice_completed(ctx: Context, call: str) -> None:
    """The question has been heard past its must-hear mark."""
    _add(ctx, call, Kind.NOTICE_COMPLETED)


def answered(
    ctx: Context, call: str, answer: Answer, method: str, keys: dict[str, str]
) -> Grant | None:
    """The party answered. Where that is consent, `keys` (party -> prepared key) come to life."""
    state = state_of(ctx, call)
    kind = meaning(state, answer)
    # An answer nobody asked for changes nothing: consent is given to a question.
    if kind is None:
        raise Refused(f"an answer means nothing while consent is {state}")
    if kind is not Kind.GRANTED:
        _add(ctx, call, kind, method=method)
        return None
    return _grant(ctx, call, method, keys)


def _grant(ctx: Context, call: str, method: str, keys: dict[str, str]) -> Grant:
    if sorted(keys) != sorted(PARTIES):
        raise Refused(f"a grant needs a key for each of {PARTIES}")
    epoch = 1 + max([event.epoch for event in _story(ctx, call)], default=0)
    # The agent speaks for its operator, whose basis is that the caller agreed.
    for party in sorted(keys):
        by = method if party == "caller" else "operator, once the caller agreed"
        _add(ctx, call, Kind.GRANTED, party=party, epoch=epoch, key_id=keys[party], method=by)
    return Grant(call=call, epoch=epoch, at_us=ctx.now, keys=keys)


def _story(ctx: Context, call: str) -> list[ConsentEvent]:
    events = ctx.table(ConsentEvent).where(call=call, party="caller")
    return sorted(events, key=lambda event: event.id)


def _add(
    ctx: Context,
    call: str,
    kind: Kind,
    *,
    party: str = "caller",
    epoch: int = 0,
    key_id: str | None = None,
    wording: str | None = None,
    method: str | None = None,
) -> None:
    events = ctx.table(ConsentEvent).where(call=call)
    story = [event for event in events if event.party == "caller"]
    if party == "caller" and next_state(fold(story), kind) is None:
        raise Refused(f"{kind} can not follow {fold(story)}")
    ctx.table(ConsentEvent).insert(
        ConsentEvent(
            id=f"{call}/{len(events):04}",
            call=call,
            party=party,
            scope=Scope.RECORDING,
            kind=kind,
            epoch=epoch,
            key_id=key_id,
            wording=wording,
            method=method,
            at_us=ctx.now,
        )
    )
