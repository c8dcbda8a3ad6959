"""What a vCon is built from: a call's record, its audio, and what the log says of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

Record = Mapping[str, Any]
"""A call as `parley show --json` tells it: rows as plain data, None where a key is gone."""

VENDOR = "Parley"
REMOTE, AGENT = 0, 1
"""Places in `parties`: whoever is at the other end of the line, and the agent."""

CALL = 0
"""Place in `dialog` of the call as a whole."""


@dataclass(frozen=True, slots=True)
class Body:
    """Audio within the vCon, as base64url: or, where it has a `url`, in a file beside it."""

    content_hash: str
    base64url: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Track:
    """What one party said, mono, from the first recorded sample of the call to the last."""

    party: str
    start_us: int
    duration_us: int
    mediatype: str
    filename: str
    body: Body


class Gap(NamedTuple):
    """Where a track is silent because nothing is there; the reason is one of GAP_REASONS.

    `more` is what the row of the gap says, where it has one.
    """

    party: str
    start_us: int
    duration_us: int
    reason: str
    more: str = ""


GAP_REASONS = {
    "gate_closed": "recording was suspended, or began again after a process died",
    "not_sealed": "nothing was sealed: a process died, or the disk was full",
    "not_taken": "a piece came and was refused: it is not in the recording",
    "unreadable": "what was sealed is missing or changed",
    "erased": "the key was destroyed, and the audio with it",
    "shredded": "these seconds were destroyed, because a card number was said in them",
}


@dataclass(frozen=True, slots=True)
class LogProof:
    """That the call's newest entry is in the signed log, and when that was stamped, if it was.

    `text` is a C2SP tlog-proof, `token` a TimeStampResp (RFC 3161) over its checkpoint.
    """

    text: str
    verifier_key: str
    token: bytes | None


@dataclass(frozen=True, slots=True)
class Conversation:
    """All of it. `turns` are the agent's turns as plain rows."""

    uuid: str
    created_us: int
    record: Record
    turns: Sequence[Record]
    tracks: Sequence[Track]
    gaps: Sequence[Gap]
    proof: LogProof | None
    passport: str | None = None
    """Who signs for the caller's number (a PASSporT, RFC 8225)."""
    are_words_gone: bool = False
    """Whether the key of what was said and pressed is destroyed."""
    imported: Record | None = None
    """Of a call of others, where it came from."""
    claimed: Sequence[Record] = ()
    """Attachments of the vCon that it came in, which say why it may be kept."""

    @property
    def call(self) -> Record:
        """The row of the call."""
        return cast(Record, self.record["call"])

    @property
    def is_answered(self) -> bool:
        return self.call["answered_us"] is not None

    @property
    def start_us(self) -> int:
        """When the call as a whole began: with its answer, else when it was offered."""
        call = self.call
        return int(call["answered_us"] if self.is_answered else call["offered_us"])

    @property
    def end_us(self) -> int:
        return int(self.call["ended_us"])

    def offset_s(self, at_us: int) -> float:
        """Seconds from the beginning of the call; nothing is before it."""
        return max(0, at_us - self.start_us) / 1_000_000
