"""Who was asked, what they answered: rows that are only ever added."""

from enum import StrEnum

from consent.policy.terms import BasisKind
from runtime import Sealed, table


class Scope(StrEnum):
    """What consent is asked for."""

    RECORDING = "recording"


class Kind(StrEnum):
    """What happened between us and a party about one scope."""

    ASK_DUE = "ask_due"
    ASKED = "asked"
    NOTICE_COMPLETED = "notice_completed"
    HEARD_YES = "heard_yes"
    UNCLEAR = "unclear"
    GRANTED = "granted"
    REFUSED = "refused"


@table(name="consent_event", index=(("call",),), append_only=True)
class ConsentEvent:
    """One step of one party's consent to one scope. Where a party stands is the fold of these.

    `key_id` names the key that a grant gave the right to be used; `epoch` rises with each
    grant; `method` is how the answer came ("dtmf:1", "voice"); `wording` what was asked.
    """

    id: str
    call: str
    party: str
    scope: Scope
    kind: Kind
    epoch: int
    key_id: str | None
    wording: str | None
    method: str | None
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
