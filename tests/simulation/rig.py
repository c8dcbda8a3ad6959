"""What runs in the simulation: the real thing, or something a control has broken."""

from collections.abc import Callable
from dataclasses import dataclass

from runtime.performer import Performer
from runtime.store import Store
from runtime.writer import Writer
from tests.simulation.faults import Mix
from tests.simulation.swarm import Swarm


@dataclass(frozen=True)
class Rig:
    """`mix` and `swarm` stand in for those that the seed would draw."""

    writer: Callable[..., Writer] = Writer
    store: type[Store] = Store
    performer: type[Performer] = Performer
    mix: Mix | None = None
    swarm: Swarm | None = None
    stops_when_broken: bool = True


HONEST = Rig()
