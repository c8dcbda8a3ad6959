"""What was said, and what was heard, in the order of the call."""

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
