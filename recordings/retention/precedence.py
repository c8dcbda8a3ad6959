"""What becomes of an artefact of a call when somebody wants it destroyed: one pure function.

Legal hold > statutory lock > erasure > expiry. The table is the whole law of it; a trace says
which rule won. Times are microseconds since 1970, UTC.
"""

from dataclasses import dataclass
from enum import StrEnum

DAY_US = 86_400_000_000


class Artefact(StrEnum):
    """What is kept of a call, as far as it is destroyed apart."""

    AUDIO = "audio"
    TRANSCRIPT = "transcript"
    ACTIONS_PII = "actions_pii"
    CONSENT_CLIP = "consent_clip"
    CALLER_DETAILS = "caller_details"
    CONSENT_EVIDENCE = "consent_evidence"
    LOG = "log"
    ACCESS_LOG = "access_log"
    CARD_DATA = "card_data"


WORDS = (Artefact.TRANSCRIPT, Artefact.ACTIONS_PII)
"""Sealed under one key, so they go together."""

RESIDUAL = (Artefact.LOG, Artefact.ACCESS_LOG)
"""Hold ciphertext and salted commitments: once the keys are gone nobody is known by them."""

SPANS = (Artefact.AUDIO, Artefact.TRANSCRIPT, Artefact.ACTIONS_PII)
"""Where a card number can have been said."""


class Trigger(StrEnum):
    """Why something should go."""

    ERASURE = "erasure"
    WITHDRAWAL = "withdrawal"
    """Consent was withdrawn, and the past is to be erased too."""
    EXPIRY = "expiry"
    CARD_FOUND = "card_found"


class Standing(StrEnum):
    """What speaks against it; the first that does counts."""

    HELD = "held"
    LOCKED = "locked"
    FREE = "free"


class Outcome(StrEnum):
    """What is to happen."""

    EXECUTE = "execute"
    REFUSE = "refuse"
    RESTRICT = "restrict"
    """Refused until a day; nobody looks at it meanwhile (GDPR Art 18), and then it goes."""
    WAIT = "wait"
    """It is due, and goes once what stands against it is over."""
    KEEP = "keep"
    """It is not due."""
    SHRED_SPAN = "shred_span"
    ASK_COUNSEL = "ask_counsel"
    """A span is to be shredded as soon as counsel has seen it."""
    NOTHING = "nothing"
    """There is none, or none any more."""


TABLE: dict[Trigger, dict[Standing, Outcome]] = {
    Trigger.ERASURE: {
        Standing.HELD: Outcome.REFUSE,
        Standing.LOCKED: Outcome.RESTRICT,
        Standing.FREE: Outcome.EXECUTE,
    },
    Trigger.WITHDRAWAL: {
        # While a lock lasts the basis is a legal obligation, not the consent that ended.
        Standing.HELD: Outcome.REFUSE,
        Standing.LOCKED: Outcome.RESTRICT,
        Standing.FREE: Outcome.EXECUTE,
    },
    Trigger.EXPIRY: {
        Standing.HELD: Outcome.WAIT,
        Standing.LOCKED: Outcome.WAIT,
        Standing.FREE: Outcome.EXECUTE,
    },
    Trigger.CARD_FOUND: {
        # PCI DSS 3.3.1 knows no exception; the gap stays visible in the log.
        Standing.HELD: Outcome.SHRED_SPAN,
        Standing.LOCKED: Outcome.SHRED_SPAN,
        Standing.FREE: Outcome.SHRED_SPAN,
    },
}


@dataclass(frozen=True, slots=True)
class Terms:
    """What the policies say of one artefact of one call. `edition` is which policies.

    `maximum_days` None: it never expires. A minimum of 0 days is none.
    """

    artefact: Artefact
    minimum_days: int
    minimum_source: str
    maximum_days: int | None
    maximum_source: str
    edition: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What is true of one artefact of one call.

    It counts from `since_us`. `holds` are those that bind the call; `locked_until_us` is a lock
    of its own, beside the policy's, and `lock_source` why. `there`: something can still be read.
    """

    since_us: int
    holds: tuple[str, ...]
    locked_until_us: int
    lock_source: str
    there: bool
    counsel: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens with one artefact, until when it does not, and the rule that says so.

    `until_us` None: at no day that is known. `trace` is each rule that was looked at, in order.
    """

    artefact: Artefact
    outcome: Outcome
    until_us: int | None
    rule: str
    trace: tuple[str, ...]


