"""Non-INVITE server transaction: RFC 3261 section 17.2.2, figure 8."""

from collections.abc import Mapping
from typing import ClassVar

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

_FINAL = (COMPLETED, (Action.SEND, Timer.J))


class NonInviteServer(Machine):
    """Answers one request which is not an INVITE."""

    TABLE: ClassVar[Table] = {
        TRYING: {
            Input.PROVISIONAL: (PROCEEDING, (Action.SEND,)),
            Input.SUCCESS: _FINAL,
            Input.FAILURE: _FINAL,
        },
        PROCEEDING: {
            Input.REQUEST: (PROCEEDING, (Action.REPEAT,)),
            Input.PROVISIONAL: (PROCEEDING, (Action.SEND,)),
            Input.SUCCESS: _FINAL,
            Input.FAILURE: _FINAL,
        },
        COMPLETED: {
            Input.REQUEST: (COMPLETED, (Action.REPEAT,)),
            Timer.J: (TERMINATED, ()),
        },
        TERMINATED: {},
    }
    TIMERS: ClassVar[Mapping[State, frozenset[Timer]]] = {
        TRYING: frozenset(),
        PROCEEDING: frozenset(),
        COMPLETED: frozenset({Timer.J}),
        TERMINATED: frozenset(),
    }

    def __init__(self, *, is_reliable: bool = False) -> None:
        super().__init__(TRYING, is_reliable=is_reliable)

    def receive(self, method: str, now: float) -> Emitted:
        """Take the request again. An ACK belongs to no such transaction."""
        return [] if method == "ACK" else self._feed(Input.REQUEST, now)

    def respond(self, status: int, message: bytes, now: float) -> Emitted:
        """Send a response. After a final one, all others are ignored."""
        return self._feed(kind_of(status), now, message)
