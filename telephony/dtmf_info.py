"""Digits in SIP INFO: application/dtmf-relay and application/dtmf."""

RELAY = "application/dtmf-relay"
BODY_BYTES_MAX = 512
DIGITS = frozenset("0123456789*#ABCD")
# Some senders give the event number of RFC 4733 for the keys which are no digits.
_EVENTS = {"10": "*", "11": "#", "12": "A", "13": "B", "14": "C", "15": "D"}


def parse(content_type: str, body: bytes) -> str | None:
    """Return the digit, or none when this is no INFO about a single digit."""
    if len(body) > BODY_BYTES_MAX:
        return None
    text = body.decode("ascii", errors="replace")
    if content_type == "application/dtmf":
        return _digit(text)
    return _signal(text) if content_type == RELAY else None


def relay(digit: str, duration_ms: int) -> bytes:
    """The body of an INFO of type `RELAY`. ValueError for what is no digit."""
    if digit not in DIGITS:
        raise ValueError("not a DTMF digit")
    return f"Signal={digit}\r\nDuration={duration_ms}\r\n".encode()


def _signal(text: str) -> str | None:
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and name.strip().lower() == "signal":
            return _digit(value)
    return None


def _digit(text: str) -> str | None:
    word = text.strip().upper()
    digit = _EVENTS.get(word, word)
    return digit if digit in DIGITS else None
