"""Older syntaxes, read as today's: what was renamed, and what the drafts' own examples leave out.

Where a field has both its old and its new name, both must say the same: two readers who look at
one each must not see two different conversations.
"""

from collections.abc import Callable, Mapping
from typing import Any, cast

from recordings.vcon.errors import VconError

Object = dict[str, Any]

SYNTAXES = ("0.0.1", "0.0.2", "0.2.0", "0.3.0", "0.4.0")
UNKNOWN_TIME = "1970-01-01T00:00:00Z"

# 0.3.0 to 0.4.0, 0.0.2 to 0.3.0, 0.0.1 to 0.0.2.
OF_THE_WHOLE = {"must_support": "critical", "appended": "amended"}
OF_PARTS = {
    "mimetype": "mediatype",
    "transfer-target": "transfer_target",
    "target-dialog": "target_dialog",
}
# Extensions of others say `type` of an attachment where the core says `purpose`.
OF_ATTACHMENTS = {"type": "purpose"}
SHA512 = ("SHA-512", "LMOTS_SHA256_N32_W8_SHA-512")


def modern(vcon: Mapping[str, Any]) -> tuple[Object, list[str]]:
    """The same vCon in the syntax of today, and what had to be read with goodwill for that.

    VconError where an old and a new name disagree, or the syntax is one that never was.
    """
    notes: list[str] = []
    found = _renamed(vcon, OF_THE_WHOLE, "vcon", notes)
    _syntax(found, notes)
    for name in ("dialog", "analysis", "attachments"):
        if isinstance(found.get(name), list):
            found[name] = _each(found[name], name, _part, notes)
    return found, notes


def _syntax(vcon: Object, notes: list[str]) -> None:
    version = vcon.pop("vcon", SYNTAXES[-1])
    if version not in SYNTAXES:
        raise VconError(f"its syntax is {str(version)[:40]!r}: none of {', '.join(SYNTAXES)}")
    if version != SYNTAXES[-1]:
        notes.append(f"vcon: written in syntax {version}")
    if "created_at" not in vcon:
        notes.append("vcon: has no created_at, as the examples of the draft have none")
        vcon["created_at"] = UNKNOWN_TIME
    for name in ("redacted", "amended", "group"):
        if vcon.get(name) in ({}, []):
            notes.append(f"vcon.{name}: is empty, and says nothing")
            del vcon[name]


def _part(part: Object, place: str, notes: list[str]) -> Object:
    found = _renamed(part, OF_PARTS, place, notes)
    if place.startswith("attachments"):
        found = _renamed(found, OF_ATTACHMENTS, place, notes, quietly=True)
    _hash(found, place, notes)
    _session(found, place, notes)
    body = found.get("body")
    if found.get("encoding") == "json" and isinstance(body, str) and body[:1] in ("{", "["):
        notes.append(f"{place}: body is JSON in a string")
    if not found and place.startswith("dialog"):
        notes.append(f"{place}: is empty: a dialog of which nothing is known")
        found = {"type": "transfer", "start": UNKNOWN_TIME}
    if place.startswith("attachments"):
        for name in ("party", "dialog"):
            if name not in found:
                notes.append(f"{place}: does not say its {name}")
        found = {"party": 0, "dialog": 0, "start": UNKNOWN_TIME} | found
    return found


def _hash(part: Object, place: str, notes: list[str]) -> None:
    """0.0.1 had `alg` and `signature`, 0.0.2 put them together as content_hash."""
    if "signature" not in part or "alg" not in part:
        return
    algorithm, value = part.pop("alg"), part.pop("signature")
    notes.append(f"{place}: has alg and signature for content_hash")
    if algorithm not in SHA512 or not isinstance(value, str):
        raise VconError(f"{place}: a hash of {str(algorithm)[:40]!r} is none that we know")
    _put(part, "content_hash", f"sha512-{value.rstrip('=')}", place)


def _session(part: Object, place: str, notes: list[str]) -> None:
    if isinstance(part.get("session_id"), str):
        notes.append(f"{place}: session_id is a string, as in 0.3.0")
        part["session_id"] = {"local": part["session_id"]}


def _renamed(
    item: Mapping[str, Any],
    names: Mapping[str, str],
    place: str,
    notes: list[str],
    *,
    quietly: bool = False,
) -> Object:
    found = dict(item)
    for old, new in names.items():
        if old in found:
            value = found.pop(old)
            _put(found, new, value, place)
            if not quietly:
                notes.append(f"{place}: {old} is called {new} today")
    return found


def _put(item: Object, name: str, value: Any, place: str) -> None:
    if item.setdefault(name, value) != value:
        raise VconError(f"{place}: {name} has an older name as well, which says something else")


def _each(
    items: list[Any], name: str, read: Callable[[Object, str, list[str]], Object], notes: list[str]
) -> list[Any]:
    return [
        read(cast(Object, item), f"{name}[{index}]", notes) if isinstance(item, dict) else item
        for index, item in enumerate(items)
    ]
