"""A real call to a real server on this machine, watched as its rows arrive."""

from parley.demonstration.server import NotReady, Server
from parley.demonstration.verdict import Verdict, verdict
from parley.demonstration.watching import Watch

__all__ = ["NotReady", "Server", "Verdict", "Watch", "verdict"]
