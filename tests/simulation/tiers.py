"""The tiers by name: each runs one seed and reports. A further tier is one more line here."""

from importlib import import_module
from typing import cast

from tests.simulation.report import Report

TIERS = ("power", "fence", "schedules", "kill", "consent")
"""Modules of this folder, each with a `run(seed)`."""


def run(tier: str, seed: int) -> Report:
    """One seed of a tier.

    A module is loaded when it is asked for: what a tier knows of the house, its tables and
    reducers, is in every store that is made once it is loaded.
    """
    return cast("Report", import_module(f"tests.simulation.{tier}").run(seed))
