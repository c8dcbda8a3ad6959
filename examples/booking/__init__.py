"""A module: rows for slots, the reducers that change them, and the agent that answers calls.

parley module deploy examples/booking
[agent] app = "module:booking"
"""

from .agent import Bookings

__all__ = ["Bookings"]
