"""What of session recording (RFC 7866) shows in requests that come to us."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from telephony.sip.extensions import requires
from telephony.sip.message import Request

TAG = "siprec"
METADATA = ("application/rs-metadata+xml", "application/rs-metadata")
# Both are in use, as of the metadata itself.
REQUESTS = ("application/rs-metadata-request+xml", "application/rs-metadata-request")


def is_for_a_recorder(request: Request, beside: Mapping[str, bytes]) -> bool:
    """Whether an INVITE offers what somebody records: it means a recording server."""
    has_metadata = any(kind in beside for kind in METADATA)
    return request.method == "INVITE" and (has_metadata or requires(request, TAG))


def asks_for_metadata(request: Request, beside: Mapping[str, bytes]) -> tuple[Request, bool]:
    """The request without its wish for a snapshot, and whether it had one (section 9.2)."""
    if request.method not in ("INVITE", "UPDATE") or not any(kind in beside for kind in REQUESTS):
        return request, False
    if request.content_type in REQUESTS:
        headers = request.headers.without("content-type", "content-disposition")
        request = replace(request, headers=headers, body=b"")
    return request, True
