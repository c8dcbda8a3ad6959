"""Non-INVITE client transaction: RFC 3261 section 17.1.2, figure 6."""

from collections.abc import Mapping
from typing import ClassVar

from telephony.sip.message import Request, Response
from telephony.sip.transactions.machine import (
    Action,
    Emitted,
    Input,
    Machine,
    State,
    Table,
    kind_of,
)
from telephony.sip.transactions.timers import Timer

TRYING = State.TRYING
PROCEEDING = State.PROCEEDING
COMPLETED = State.COMPLETED
TERMINATED = State.TERMINATED

_FINAL = (COMPLETED, (Action.DELIVER, Timer.K))
_GIVEN_UP = (TERMINATED, (Action.TIME_OUT,))


class NonInviteClient(Machine):
    """Sends one request which is not an INVITE."""

    TABLE: ClassVar[Table] = {
        TRYING: {
            Input.REQUEST: (TRYING, (Action.SEND, Timer.E, Timer.F)),
            Timer.E: (TRYING, (Action.REPEAT, Timer.E)),
            Timer.F: _GIVEN_UP,
            Input.PROVISIONAL: (PROCEEDING, (Action.DELIVER,)),
            Input.SUCCESS: _FINAL,
            Input.FAILURE: _FINAL,
        },
        PROCEEDING: {
            # What is left of Timer E runs out, from then on it is T2.
            Timer.E: (PROCEEDING, (Action.REPEAT, Timer.E_SLOW)),
            Timer.E_SLOW: (PROCEEDING, (Action.REPEAT, Timer.E_SLOW)),
            Timer.F: _GIVEN_UP,
            Input.PROVISIONAL: (PROCEEDING, (Action.DELIVER,)),
            Input.SUCCESS: _FINAL,
            Input.FAILURE: _FINAL,
        },
        COMPLETED: {
            Timer.K: (TERMINATED, ()),
        },
        TERMINATED: {},
    }
    TIMERS: ClassVar[Mapping[State, frozenset[Timer]]] = {
        TRYING: frozenset({Timer.E, Timer.F}),
        PROCEEDING: frozenset({Timer.E, Timer.E_SLOW, Timer.F}),
        COMPLETED: frozenset({Timer.K}),
        TERMINATED: frozenset(),
    }

    def __init__(self, request: Request, *, is_reliable: bool = False) -> None:
        super().__init__(TRYING, is_reliable=is_reliable)
        self.request = request

    def start(self, now: float) -> Emitted:
        """Send the request."""
        return self._feed(Input.REQUEST, now, bytes(self.request))

    def receive(self, response: Response, now: float) -> Emitted:
        return self._feed(kind_of(response.status), now)
