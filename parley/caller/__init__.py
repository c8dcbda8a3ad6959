"""A test caller: places a SIP call, speaks, presses keys, saves what it hears."""

from parley.caller.call import CallEvent, place
from parley.caller.command import add_arguments, run
from parley.caller.report import CallReport
from parley.caller.script import CallError, CallScript, Press, Say

__all__ = [
    "CallError",
    "CallEvent",
    "CallReport",
    "CallScript",
    "Press",
    "Say",
    "add_arguments",
    "place",
    "run",
]
