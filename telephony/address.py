"""Where a datagram comes from or goes to."""

from typing import NamedTuple


class Address(NamedTuple):
    """An IP address as text and a port."""

    host: str
    port: int
