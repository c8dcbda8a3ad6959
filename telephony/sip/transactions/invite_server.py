"""INVITE server transaction: RFC 3261 section 17.2.1, figure 7, as changed by RFC 6026."""

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

PROCEEDING = State.PROCEEDING
COMPLETED = State.COMPLETED
CONFIRMED = State.CONFIRMED
ACCEPTED = State.ACCEPTED
TERMINATED = State.TERMINATED


class InviteServer(Machine):
    """Answers one INVITE."""

    TABLE: ClassVar[Table] = {
        PROCEEDING: {
            Input.REQUEST: (PROCEEDING, (Action.REPEAT,)),
            Input.PROVISIONAL: (PROCEEDING, (Action.SEND,)),
            Input.SUCCESS: (ACCEPTED, (Action.SEND, Timer.L)),
            Input.FAILURE: (COMPLETED, (Action.SEND, Timer.G, Timer.H)),
        },
        COMPLETED: {
            Input.REQUEST: (COMPLETED, (Action.REPEAT,)),
            Timer.G: (COMPLETED, (Action.REPEAT, Timer.G)),
            Timer.H: (TERMINATED, (Action.TIME_OUT,)),
            Input.ACK: (CONFIRMED, (Timer.I,)),
        },
        CONFIRMED: {
            Timer.I: (TERMINATED, ()),
        },
        # Here the 2xx is repeated by the transaction user, until its own ACK arrives
        # (RFC 3261 section 13.3.1.4); the INVITE is only absorbed (RFC 6026 section 7.1).
        ACCEPTED: {
            Input.SUCCESS: (ACCEPTED, (Action.SEND,)),
            Timer.L: (TERMINATED, ()),
        },
        TERMINATED: {},
    }
    TIMERS: ClassVar[Mapping[State, frozenset[Timer]]] = {
        PROCEEDING: frozenset(),
        COMPLETED: frozenset({Timer.G, Timer.H}),
        CONFIRMED: frozenset({Timer.I}),
        ACCEPTED: frozenset({Timer.L}),
        TERMINATED: frozenset(),
    }

    def __init__(self, *, is_reliable: bool = False) -> None:
        super().__init__(PROCEEDING, is_reliable=is_reliable)

    def receive(self, method: str, now: float) -> Emitted:
        """Take the INVITE again, or the ACK which has the branch of the INVITE."""
        return self._feed(Input.ACK if method == "ACK" else Input.REQUEST, now)

    def respond(self, status: int, message: bytes, now: float) -> Emitted:
        """Send a response. After a final one, others but a 2xx again are ignored."""
        return self._feed(kind_of(status), now, message)