def precedence(terms: Terms, trigger: Trigger, facts: Facts, now_us: int) -> Decision:
    """What becomes of one artefact at `now_us`."""
    artefact = terms.artefact
    if not facts.there:
        return _decided(artefact, Outcome.NOTHING, None, ("there is none that could be read",))
    if trigger is Trigger.CARD_FOUND:
        return _card(terms, facts, now_us)
    ends_us, source = _lock(terms, facts)
    if artefact in RESIDUAL:
        kept = "sealed and committed to only: kept under GDPR Art 17(3)(b) and (e)"
        return _decided(artefact, Outcome.KEEP, None, (*((source,) if source else ()), kept))
    standing, trace = _standing(facts, ends_us, source, now_us)
    against = trace[-1]
    due_us = _due_us(terms, facts)
    if trigger is Trigger.EXPIRY:
        if due_us is None or now_us < due_us:
            return _not_due(terms, due_us, trace)
        trace = (*trace, f"expired after {terms.maximum_days} days: {terms.maximum_source}")
    outcome = TABLE[trigger][standing]
    if standing is not Standing.FREE:
        until_us = ends_us if standing is Standing.LOCKED else None
        return Decision(artefact, outcome, until_us, against, trace)
    free = f"{trigger.value}: nothing stands against it"
    return _decided(artefact, outcome, None, (*trace, free))


def joint(terms: list[Terms]) -> list[Terms]:
    """The terms, those of what one key seals made the same: the strictest of them."""
    together = [one for one in terms if one.artefact in WORDS]
    if not together:
        return terms
    least = max(together, key=_minimum)
    bounded = [one for one in together if one.maximum_days is not None]
    most = min(bounded, key=_maximum) if bounded else together[0]
    return [
        Terms(
            artefact=one.artefact,
            minimum_days=least.minimum_days,
            minimum_source=least.minimum_source,
            maximum_days=most.maximum_days,
            maximum_source=most.maximum_source,
            edition=one.edition,
        )
        if one.artefact in WORDS
        else one
        for one in terms
    ]


def _minimum(terms: Terms) -> int:
    return terms.minimum_days


def _maximum(terms: Terms) -> int:
    return terms.maximum_days or 0


def _card(terms: Terms, facts: Facts, now_us: int) -> Decision:
    """Counsel sees it first where a hold or a lock stands against it."""
    artefact = terms.artefact
    if artefact not in SPANS:
        return _decided(artefact, Outcome.KEEP, None, ("no card number can be in it",))
    rule = "PCI DSS 3.3.1: sensitive authentication data is never kept"
    against = tuple(f"legal hold {hold}: not against PCI" for hold in facts.holds)
    ends_us, source = _lock(terms, facts)
    if now_us < ends_us:
        against += (f"statutory lock: {source}: not against PCI",)
    if against and not facts.counsel:
        ask = "counsel has not seen it yet"
        return _decided(artefact, Outcome.ASK_COUNSEL, None, (*against, rule, ask))
    return _decided(artefact, Outcome.SHRED_SPAN, None, (*against, rule))


def _lock(terms: Terms, facts: Facts) -> tuple[int, str]:
    """When the last statutory lock ends, and where it is written."""
    ends_us = facts.since_us + terms.minimum_days * DAY_US
    if facts.locked_until_us > ends_us:
        return facts.locked_until_us, facts.lock_source
    return ends_us, terms.minimum_source


def _standing(
    facts: Facts, ends_us: int, source: str, now_us: int
) -> tuple[Standing, tuple[str, ...]]:
    if facts.holds:
        return Standing.HELD, (f"legal hold {', '.join(facts.holds)}",)
    trace = ("no legal hold",)
    if now_us < ends_us:
        return Standing.LOCKED, (*trace, f"statutory lock: {source}")
    return Standing.FREE, (*trace, f"statutory lock over: {source}" if source else "no lock")


def _due_us(terms: Terms, facts: Facts) -> int | None:
    """When it expires: never before the policy's own minimum has passed."""
    if terms.maximum_days is None:
        return None
    return facts.since_us + max(terms.maximum_days, terms.minimum_days) * DAY_US


def _not_due(terms: Terms, due_us: int | None, trace: tuple[str, ...]) -> Decision:
    if due_us is None:
        return _decided(terms.artefact, Outcome.KEEP, None, (*trace, "it has no maximum"))
    rule = f"not due before {terms.maximum_days} days: {terms.maximum_source}"
    return _decided(terms.artefact, Outcome.KEEP, due_us, (*trace, rule))


def _decided(
    artefact: Artefact, outcome: Outcome, until_us: int | None, trace: tuple[str, ...]
) -> Decision:
    """The last rule of the trace is the one that won."""
    return Decision(artefact, outcome, until_us, trace[-1], trace)
