"""What runs in the simulation: the real thing, or something a control has broken."""

from collections.abc import Callable
from dataclasses import dataclass

from runtime.writer import Writer
from tests.simulation.faults import Mix


@dataclass(frozen=True)
class Rig:
    """`mix` stands in for the one that the seed would draw."""

    writer: Callable[..., Writer] = Writer
    mix: Mix | None = None
    stops_when_broken: bool = True


HONEST = Rig()
