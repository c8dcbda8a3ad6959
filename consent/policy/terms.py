"""The words that policies are written in, each list from the loosest to the strictest."""

from enum import StrEnum

STRICTEST = "ZZ"
"""The jurisdiction of whoever is nowhere we know: ISO 3166-1 leaves ZZ to its users."""

EVERYWHERE = "*"
"""The jurisdiction whose cells count at every place."""

FIRST_DAY = "0001-01-01"
"""In force since before there were calls."""

SCOPES = (
    "ai_interaction",
    "live_stt",
    "recording",
    "transcript_retention",
    "vendor",
    "monitoring",
    "outbound_ai_voice",
    "quality_analysis",
    "training",
    "biometrics",
)
"""What is asked about, in the order in which it is said. A vendor has a scope "vendor:<id>"."""

VENDOR = "vendor"


class BasisKind(StrEnum):
    """Why something may be done to somebody: the lawful grounds of article 6 (1) GDPR."""

    CONSENT = "consent"
    CONTRACT = "contract"
    LEGAL_OBLIGATION = "legal_obligation"
    VITAL_INTERESTS = "vital_interests"
    PUBLIC_TASK = "public_task"
    LEGITIMATE_INTERESTS = "legitimate_interests"


class Due(StrEnum):
    """What must happen before something may be done with a party's voice."""

    NONE = "none"
    NOTICE = "notice"
    ASK = "ask"
    OFF = "off"


class OnNo(StrEnum):
    """What a refusal, or an objection to a notice, leads to."""

    CONTINUE_UNRECORDED = "continue_unrecorded"
    TRANSFER_HUMAN_UNRECORDED = "transfer_human_unrecorded"
    END_WITH_REASON = "end_with_reason"


class When(StrEnum):
    """At which point of the call it is said, in the order of the call."""

    BEFORE_CALL = "before_call"
    START = "start"
    END = "end"
    AFTER_CALL = "after_call"


class Line(StrEnum):
    """What a line is for; law that is for such lines only counts there."""

    GENERAL = "general"
    TRADING = "trading"
    HEALTH = "health"
    PAYMENT = "payment"
    OUTBOUND = "outbound"
    INTERNAL = "internal"


class Role(StrEnum):
    """Who a party is: the caller or whoever is called, our AI agent, people of the house."""

    CALLER = "caller"
    AGENT = "agent"
    HUMAN = "human"
    SUPERVISOR = "supervisor"


class Grade(StrEnum):
    """How far a cell has been checked."""

    RECALLED = "recalled"
    """General knowledge; nobody has read a page about it for this file."""
    SECONDARY = "secondary"
    """A page about the law was read, not the law."""
    TEXT = "text"
    """The text of the law was read."""
    HOUSE = "house"
    """No law: a rule of Parley's own."""


class Condition(StrEnum):
    """What else must hold, besides notice and consent."""

    IDENTIFY_CALLER = "identify_caller"
    OPT_OUT_ANY_WORDS = "opt_out_any_words"
    QUIET_HOURS = "quiet_hours"
    HUMAN_CONTACT = "human_contact"
    CLOSING_BY_LETTER = "closing_by_letter"
    COPY_ON_REQUEST = "copy_on_request"
    VENDOR_AGREEMENT = "vendor_agreement"
    SECURE_CAPTURE = "secure_capture"
    WRITTEN_EMPLOYEE_NOTICE = "written_employee_notice"


def rank(one: StrEnum) -> int:
    """Its place in its list: more is stricter."""
    return list(type(one)).index(one)


def kind_of(scope: str) -> str:
    """The scope without the name of a vendor."""
    return scope.partition(":")[0]
