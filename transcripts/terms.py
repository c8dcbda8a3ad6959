"""Words as what an index may hold: nobody reads them without the key of the call.

An index in clear would undo the sealing of the words. So a term is an HMAC (RFC 2104, SHA-256) of
the word as it is compared, under a key that is derived from the call's own words key (HKDF, RFC
5869). The same word is another term in each call: an index tells nothing about which calls have
words in common, and once the key of a call is destroyed, its terms are noise, in every copy.

What an index still tells whoever has the file alone: how many words an utterance has, and which
of one call are the same. A search tries the key of each call; that is what it costs.
"""

import hmac
import re
import unicodedata
from collections.abc import Sequence
from hashlib import sha256

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

TERM_HEX = 16
"""So much of an HMAC: a hit by chance is seen when the words are opened, and dropped."""
INFO = b"parley search terms 1"
QUERY_TERMS_MAX = 32
_WORD = re.compile(r"\w+(?:['’]\w+)*")


def compared(text: str) -> list[str]:
    """The words as they are compared: without case, signs and accents' encodings."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    return _WORD.findall(plain)


def index_key(words_key: bytes) -> bytes:
    """The key of a call's terms."""
    return HKDF(SHA256(), 32, None, INFO).derive(words_key)


def terms(words: Sequence[str], key: bytes) -> list[str]:
    """A term for each word, in their order."""
    return [hmac.digest(key, word.encode(), sha256).hex()[:TERM_HEX] for word in words]


def phrases(query: str) -> list[list[str]]:
    """What is looked for: words, and "several words" in quotes that must stand together."""
    found: list[list[str]] = []
    for at, piece in enumerate(query.split('"')):
        words = compared(piece)
        found += [words] if at % 2 and words else [[word] for word in words]
    return found[:QUERY_TERMS_MAX]


def has(text: str, wanted: Sequence[Sequence[str]]) -> bool:
    """Whether a text has all of it."""
    words = compared(text)
    return all(
        any(words[at : at + len(phrase)] == list(phrase) for at in range(len(words)))
        for phrase in wanted
    )
