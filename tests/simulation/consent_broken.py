"""The house with one promise about consent broken, for the controls of the consent tier.

A seam is entered before any reducer was used: what it is made of is read at its first use.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from recordings import reducers, rules
from recordings.tables import Chunk
from runtime.tables import schema_of
from tests.simulation import consent
from tests.simulation.broken import swapped
from tests.simulation.report import Report
from tests.simulation.rig import Rig

KILLS = 4
"""Lives of one seed: what is broken for good is seen in the first of them."""


def run(seed: int, rig: Rig) -> Report:
    """The tier, with fewer lives. `rig` is what other tiers break."""
    return consent.run(seed, KILLS)


def stops_nothing(ctx: Any, call: str) -> None:
    """A withdrawal after which the gate is as open as before."""


def lets_in(recording: Any, chunk: Any) -> None:
    """Takes every piece, whenever it was captured."""


@contextmanager
def untriggered() -> Iterator[None]:
    """Stores are made without the trigger that admits chunks."""
    schema = schema_of(Chunk)
    admits = schema.admits
    vars(schema)["admits"] = ""
    yield
    vars(schema)["admits"] = admits


def withdrawal_ignored() -> AbstractContextManager[None]:
    return swapped(reducers, "stop", stops_nothing)


@contextmanager
def everything_let_in() -> Iterator[None]:
    """By the reducer and by the store: each alone would keep the promise."""
    with swapped(rules, "why_not", lets_in), untriggered():
        yield
