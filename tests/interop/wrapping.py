"""A clerk of a node whose streams begin shortly before their sequence numbers wrap around.

A node imports whom it has answer: so this is how to reach into one that is real in all else.
"""

from sessions import legs
from tests.interop.agents import Clerk

FIRST = 65_400
"""Nearly three seconds before the wrap: whoever listens has heard some of it."""

legs.first_sequence = lambda draw: FIRST

__all__ = ["Clerk"]
