"""Challenges: what a client has to sign before it is believed to hold a key now.

Nothing is remembered of them: a challenge carries its time and the server's own MAC, so that
a flood of them costs no memory and a restart forgets none.
"""

import hmac

CHALLENGE_US = 60_000_000
NONCE_BYTES = 16
_PURPOSE = "parley challenge "
_MAC_DIGITS = 32


def issue(secret: bytes, nonce: bytes, now: int) -> str:
    """A challenge that is good for a minute. `now` is in microseconds since 1970."""
    body = f"{now + CHALLENGE_US:x}.{nonce.hex()}"
    return f"{body}.{_mac(secret, body)}"


def is_good(secret: bytes, challenge: str, now: int) -> bool:
    """Whether we issued it, less than a minute ago."""
    body, _, mac = challenge.rpartition(".")
    if not hmac.compare_digest(_mac(secret, body).encode(), mac.encode("utf-8", "replace")):
        return False
    return now < int(body.partition(".")[0], 16)


def _mac(secret: bytes, body: str) -> str:
    data = (_PURPOSE + body).encode("utf-8", "replace")
    return hmac.digest(secret, data, "sha256").hex()[:_MAC_DIGITS]
