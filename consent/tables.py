"""What a party was owed, was told and asked, and did: rows that are only ever added.

Where a party stands about a scope is the latest of its events.
"""

from consent.machine import Event, Reason, State
from consent.policy.plan import Start
from consent.policy.terms import BasisKind, OnNo, When
from runtime import Sealed, table

__all__ = [
    "Basis",
    "BasisKind",
    "ConsentClip",
    "ConsentEvent",
    "ConsentHeard",
    "ConsentKey",
    "ConsentPrompt",
    "ConsentTerm",
]


@table(name="consent_term", index=(("call",),), append_only=True)
class ConsentTerm:
    """What a party of a call is owed for one scope: the policy's word, as it was when they came.

    `start`, `moment` and `on_no` are words of `consent.policy`; `position` is the order in which it
    is said; `wording` names what is said first, `closing` what is said again at the end. `rules`
    are the cells of law that it comes from, `policy` the versions of the files that hold them.
    """

    id: str
    call: str
    party: str
    scope: str
    position: int
    start: Start
    moment: When
    basis: BasisKind | None
    implied_after_s: int | None
    on_no: OnNo
    must_record: bool
    wording: str
    closing: str
    language: str
    policy: tuple[str, ...]
    rules: tuple[str, ...]
    on_file: str | None
    at_us: int
    pauses_on_hold: bool = False


@table(name="consent_event", index=(("call",),), append_only=True)
class ConsentEvent:
    """One step of one party about one scope: a row of `consent.machine`, and where it led.

    `state`, `closed_by`, `epoch`, `replays`, `volunteered`, `implied` and `is_open` are as they
    are after it. `method` is how it came ("dtmf:1", "voice", "web:id"); `prompt` what it is an
    answer to, `evidence` a clip, a receipt or a consent on file.
    """

    id: str
    call: str
    party: str
    scope: str
    number: int
    event: Event
    state: State
    closed_by: tuple[Reason, ...]
    epoch: int
    is_open: bool
    replays: int
    volunteered: int
    implied: bool
    basis: BasisKind | None
    prompt: str | None
    method: str | None
    evidence: str | None
    at_us: int


@table(name="consent_prompt", index=(("call",),), append_only=True)
class ConsentPrompt:
    """Something begins to be played to a party: a notice or a question. The id is the utterance's.

    `wording_sha256` is that of the exact text.
    """

    id: str
    call: str
    party: str
    act: str
    scopes: tuple[str, ...]
    wordings: tuple[str, ...]
    wording_sha256: str
    language: str
    at_us: int


@table(name="consent_heard", index=(("call",),), append_only=True)
class ConsentHeard:
    """A prompt was played past its must-hear mark: `heard_us` is the media clock's word for it."""

    id: str
    call: str
    played_ms: int
    total_ms: int
    must_hear_permille: int
    heard_us: int
    at_us: int


@table(name="consent_key", index=(("call",),), append_only=True)
class ConsentKey:
    """A prepared key gets its right to be used, in the commit of the grant `event`. `party`:
    whose track it seals; what was captured before `at_us` is not for it."""

    id: str
    call: str
    party: str
    scope: str
    epoch: int
    event: str
    at_us: int


@table(name="consent_clip", index=(("call",),), append_only=True)
class ConsentClip:
    """The caller's spoken yes, as it was heard: a WAVE file, sealed under a key of its own.

    Added in the commit of the grant `event` and in no other; said after the question was heard.
    """

    id: str
    call: str
    party: str
    event: str
    clip: Sealed[bytes]
    duration_ms: int
    at_us: int


@table(name="basis")
class Basis:
    """Who may be called (a URI) and why. Both are sealed under a key of this row's own."""

    id: str
    party: Sealed[str]
    kind: BasisKind
    source: Sealed[str]
    granted_us: int
    expires_us: int | None
    withdrawn_us: int | None
    placed_us: int | None = None
    """When a call was last placed on it: so its entry shows what the basis was at that moment."""
