"""What the rows tell: where a party stands now, and where it stood at a time that is past."""

from collections.abc import Iterable, Sequence

from consent.machine import Standing
from consent.tables import ConsentEvent

CALLER = "caller"
AGENT = "agent"


def standing(event: ConsentEvent) -> Standing:
    """Where a party stands after this event."""
    return Standing(
        event.state,
        event.closed_by,
        event.epoch,
        event.replays,
        event.volunteered,
        event.implied,
    )


def standings(events: Iterable[ConsentEvent], party: str = CALLER) -> dict[str, Standing]:
    """Scope -> where the party stands, of all the events of one call."""
    mine = sorted((one for one in events if one.party == party), key=lambda one: one.id)
    return {event.scope: standing(event) for event in mine}


def was_open(
    events: Sequence[ConsentEvent], scope: str, from_us: int, until_us: int, party: str = CALLER
) -> bool:
    """Whether a scope was open all the time between two moments, as far as these events say."""
    mine = sorted(
        (one for one in events if (one.party, one.scope) == (party, scope)), key=lambda one: one.id
    )
    before = [one for one in mine if one.at_us <= from_us]
    within = [one for one in mine if from_us < one.at_us < until_us]
    return bool(before) and all(one.is_open for one in (before[-1], *within))
