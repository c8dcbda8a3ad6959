"""Digest authentication, the arithmetic of both sides: RFC 7616, RFC 2617, RFC 8760."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from enum import StrEnum

from telephony.sip import grammar
from telephony.sip.errors import GrammarError

FIELDS_MAX = 32
# A nonce, a URI or a user name: they are hashed and compared.
FIELD_CHARS_MAX = 1_024
AUTH = "auth"
AUTH_INT = "auth-int"

Fields = dict[str, str]
_QUOTED = frozenset({"username", "realm", "nonce", "uri", "response", "cnonce", "opaque", "domain"})


class Algorithm(StrEnum):
    MD5 = "MD5"
    MD5_SESS = "MD5-sess"
    SHA_256 = "SHA-256"
    SHA_256_SESS = "SHA-256-sess"
    SHA_512_256 = "SHA-512-256"
    SHA_512_256_SESS = "SHA-512-256-sess"

    @property
    def is_session(self) -> bool:
        """Whether the password is hashed together with the nonces."""
        return self.endswith("-sess")

    @staticmethod
    def named(name: str) -> Algorithm | None:
        """The algorithm of this name that we can compute; MD5 where none is named."""
        return _KNOWN.get((name or "MD5").lower())


_HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
# OpenSSL may have been built without one of them.
_KNOWN = {
    algorithm.lower(): algorithm
    for algorithm in Algorithm
    if _HASHES[algorithm.removesuffix("-sess")] in hashlib.algorithms_available
}
# The strongest first.
STRENGTH = (Algorithm.SHA_512_256, Algorithm.SHA_256, Algorithm.MD5)


def strength(algorithm: Algorithm) -> int:
    """How strong it is: more is better."""
    return -STRENGTH.index(Algorithm(algorithm.removesuffix("-sess")))


def hashed(algorithm: Algorithm, data: bytes) -> str:
    name = _HASHES[algorithm.removesuffix("-sess")]
    return hashlib.new(name, data, usedforsecurity=False).hexdigest()


def response(
    algorithm: Algorithm,
    password: str,
    fields: Fields,
    method: str,
    body: bytes = b"",
) -> str:
    """What the field `response` must be (RFC 7616 section 3.4.1), as hexadecimal digits.

    `fields` are those of an Authorization header: without qop, this is RFC 2069's.
    """
    user, realm, nonce = (fields.get(name, "") for name in ("username", "realm", "nonce"))
    a1 = hashed(algorithm, _bytes(f"{user}:{realm}:{password}"))
    if algorithm.is_session:
        a1 = hashed(algorithm, _bytes(f"{a1}:{nonce}:{fields.get('cnonce', '')}"))
    a2 = f"{method}:{fields.get('uri', '')}"
    qop = fields.get("qop", "").lower()
    if qop == AUTH_INT:
        a2 += ":" + hashed(algorithm, body)
    middle = (fields.get("nc", ""), fields.get("cnonce", ""), qop) if qop else ()
    return hashed(algorithm, _bytes(":".join((a1, nonce, *middle, hashed(algorithm, _bytes(a2))))))


def parse(header: str) -> Fields:
    """The fields of one challenge or of one set of credentials, unquoted, names in lower case.

    GrammarError for another scheme than Digest, a field that is there twice or too long.
    """
    scheme, _, rest = header.strip(grammar.LWS).partition(" ")
    if scheme.lower() != "digest":
        raise GrammarError("not Digest")
    fields: Fields = {}
    for part in grammar.split(rest, ",", FIELDS_MAX):
        name, equals, value = (text.strip(grammar.LWS) for text in part.partition("="))
        if not part:
            continue
        if not equals or not grammar.is_token(name) or name.lower() in fields:
            raise GrammarError("bad digest field")
        if value.startswith('"'):
            if grammar.end_of_quoted(value, 0) != len(value):
                raise GrammarError("bad digest value")
            value = grammar.unquote(value)
        if len(value) > FIELD_CHARS_MAX:
            raise GrammarError("digest value too long")
        fields[name.lower()] = value
    return fields


def written(fields: Iterable[tuple[str, str]], *, is_challenge: bool = False) -> str:
    """A header value; quoted is what RFC 7616 sections 3.3 and 3.4 want quoted.

    Only a challenge quotes its qop, which is a list there: in credentials it is a token.
    """
    quoted = _QUOTED | {"qop"} if is_challenge else _QUOTED
    parts = (
        f"{name}={grammar.quote(value) if name in quoted else value}" for name, value in fields
    )
    return "Digest " + ", ".join(parts)


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")
