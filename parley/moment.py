"""What people write for a moment of a call: a place in the log, an hour, seconds after it began."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time

HINT = (
    "write a place in the log (812), seconds after the answer (+3.5s), an hour of the call's day"
    " in UTC (14:03:07) or a time in ISO 8601 (2026-03-01T14:03:07Z)"
)

_SEQ = re.compile(r"[0-9]{1,18}", re.ASCII)
_AFTER = re.compile(r"\+([0-9]{1,9})(?:\.([0-9]{1,6}))?s?", re.ASCII)
_SECOND_US = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Moment:
    """Up to and with a log entry, or a time in microseconds since 1970, UTC: one of the two."""

    seq: int | None = None
    at_us: int | None = None


def parse(text: str, zero_us: int) -> Moment:
    """`zero_us` is when the call was answered, or offered as long as it is not answered.

    Raises ValueError, which says what to write.
    """
    if _SEQ.fullmatch(text):
        return Moment(seq=int(text))
    if after := _AFTER.fullmatch(text):
        fraction = int((after[2] or "").ljust(6, "0"))
        return Moment(at_us=zero_us + int(after[1]) * _SECOND_US + fraction)
    try:
        return Moment(at_us=_microseconds(_instant(text, zero_us)))
    except ValueError as error:
        raise ValueError(f"{text!r} is no moment: {HINT}") from error


def clock(at_us: int) -> str:
    """ISO 8601 in UTC, to the millisecond."""
    whole, rest = divmod(at_us, _SECOND_US)
    stamp = datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{stamp}.{rest // 1_000:03}Z"


def after(at_us: int, zero_us: int) -> str:
    """Seconds after zero, as `parse` reads them; what came before is negative."""
    return f"{(at_us - zero_us) / _SECOND_US:+.1f}s"


def _instant(text: str, zero_us: int) -> datetime:
    if "T" in text or " " in text or text.count("-") == 2:
        found = datetime.fromisoformat(text)
    else:
        day = datetime.fromtimestamp(zero_us // _SECOND_US, UTC).date()
        found = datetime.combine(day, time.fromisoformat(text))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _microseconds(instant: datetime) -> int:
    """Exact: a float of so many microseconds would round."""
    since = instant - _EPOCH
    return (since.days * 86_400 + since.seconds) * _SECOND_US + since.microseconds
