"""Values as a vCon writes them: dates, hashes, identifiers, base64url."""

import base64
import re
from datetime import UTC, datetime, timedelta
from hashlib import sha1, sha256, sha512
from uuid import UUID

from recordings.vcon.errors import VconError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*={0,2}", re.ASCII)
# RFC 3339 section 5.6; the case of T and Z is free there, a space is not.
_DATE = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?P<fraction>\.\d{1,9})?(?P<zone>[Zz]|[+-]\d\d:\d\d)",
    re.ASCII,
)
_CONTENT_HASH = re.compile(r"sha512-[A-Za-z0-9_-]{86}", re.ASCII)


def base64url(data: bytes) -> str:
    """Without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unbase64url(text: str) -> bytes:
    """Padding is tolerated. VconError for anything else."""
    if not _BASE64URL.fullmatch(text):
        raise VconError("something that should be base64url is not")
    bare = text.rstrip("=")
    try:
        return base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
    except ValueError as error:
        raise VconError("something that should be base64url is not") from error


def content_hash(data: bytes) -> str:
    """The hash of a file, as the draft's ContentHash."""
    return hash_token(sha512(data).digest())


def hash_token(digest: bytes) -> str:
    """A SHA-512 as a ContentHash."""
    return f"sha512-{base64url(digest)}"


def is_content_hash(text: str) -> bool:
    return _CONTENT_HASH.fullmatch(text) is not None


def date(at_us: int) -> str:
    """RFC 3339 in UTC, to the microsecond."""
    return (_EPOCH + timedelta(microseconds=at_us)).isoformat(timespec="microseconds")


def read_date(text: str) -> datetime:
    """A date of RFC 3339. VconError for one that is none, or not of the years 1 to 9999."""
    found = _DATE.fullmatch(text)
    if found is None:
        raise VconError(f"{text[:40]!r} is no date of RFC 3339")
    # A leap second is a date too; Python knows none.
    plain = text.upper().replace(":60", ":59") if text[17:19] == "60" else text.upper()
    fraction = found["fraction"] or ""
    try:
        return datetime.fromisoformat(plain.replace(fraction, fraction[:7], 1)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise VconError(f"{text[:40]!r} is no date of RFC 3339") from error


def seconds(us: int) -> float:
    return us / 1_000_000


def uuid8(at_us: int, chance: int, domain: str) -> str:
    """The UUID of a vCon: as version 7 (RFC 9562), with the domain's hash for its last 62 bits.

    `chance` is a random number; 12 bits of it are used.
    """
    high = int.from_bytes(sha1(domain.encode(), usedforsecurity=False).digest()[:8]) >> 2
    return _versioned((at_us // 1_000 & (1 << 48) - 1) << 80 | (chance & 0xFFF) << 64 | high)


def named_uuid(name: str) -> str:
    """The same UUID (version 8) for the same name, in every vCon."""
    return _versioned(int.from_bytes(sha256(name.encode()).digest()[:16]))


def _versioned(bits: int) -> str:
    bits = bits & ~(0xF << 76) | 8 << 76
    return str(UUID(int=bits & ~(0x3 << 62) | 0x2 << 62))
