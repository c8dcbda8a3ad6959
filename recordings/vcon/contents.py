"""Files of a vCon: within it, or named by an address and a hash. Nothing is ever fetched."""

from collections.abc import Iterator, Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from recordings.vcon.errors import VconError
from recordings.vcon.values import is_content_hash, unbase64url

KINDS = ("text", "audio", "video", "multipart", "message")
"""Of media that somebody can have said: the draft names some of each, and allows for others."""

BEGINNINGS = {
    "audio/x-wav": b"RIFF",
    "audio/wav": b"RIFF",
    "audio/ogg": b"OggS",
    "video/ogg": b"OggS",
}

Object = Mapping[str, Any]


def content_problems(item: Object, place: str, *, needs_mediatype: bool) -> Iterator[str]:
    """`item` is a dialog, an analysis, an attachment, or a reference to another vCon."""
    if "body" in item and "url" in item:
        yield f"{place} has both a body and a url"
    if "url" in item:
        yield from _external(item, place)
    if "body" in item:
        yield from _inline(item, place, needs_mediatype)
    elif "encoding" in item:
        yield f"{place} has an encoding and no body"


def payload(item: Object) -> bytes | None:
    """The bytes of an inline file. None where it is JSON, or nothing. VconError for bad base64."""
    body = item.get("body")
    if not isinstance(body, str) or item.get("encoding") == "json":
        return None
    return unbase64url(body) if item.get("encoding") == "base64url" else body.encode()


def _external(item: Object, place: str) -> Iterator[str]:
    if not is_https(item["url"]):
        yield f"{place}.url is no https address"
    hashes = item.get("content_hash")
    listed = cast("list[object]", hashes) if isinstance(hashes, list) else [cast(object, hashes)]
    if not listed or hashes is None:
        yield f"{place} has a url and no content_hash"
    elif not any(isinstance(one, str) and is_content_hash(one) for one in listed):
        yield f"{place}.content_hash is no SHA-512 as the draft writes one"


def _inline(item: Object, place: str, needs_mediatype: bool) -> Iterator[str]:
    encoding = item.get("encoding")
    if encoding is None and item["body"] != "":
        yield f"{place} has a body and no encoding"
    if encoding in ("base64url", "none") and not isinstance(item["body"], str):
        yield f"{place}.body is no text, as encoding {encoding} has it"
        return
    if not needs_mediatype:
        return
    # "; boundary=..." and the like may follow.
    mediatype = str(item.get("mediatype", "")).partition(";")[0].strip().lower()
    if not mediatype:
        yield f"{place} has a body and no mediatype"
    elif mediatype.partition("/")[0] not in KINDS:
        yield f"{place}.mediatype {mediatype[:40]!r} is none that a dialog has"
    try:
        found = payload(item)
    except VconError:
        yield f"{place}.body is not base64url"
        return
    beginning = BEGINNINGS.get(mediatype, b"")
    if found is not None and not found.startswith(beginning):
        yield f"{place}.body is not {mediatype}"


def is_https(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname)
