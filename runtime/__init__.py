"""The durable state plane: typed rows, reducers, one log."""

from runtime.context import Context
from runtime.errors import Busy, Nondeterminism, Refused, StoreBroken, StoreDamaged, StoreFull
from runtime.reducers import reducer
from runtime.sealed import Sealed
from runtime.tables import table

__all__ = [
    "Busy",
    "Context",
    "Nondeterminism",
    "Refused",
    "Sealed",
    "StoreBroken",
    "StoreDamaged",
    "StoreFull",
    "reducer",
    "table",
]
