"""What budgets must do, said a second time and without a store."""

from dataclasses import dataclass, field

from runtime.budgets.tables import ReservationState as Is
from runtime.budgets.tables import StopKind


@dataclass
class Held:
    """A reservation, as the model remembers it."""

    amount: int
    owners: list[str]
    expires_us: int
    state: Is
    cost: int = 0
    """What it counts for as spent."""


@dataclass
class Model:
    """One unit. `stops` are owner, kind, by how much."""

    ceilings: dict[str, int] = field(default_factory=dict[str, int])
    held: dict[str, Held] = field(default_factory=dict[str, Held])
    stops: list[tuple[str, StopKind, int]] = field(default_factory=list[tuple[str, StopKind, int]])

    def spent(self, owner: str) -> int:
        return sum(one.cost for one in self.held.values() if owner in one.owners)

    def open(self, owner: str) -> int:
        mine = [one for one in self.held.values() if owner in one.owners]
        return sum(one.amount for one in mine if one.state is Is.HELD)

    def beyond(self, owner: str) -> int:
        return self.spent(owner) + self.open(owner) - self.ceilings[owner]

    def reserve(self, name: str, owners: list[str], amount: int, expires_us: int) -> None:
        known = [owner for owner in owners if owner in self.ceilings]
        full = [owner for owner in known if self.beyond(owner) + amount > 0]
        state = Is.DENIED if full else Is.HELD
        self.stops += [(owner, StopKind.DENIED, self.beyond(owner) + amount) for owner in full]
        self.held[name] = Held(amount, known, expires_us, state)

    def settle(self, name: str, actual: int) -> bool:
        return self._end(name, Is.SETTLED, actual)

    def release(self, name: str) -> bool:
        return self._end(name, Is.RELEASED, 0)

    def _end(self, name: str, state: Is, cost: int) -> bool:
        one = self.held[name]
        if one.state not in (Is.HELD, Is.EXPIRED):
            return False
        one.state, one.cost = state, cost
        if cost > one.amount:
            broken = [owner for owner in one.owners if self.beyond(owner) > 0]
            self.stops += [(owner, StopKind.OVERRUN, self.beyond(owner)) for owner in broken]
        return True

    def pass_time(self, now_us: int) -> None:
        for one in self.held.values():
            if one.state is Is.HELD and one.expires_us <= now_us:
                one.state, one.cost = Is.EXPIRED, one.amount

    def set_ceiling(self, owner: str, ceiling: int) -> None:
        lowered = ceiling < self.ceilings.get(owner, 0)
        self.ceilings[owner] = ceiling
        if lowered and self.beyond(owner) > 0:
            self.stops.append((owner, StopKind.LOWERED, self.beyond(owner)))
