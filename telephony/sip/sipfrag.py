"""How a transfer goes on: the status line of its INVITE, as a body (RFC 3420, RFC 3515)."""

from __future__ import annotations

from telephony.sip import grammar
from telephony.sip.errors import GrammarError
from telephony.sip.responses import reason_of

CONTENT_TYPE = "message/sipfrag"
CONTENT_TYPE_WRITTEN = "message/sipfrag;version=2.0"
BYTES_MAX = 4_096


def read(body: bytes) -> tuple[int, str]:
    """Status and reason; GrammarError where the body does not begin with a status line."""
    if len(body) > BYTES_MAX:
        raise GrammarError("sipfrag too large")
    line = body.lstrip(b"\r\n").partition(b"\n")[0].decode(errors="replace").strip()
    version, _, rest = line.partition(" ")
    status, _, reason = rest.partition(" ")
    if version.upper() != "SIP/2.0" or not grammar.number(status, 699) >= 100:
        raise GrammarError("bad status line in sipfrag")
    return int(status), reason


def written(status: int) -> bytes:
    return f"SIP/2.0 {status} {reason_of(status)}\r\n".encode()
