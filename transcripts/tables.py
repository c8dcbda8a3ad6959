"""What was said, and what was heard, in the order of the call."""

from dataclasses import dataclass
from enum import StrEnum

from runtime import Sealed, table


@table(name="segment", index=(("call",),), append_only=True)
class Segment:
    """Words of one party. The agent's are those that were played, not those that were meant.

    `engine` and `kind` ("grammar", "dictation", "spoken") say how far the text can be trusted.
    """

    id: str
    call: str
    party: str
    text: Sealed[str]
    start_us: int
    end_us: int
    engine: str
    kind: str
    confidence_permille: int
    words: Sealed[str] | None = None
    """JSON: [word, start, end, confidence] of each, in ms from `start_us`, and in permille or null.
    None where the engine tells no times."""
    destroyed: tuple[str, ...] = ()
    """What was never kept, as "card:3": a label stands for it, the third word of `text`."""
    permit: str = ""
    """Under which it was understood ("live_stt/1": scope, epoch of its gate); empty for what needs
    none, as the agent's own words."""


class Change(StrEnum):
    CORRECTED = "corrected"
    REDACTED = "redacted"
    CARRIED = "carried"
    """Sealed anew under the call's next key, as it was: other words were destroyed."""
    SHREDDED = "shredded"
    """The same, and words of it are gone for good."""


@table(name="transcript_revision", index=(("call",), ("segment",)), append_only=True)
class Revision:
    """A segment's words as readers see them from now on; the `n`th change of them, from 1.

    `text` is the whole of it, under the key of the segment's own. `spans` are words of the text
    before, "iban:4-9": what kind, from the fourth to the ninth, both included, counted from 0.
    """

    id: str
    call: str
    segment: str
    n: int
    change: Change
    by: str
    why: Sealed[str]
    spans: tuple[str, ...]
    text: Sealed[str]
    at_us: int


@dataclass(frozen=True, slots=True)
class Revised:
    """What a revision says, before it has a place in the log."""

    by: str
    why: Sealed[str]
    spans: tuple[str, ...]
    text: Sealed[str]
