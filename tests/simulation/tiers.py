"""The tiers by name: each runs one seed and reports. A further tier is one more line here."""

from collections.abc import Callable

from tests.simulation import consent, fence, kill, power, schedules
from tests.simulation.report import Report

TIERS: dict[str, Callable[[int], Report]] = {
    "power": power.run,
    "fence": fence.run,
    "schedules": schedules.run,
    "kill": kill.run,
    "consent": consent.run,
}
