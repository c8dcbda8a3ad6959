"""The law of the house as a table: where one party stands about one scope. No row, clock or key.

A row says: this event, in one of these states, leads there, and that is due in the same commit.
What no row names means nothing. Two things decide whether a gate is open: a *state* that opens it,
and no *reason* that keeps it closed for a while. So a pause inside a pause ends when both have.
"""

from dataclasses import dataclass, replace
from enum import StrEnum


class State(StrEnum):
    """What is settled between us and a party about one scope."""

    ABSENT = "absent"
    UNRESOLVED = "unresolved"
    DISABLED = "disabled"
    NOTICE_DUE = "notice_due"
    CONFIRM_DUE = "confirm_due"
    ASK_DUE = "ask_due"
    ASKED = "asked"
    READ_BACK_DUE = "read_back_due"
    READ_BACK = "read_back"
    AMBIGUOUS = "ambiguous"
    REASKED = "reasked"
    BASIS_OK = "basis_ok"
    GRANTED = "granted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    VITAL = "vital"
    CLOSED = "closed"


class Reason(StrEnum):
    """Why a gate is closed for a while, whatever its state."""

    FAULT = "fault"
    CAPTURE = "capture"
    """Card data are being entered."""
    HOLD = "hold"
    JOIN = "join"
    """Somebody is heard, or will be, who has not agreed."""


class Event(StrEnum):
    """What happens. An answer is one that was understood, by a key, a click, or the grammar."""

    JOINED = "joined"
    NOTICE_REQUIRED = "notice_required"
    NOTHING_REQUIRED = "nothing_required"
    SWITCHED_OFF = "switched_off"
    CONSENT_REQUIRED = "consent_required"
    CONSENT_ON_FILE = "consent_on_file"
    HEARD = "heard"
    """What was to be heard has been, past its must-hear mark, by the media clock."""
    CUT_SHORT = "cut_short"
    YES_KEY = "yes_key"
    YES_VOICE = "yes_voice"
    NO = "no"
    UNCLEAR = "unclear"
    SILENCE = "silence"
    STAYED = "stayed"
    """They stayed on the line after the notice, where the policy takes that for consent."""
    WITHDRAWN = "withdrawn"
    FAULT = "fault"
    RECOVERED = "recovered"
    CAPTURE_BEGAN = "capture_began"
    CAPTURE_ENDED = "capture_ended"
    HELD = "held"
    RESUMED = "resumed"
    JOIN_REQUESTED = "join_requested"
    JOIN_SETTLED = "join_settled"
    JOIN_REFUSED = "join_refused"
    VOLUNTEERED = "volunteered"
    CHANGED = "changed"
    """Script, policy, language or purpose are no longer those that were agreed to."""
    EXPIRED = "expired"
    LEFT = "left"
    TRANSFERRED = "transferred"
    EMERGENCY = "emergency"
    RETAINED = "retained"
    """Held, kept longer, erased: what becomes of the past changes nothing now."""
    RESTARTED = "restarted"


class Due(StrEnum):
    """What is to be done, in the same commit or as its effect."""

    NOTICE = "notice"
    SHORT_NOTICE = "short_notice"
    ASK = "ask"
    READ_BACK = "read_back"
    ASK_AGAIN = "ask_again"
    OPEN = "open"
    """The key or the permit gets its life; the gate opens."""
    CLOSE = "close"
    REFUSAL = "refusal"
    """What the policy says of a refusal: go on unrecorded, a person, or the end."""
    OFFER_ERASURE = "offer_erasure"
    END = "end"
    """Where the line must be recorded: apologise and end the call."""
    REVIEW = "review"


S, E, D = State, Event, Due

OPENING = (S.BASIS_OK, S.GRANTED, S.VITAL)
"""States in which the gate is open, as far as no reason keeps it closed."""

DUE = (S.NOTICE_DUE, S.CONFIRM_DUE, S.ASK_DUE, S.READ_BACK_DUE, S.AMBIGUOUS)
"""States in which something is to be played next, or is being played."""

LISTENING = (S.ASKED, S.READ_BACK, S.REASKED)
"""States in which an answer counts."""

PRESENT = tuple(state for state in State if state not in (S.ABSENT, S.CLOSED))

REPLAYS_MAX = 2
"""So often what was cut short is played again."""

