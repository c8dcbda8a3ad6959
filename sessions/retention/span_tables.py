"""A span of a call that is destroyed by itself: a card number was found in it."""

from enum import StrEnum

from recordings.retention.precedence import Decision
from runtime import Sealed, table


class ShredState(StrEnum):
    """DECLINED and EXECUTED are final."""

    REQUESTED = "requested"
    """It waits for two people."""
    DECLINED = "declined"
    APPROVED = "approved"
    """It is due."""
    BEGUN = "begun"
    """No way back: what stays of the words is sealed anew, and the rest is being destroyed."""
    EXECUTED = "executed"


@table(name="span_shred", index=(("call",), ("state",)))
class SpanShred:
    """Some seconds of one party, and the words of them.

    `chunks` are the ids of the rows whose ciphertext goes, whole; `words` are "SEGMENT#4-6": from
    the fourth word to the sixth, counted from 0. `holds` are those that it went against, which
    counsel has seen where `counsel` is true. `old_key` is the key of all words of the call, which
    is destroyed; what stays is sealed under another. It is empty where no words go.
    """

    id: str
    call: str
    party: str
    from_us: int
    until_us: int
    chunks: tuple[str, ...]
    words: tuple[str, ...]
    state: ShredState
    requested_by: str
    reason: Sealed[str]
    gate: str
    counsel: bool
    holds: tuple[str, ...]
    decisions: tuple[Decision, ...]
    old_key: str
    requested_us: int
    begun_us: int | None
    settled_us: int | None
