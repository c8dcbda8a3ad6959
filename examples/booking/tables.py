"""What is booked."""

from parley.module import Sealed, table


@table()
class Slot:
    """One hour of the day that somebody took; who did is sealed."""

    id: str
    call: str
    who: Sealed[str]
