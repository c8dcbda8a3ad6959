"""What the four transactions share: a table is followed, messages are repeated, timers run."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import ClassVar

from telephony.sip.transactions.timers import (
    AT_ONCE_IF_RELIABLE,
    NEVER_IF_RELIABLE,
    SPANS,
    Timer,
)


class State(Enum):
    CALLING = "calling"
    TRYING = "trying"
    PROCEEDING = "proceeding"
    COMPLETED = "completed"
    CONFIRMED = "confirmed"
    ACCEPTED = "accepted"
    TERMINATED = "terminated"


class Input(Enum):
    REQUEST = "the request arrived"
    ACK = "an ACK arrived"
    PROVISIONAL = "1xx"
    SUCCESS = "2xx"
    FAILURE = "3xx to 6xx"


class Action(Enum):
    """Done on a transition; a Timer in its place is started."""

    SEND = "send the message just given, and keep it"
    REPEAT = "send the kept message once more"
    ACKNOWLEDGE = "send the ACK of a failure"
    DELIVER = "hand it to the transaction user"
    TIME_OUT = "tell the transaction user that nobody answered"


class Report(Enum):
    """What the transaction user is told."""

    DELIVERED = "the response is new to you"
    TIMED_OUT = "no answer came in time"


Step = tuple[State, tuple[Action | Timer, ...]]
Table = Mapping[State, Mapping[Input | Timer, Step]]
Emitted = list[bytes | Report]


class Machine:
    """Follows `TABLE`; an input for which the RFC draws no arrow changes nothing.

    `TIMERS` names those which live on in a state; all others stop when it is entered.
    """

    TABLE: ClassVar[Table]
    TIMERS: ClassVar[Mapping[State, frozenset[Timer]]]

    def __init__(self, state: State, *, is_reliable: bool = False) -> None:
        self.state = state
        self.kept = b""
        self._is_reliable = is_reliable
        self._due: dict[Timer, float] = {}
        self._intervals: dict[Timer, float] = {}

    @property
    def wake_at(self) -> float | None:
        return min(self._due.values(), default=None)

    def wake(self, now: float) -> Emitted:
        """Fire every timer which has come due."""
        emitted: Emitted = []
        for timer, at in sorted(self._due.items(), key=lambda item: item[1]):
            # An earlier one may have stopped this one.
            if at <= now and self._due.get(timer) == at:
                del self._due[timer]
                emitted += self._feed(timer, now)
        return emitted

    def _feed(self, given: Input | Timer, now: float, message: bytes = b"") -> Emitted:
        step = self.TABLE[self.state].get(given)
        if step is None:
            return []
        state, actions = step
        if state is not self.state:
            self._enter(state)
        emitted: Emitted = []
        for action in actions:
            if isinstance(action, Timer):
                self._start(action, now)
            else:
                emitted += self._perform(action, message)
        return emitted

    def _perform(self, action: Action, message: bytes) -> Emitted:
        match action:
            case Action.SEND:
                self.kept = message
                return [message]
            case Action.REPEAT:
                return [self.kept] if self.kept else []
            case Action.ACKNOWLEDGE:
                return [message]
            case Action.DELIVER:
                return [Report.DELIVERED]
            case Action.TIME_OUT:
                return [Report.TIMED_OUT]

    def _enter(self, state: State) -> None:
        self.state = state
        for timer in [*self._intervals]:
            if timer not in self.TIMERS[state]:
                self._due.pop(timer, None)
                del self._intervals[timer]

    def _start(self, timer: Timer, now: float) -> None:
        if self._is_reliable and timer in NEVER_IF_RELIABLE:
            return
        first, last = SPANS[timer]
        if self._is_reliable and timer in AT_ONCE_IF_RELIABLE:
            first = last = 0.0
        before = self._intervals.get(timer)
        interval = first if before is None else min(2 * before, last)
        self._intervals[timer] = interval
        self._due[timer] = now + interval


def kind_of(status: int) -> Input:
    """Which input a response is."""
    if status < 200:
        return Input.PROVISIONAL
    return Input.SUCCESS if status < 300 else Input.FAILURE
