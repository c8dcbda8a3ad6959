"""Keys for SRTP in a description: the a=crypto lines of SDES (RFC 4568, RFC 7714 section 14)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

# Octets of master key and master salt.
SUITES: Mapping[str, int] = MappingProxyType(
    {"AEAD_AES_128_GCM": 28, "AES_CM_128_HMAC_SHA1_80": 30, "AES_CM_128_HMAC_SHA1_32": 30}
)
TAG_DIGITS_MAX = 9


class Srtp(StrEnum):
    """Whether media is encrypted: never, where the other side can, or else no call."""

    OFF = "off"
    OPTIONAL = "optional"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class Crypto:
    """One a=crypto line: `key` is master key and salt, in base64, of the side which wrote it."""

    tag: int
    suite: str
    key: str = field(repr=False)

    @property
    def line(self) -> str:
        return f"a=crypto:{self.tag} {self.suite} inline:{self.key}"


@dataclass(frozen=True, slots=True)
class SrtpParameters:
    """What both sides agreed on; keys as `Crypto.key` has them."""

    suite: str
    send_key: str = field(repr=False)
    receive_key: str = field(repr=False)


def draw(entropy: Callable[[int], bytes]) -> tuple[Crypto, ...]:
    """A key of ours for each suite, the best one first."""
    return tuple(
        Crypto(tag, suite, base64.b64encode(entropy(size)).decode())
        for tag, (suite, size) in enumerate(SUITES.items(), 1)
    )


def parse(value: str) -> Crypto | None:
    """Read what follows `crypto:`; none where it asks for something that we do not do.

    Such are unknown suites, session parameters, several keys and key identifiers (MKI):
    RFC 4568 section 6.1 has us leave out the line, and take another one.
    """
    words = value.split()
    if len(words) != 3 or len(words[0]) > TAG_DIGITS_MAX or not words[0].isdecimal():
        return None
    tag, suite, parameters = words
    method, _, inline = parameters.partition(":")
    key, *more = inline.split("|")
    # The lifetime may be there: it ends with the call, long before 2^48 packets.
    if suite not in SUITES or method != "inline" or any(":" in part for part in more):
        return None
    return Crypto(int(tag), suite, key) if _octets(key) == SUITES[suite] else None


def _octets(key: str) -> int:
    try:
        return len(base64.b64decode(key, validate=True))
    except (binascii.Error, ValueError):
        return 0


def agree(theirs: Sequence[Crypto], ours: Iterable[Crypto]) -> tuple[Crypto, Crypto] | None:
    """Their first line which we can serve, and ours for it, under their tag (section 5.1.2)."""
    by_suite = {line.suite: line for line in ours}
    for line in theirs:
        if (mine := by_suite.get(line.suite)) is not None:
            return line, Crypto(line.tag, mine.suite, mine.key)
    return None