VOLUNTEERED_MAX = 1
"""So often one who refused may come back to it: they are never pressed."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a party stands about a scope. `epoch` rises whenever the gate opens or closes."""

    state: State = S.ABSENT
    closed_by: tuple[Reason, ...] = ()
    epoch: int = 0
    replays: int = 0
    volunteered: int = 0
    implied: bool = False

    @property
    def is_open(self) -> bool:
        return self.state in OPENING and not self.closed_by


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table. `to` None: the state stays."""

    number: int
    event: Event
    states: tuple[State, ...]
    to: State | None = None
    due: tuple[Due, ...] = ()
    closes: Reason | None = None
    reopens: Reason | None = None
    first_time: bool | None = None
    """Whether it is for those who may still try, or for those who may not any more."""


ROWS = (
    Row(1, E.JOINED, (S.ABSENT,), S.UNRESOLVED),
    Row(2, E.NOTICE_REQUIRED, (S.UNRESOLVED,), S.NOTICE_DUE, (D.NOTICE,)),
    Row(3, E.SWITCHED_OFF, (S.UNRESOLVED,), S.DISABLED),
    Row(4, E.CONSENT_REQUIRED, (S.UNRESOLVED,), S.ASK_DUE, (D.ASK,)),
    Row(5, E.CONSENT_ON_FILE, (S.UNRESOLVED,), S.CONFIRM_DUE, (D.SHORT_NOTICE,)),
    Row(6, E.HEARD, (S.NOTICE_DUE,), S.BASIS_OK, (D.OPEN,)),
    Row(6, E.NOTHING_REQUIRED, (S.UNRESOLVED,), S.BASIS_OK, (D.OPEN,)),
    Row(7, E.CUT_SHORT, (S.NOTICE_DUE,), None, (D.NOTICE,), first_time=True),
    Row(19, E.CUT_SHORT, (S.NOTICE_DUE,), None, (D.END,), closes=Reason.FAULT, first_time=False),
    Row(8, E.HEARD, (S.CONFIRM_DUE,), S.GRANTED, (D.OPEN,)),
    Row(13, E.NO, (S.CONFIRM_DUE,), S.REFUSED, (D.REFUSAL,)),
    Row(9, E.HEARD, (S.ASK_DUE,), S.ASKED),
    Row(10, E.CUT_SHORT, (S.ASK_DUE,), None, (D.ASK,), first_time=True),
    Row(15, E.CUT_SHORT, (S.ASK_DUE,), S.REFUSED, (D.REFUSAL,), first_time=False),
    Row(11, E.YES_KEY, (S.ASKED, S.READ_BACK), S.GRANTED, (D.OPEN,)),
    # A grammar can be made to hear a yes in other words; who is asked "did you say yes?" can not.
    Row(12, E.YES_VOICE, (S.ASKED,), S.READ_BACK_DUE, (D.READ_BACK,)),
    Row(12, E.HEARD, (S.READ_BACK_DUE,), S.READ_BACK),
    Row(12, E.YES_VOICE, (S.READ_BACK,), S.GRANTED, (D.OPEN,)),
    Row(13, E.NO, (S.ASKED, S.READ_BACK), S.REFUSED, (D.REFUSAL,)),
    Row(14, E.UNCLEAR, (S.ASKED,), S.AMBIGUOUS, (D.ASK_AGAIN,)),
    Row(15, E.SILENCE, (S.ASKED,), S.AMBIGUOUS, (D.ASK_AGAIN,)),
    Row(9, E.HEARD, (S.AMBIGUOUS,), S.REASKED),
    Row(15, E.CUT_SHORT, (S.AMBIGUOUS, S.READ_BACK_DUE), S.REFUSED, (D.REFUSAL,)),
    # Asked twice is enough: then only a key grants, and what is no answer is a no.
    Row(15, E.SILENCE, (S.READ_BACK, S.REASKED), S.REFUSED, (D.REFUSAL,)),
    Row(15, E.UNCLEAR, (S.READ_BACK, S.REASKED), S.REFUSED, (D.REFUSAL,)),
    Row(15, E.YES_VOICE, (S.REASKED,), S.REFUSED, (D.REFUSAL,)),
    Row(16, E.YES_KEY, (S.REASKED,), S.GRANTED, (D.OPEN,)),
    Row(16, E.NO, (S.REASKED,), S.REFUSED, (D.REFUSAL,)),
    Row(17, E.STAYED, (S.ASKED,), S.GRANTED, (D.OPEN,)),
    Row(18, E.WITHDRAWN, (S.BASIS_OK, S.GRANTED), S.WITHDRAWN, (D.CLOSE, D.OFFER_ERASURE)),
    Row(19, E.FAULT, OPENING, None, (D.CLOSE, D.END), closes=Reason.FAULT),
    Row(20, E.CAPTURE_BEGAN, PRESENT, None, (D.CLOSE,), closes=Reason.CAPTURE),
    Row(21, E.HELD, PRESENT, None, (D.CLOSE,), closes=Reason.HOLD),
    Row(22, E.JOIN_REQUESTED, PRESENT, None, (D.CLOSE,), closes=Reason.JOIN),
    Row(23, E.CAPTURE_ENDED, PRESENT, None, (D.OPEN,), reopens=Reason.CAPTURE),
    Row(23, E.RESUMED, PRESENT, None, (D.OPEN,), reopens=Reason.HOLD),
    Row(24, E.JOIN_SETTLED, PRESENT, None, (D.OPEN,), reopens=Reason.JOIN),
    Row(25, E.JOIN_REFUSED, PRESENT),
    Row(26, E.RECOVERED, (S.NOTICE_DUE,), S.NOTICE_DUE, (D.NOTICE,), reopens=Reason.FAULT),
    Row(
        26,
        E.RECOVERED,
        tuple(state for state in PRESENT if state is not S.NOTICE_DUE),
        None,
        (D.OPEN,),
        reopens=Reason.FAULT,
    ),
    Row(27, E.VOLUNTEERED, (S.REFUSED,), S.ASK_DUE, (D.ASK,), first_time=True),
    Row(28, E.VOLUNTEERED, (S.WITHDRAWN, S.EXPIRED), S.ASK_DUE, (D.ASK,)),
    Row(29, E.CHANGED, (S.GRANTED, S.BASIS_OK), S.ASK_DUE, (D.CLOSE, D.ASK)),
    Row(30, E.EXPIRED, (S.GRANTED,), S.EXPIRED, (D.CLOSE,)),
    Row(31, E.LEFT, PRESENT, S.CLOSED, (D.CLOSE,)),
    Row(32, E.TRANSFERRED, PRESENT, S.CLOSED, (D.CLOSE,)),
    Row(33, E.EMERGENCY, PRESENT, S.VITAL, (D.OPEN, D.REVIEW)),
    Row(34, E.RETAINED, tuple(State)),
    # What was committed last decides; whether a gate is still there is asked of the media.
    Row(35, E.RESTARTED, PRESENT),
)


def row_of(standing: Standing, event: Event) -> Row | None:
    """The row for an event, or None where it means nothing."""
    for row in ROWS:
        if row.event is event and standing.state in row.states and _applies(row, standing):
            return row
    return None


def after(standing: Standing, row: Row) -> Standing:
    """Where a party stands once a row was applied."""
    closed_by = tuple(reason for reason in standing.closed_by if reason is not row.reopens)
    if row.closes is not None and row.closes not in closed_by:
        closed_by = (*closed_by, row.closes)
    to = standing.state if row.to is None else row.to
    moved = replace(
        standing,
        state=to,
        closed_by=() if to is S.CLOSED else closed_by,
        replays=_replays(standing, row),
        volunteered=standing.volunteered + (row.number == 27),
        implied=row.number == 17 or (standing.implied and to is S.GRANTED),
    )
    opened_or_closed = moved.is_open != standing.is_open
    return replace(moved, epoch=standing.epoch + opened_or_closed)


def _replays(standing: Standing, row: Row) -> int:
    if row.event is E.CUT_SHORT:
        return min(standing.replays + 1, REPLAYS_MAX)
    return standing.replays if row.to is None else 0


def _applies(row: Row, standing: Standing) -> bool:
    if row.first_time is None:
        return True
    tried, most = (
        (standing.volunteered, VOLUNTEERED_MAX)
        if row.event is E.VOLUNTEERED
        else (standing.replays, REPLAYS_MAX)
    )
    return (tried < most) is row.first_time
