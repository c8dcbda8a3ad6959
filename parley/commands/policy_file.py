"""What the verbs of `parley policy` share: a file of a tenant, and days."""

from datetime import UTC, date, datetime
from pathlib import Path

from consent.policy import in_force
from consent.policy.cells import Law, Overlay
from consent.policy.errors import Loosened, PolicyError
from consent.policy.parsing import TEXT_CHARS_MAX
from parley import policies
from parley.commands import No, NotLikeThis

UTF8_BYTES_MAX = 4


def overlay_of(law: Law, path: Path) -> Overlay:
    """Raises No for what loosens, NotLikeThis for what is no policy."""
    try:
        # A byte more than the most: what is longer is refused, not read.
        with path.open("rb") as file:
            text = file.read(UTF8_BYTES_MAX * TEXT_CHARS_MAX + 1).decode()
        return policies.checked(law, path.name, text)
    except OSError as error:
        raise NotLikeThis(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise NotLikeThis(f"{path} is not UTF-8 text") from error
    except Loosened as error:
        raise No(str(error)) from error
    except PolicyError as error:
        raise NotLikeThis(str(error)) from error


def day_of(text: str | None) -> str:
    """ISO 8601; today (UTC) where nothing was said."""
    if text is None:
        return in_force.day_of(policies.now_us())
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise NotLikeThis(f"{text!r} is no day: write 2026-08-02") from error


def midnight(text: str) -> int:
    """Microseconds since 1970 of the beginning of a day, UTC."""
    day = date.fromisoformat(day_of(text))
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000
