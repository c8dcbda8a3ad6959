"""Whom a URI means, so that two ways to write a number are one person."""

import re

from telephony.sip.errors import GrammarError
from telephony.sip.uri import Uri

URI_CHARS_MAX = 512
SCHEMES = ("sip", "sips", "tel")
_SEPARATORS = re.compile(r"[-.() ]")
_NUMBER = re.compile(r"\+[0-9]{3,15}")


def callable_uri(text: str) -> str:
    """`text`, if it is a URI that can be called. Raises ValueError that says what is wrong."""
    uri = Uri.parse(text) if len(text) <= URI_CHARS_MAX and text.isascii() else None
    if uri is None or uri.scheme not in SCHEMES or uri.headers:
        raise ValueError(
            'write whom to call as "sip:user@host", "sips:user@host" or "tel:+41790001122"'
        )
    return text


def party(text: str) -> str:
    """A telephone number wherever it is reached by, else the user and host of a URI.

    Raises ValueError for what cannot be called.
    """
    uri = Uri.parse(callable_uri(text))
    named = text.partition(":")[2] if uri.scheme == "tel" else uri.user_unescaped
    number = _SEPARATORS.sub("", named.partition(";")[0])
    if _NUMBER.fullmatch(number):
        return number
    return f"{uri.user_unescaped}@{uri.host.lower()}" if uri.is_sip else number


def is_same(one: str, other: str) -> bool:
    """Whether both mean one party; what is no URI means nobody."""
    try:
        return party(one) == party(other)
    except GrammarError:
        return False
