"""A real call to a real server on this machine, watched as its rows arrive."""

from parley.demonstration.calling import Called, call
from parley.demonstration.painting import Painter
from parley.demonstration.server import NotReady, Server

__all__ = ["Called", "NotReady", "Painter", "Server", "call"]
