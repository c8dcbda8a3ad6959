"""INVITE client transaction: RFC 3261 section 17.1.1, figure 5, as changed by RFC 6026."""

from collections.abc import Mapping
from typing import ClassVar

from telephony.sip.message import Request, Response
from telephony.sip.requests import ack_of_failure
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

CALLING = State.CALLING
PROCEEDING = State.PROCEEDING
COMPLETED = State.COMPLETED
ACCEPTED = State.ACCEPTED
TERMINATED = State.TERMINATED

_PROVISIONAL = (PROCEEDING, (Action.DELIVER,))
_SUCCESS = (ACCEPTED, (Action.DELIVER, Timer.M))
_FAILURE = (COMPLETED, (Action.ACKNOWLEDGE, Action.DELIVER, Timer.D))


class InviteClient(Machine):
    """Sends one INVITE. The 2xx is acknowledged by the transaction user, a failure here."""

    TABLE: ClassVar[Table] = {
        CALLING: {
            Input.REQUEST: (CALLING, (Action.SEND, Timer.A, Timer.B)),
            Timer.A: (CALLING, (Action.REPEAT, Timer.A)),
            Timer.B: (TERMINATED, (Action.TIME_OUT,)),
            Input.PROVISIONAL: _PROVISIONAL,
            Input.SUCCESS: _SUCCESS,
            Input.FAILURE: _FAILURE,
        },
        PROCEEDING: {
            Input.PROVISIONAL: _PROVISIONAL,
            Input.SUCCESS: _SUCCESS,
            Input.FAILURE: _FAILURE,
        },
        COMPLETED: {
            Input.FAILURE: (COMPLETED, (Action.ACKNOWLEDGE,)),
            Timer.D: (TERMINATED, ()),
        },
        # Every 2xx goes up: it may be another fork's (RFC 6026 section 7.2).
        ACCEPTED: {
            Input.SUCCESS: (ACCEPTED, (Action.DELIVER,)),
            Timer.M: (TERMINATED, ()),
        },
        TERMINATED: {},
    }
    TIMERS: ClassVar[Mapping[State, frozenset[Timer]]] = {
        CALLING: frozenset({Timer.A, Timer.B}),
        PROCEEDING: frozenset(),
        COMPLETED: frozenset({Timer.D}),
        ACCEPTED: frozenset({Timer.M}),
        TERMINATED: frozenset(),
    }

    def __init__(self, request: Request, *, is_reliable: bool = False) -> None:
        super().__init__(CALLING, is_reliable=is_reliable)
        self.request = request

    def start(self, now: float) -> Emitted:
        """Send the INVITE."""
        return self._feed(Input.REQUEST, now, bytes(self.request))

    def receive(self, response: Response, now: float) -> Emitted:
        failed = response.status >= 300
        ack = bytes(ack_of_failure(self.request, response)) if failed else b""
        return self._feed(kind_of(response.status), now, ack)
