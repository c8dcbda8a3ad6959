"""What a PASSporT says (RFC 8225, RFC 8588). Its signature is not checked: it may be a lie."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any, cast

NAMES_MAX = 10
NAME_CHARS_MAX = 256


@dataclass(frozen=True, slots=True)
class Passport:
    """Numbers and URIs as it names them. `attest` is A (knows the caller), B, C, or empty."""

    attest: str
    orig: tuple[str, ...]
    dest: tuple[str, ...]
    iat: int | None


def read(identity: str) -> Passport | None:
    """The claims of an Identity header; None where they cannot be read, or are left out.

    The compact form (RFC 8224 section 4.1) leaves them out: they are those of the INVITE.
    """
    parts = identity.partition(";")[0].strip().split(".")
    if len(parts) != 3:
        return None
    try:
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        claims = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return None
    if not isinstance(claims, dict):
        return None
    found = cast("dict[str, Any]", claims)
    iat = found.get("iat")
    return Passport(
        attest=_text(found.get("attest")),
        orig=_names(found.get("orig")),
        dest=_names(found.get("dest")),
        iat=iat if isinstance(iat, int) and not isinstance(iat, bool) else None,
    )


def _names(party: object) -> tuple[str, ...]:
    """Telephone numbers and URIs of `orig`, which has one, or of `dest`, which has lists."""
    if not isinstance(party, dict):
        return ()
    named = cast("dict[str, object]", party)
    found: list[str] = []
    for kind in ("tn", "uri"):
        values = named.get(kind)
        items = cast("list[object]", values) if isinstance(values, list) else [values]
        found += [text for item in items[:NAMES_MAX] if (text := _text(item))]
    return tuple(found)


def _text(value: object) -> str:
    """A plain text; what cannot be stored as UTF-8 is none."""
    if not isinstance(value, str) or len(value) > NAME_CHARS_MAX:
        return ""
    return value if value.isprintable() else ""
