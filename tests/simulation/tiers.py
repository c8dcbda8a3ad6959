"""The tiers by name: each runs one seed and reports. A further tier is one more line here."""

from collections.abc import Callable

from tests.simulation import fence, kill, power
from tests.simulation.report import Report

TIERS: dict[str, Callable[[int], Report]] = {
    "power": power.run,
    "fence": fence.run,
    "kill": kill.run,
}
