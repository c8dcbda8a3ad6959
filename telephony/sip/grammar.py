"""The scanners which all headers share (RFC 3261 section 25.1), each linear in its input."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from telephony.sip.errors import GrammarError

Params = tuple[tuple[str, str | None], ...]

LWS = " \t"
# Single classes only: no expression here can backtrack.
_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
_HOST = re.compile(r"[A-Za-z0-9._\-]+|\[[0-9A-Fa-f:.]+\]")
_QUOTE_OR_ESCAPE = re.compile(r'["\\]')
_NOT_IN_A_VALUE = re.compile(r'[\x00-\x20",<>\x7f]')
_STOPS: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {",": re.compile('[,"<]'), ";": re.compile('[;"<]')}
)

PORT_MAX = 65_535
PARAMS_MAX = 64
# Values read lately are kept: one message asks for the same ones many times.
PARSED_MAX = 256


def is_token(text: str) -> bool:
    return _TOKEN.fullmatch(text) is not None


def is_host(text: str) -> bool:
    """Whether this can be a host name, an IPv4 address or a bracketed IPv6 reference."""
    return _HOST.fullmatch(text) is not None


def number(text: str, most: int) -> int:
    """Read plain decimal digits, no sign, at most `most`."""
    # Eleven digits hold any number SIP allows; int() of more would cost time.
    if not (text.isascii() and text.isdigit()) or len(text.lstrip("0")) > 11:
        raise GrammarError("not a number")
    if (value := int(text.lstrip("0") or "0")) > most:
        raise GrammarError("number too large")
    return value


def end_of_quoted(text: str, start: int) -> int:
    """Return the index after the quoted string which opens at `start`."""
    at = start + 1
    while found := _QUOTE_OR_ESCAPE.search(text, at):
        if found.group() == '"':
            return found.end()
        at = found.end() + 1
    raise GrammarError("unbalanced quote")


def unquote(text: str) -> str:
    """Take the quotes and the escapes from a quoted string."""
    kept: list[str] = []
    at = 1
    while found := _QUOTE_OR_ESCAPE.search(text, at):
        kept.append(text[at : found.start()])
        if found.group() == '"':
            return "".join(kept)
        kept.append(text[found.end() : found.end() + 1])
        at = found.end() + 1
    raise GrammarError("unbalanced quote")


def quote(text: str) -> str:
    """Write text as a quoted string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def end_of_angle(text: str, start: int) -> int:
    """Return the index after the `>` which closes the `<` at `start`."""
    if (end := text.find(">", start)) < 0:
        raise GrammarError("unbalanced angle bracket")
    return end + 1


def split(text: str, separator: str, most: int) -> list[str]:
    """Split at each separator which is not inside quotes or angle brackets."""
    parts: list[str] = []
    start = at = 0
    while found := _STOPS[separator].search(text, at):
        mark = found.group()
        if mark == '"':
            at = end_of_quoted(text, found.start())
        elif mark == "<":
            at = end_of_angle(text, found.start())
        else:
            parts.append(text[start : found.start()].strip(LWS))
            start = at = found.end()
            if len(parts) >= most:
                raise GrammarError("too many values")
    parts.append(text[start:].strip(LWS))
    return parts


def first(text: str) -> str:
    """Return the first value of a comma-separated list, without reading the rest."""
    at = 0
    while found := _STOPS[","].search(text, at):
        mark = found.group()
        if mark == ",":
            return text[: found.start()].strip(LWS)
        at = (end_of_quoted if mark == '"' else end_of_angle)(text, found.start())
    return text.strip(LWS)


def params(text: str) -> Params:
    """Read `;name=value;name`: the text must be empty or begin with a semicolon."""
    text = text.strip(LWS)
    if not text:
        return ()
    empty, *parts = split(text, ";", PARAMS_MAX)
    if empty:
        raise GrammarError("parameters begin with a semicolon")
    return tuple(_param(part) for part in parts)


def _param(part: str) -> tuple[str, str | None]:
    name, equals, value = part.partition("=")
    name, value = name.rstrip(LWS), value.lstrip(LWS)
    if not is_token(name):
        raise GrammarError("bad parameter name")
    if not equals:
        return name, None
    if value.startswith('"'):
        if end_of_quoted(value, 0) != len(value):
            raise GrammarError("bad parameter value")
    elif not value or _NOT_IN_A_VALUE.search(value):
        raise GrammarError("bad parameter value")
    return name, value


def param(values: Params, name: str) -> str | None:
    """Return the value of the first parameter of this name; "" for one without a value."""
    for key, value in values:
        if key.lower() == name:
            return value or ""
    return None


def written(values: Params) -> str:
    """Write parameters as they stand in a header."""
    return "".join(f";{name}" if value is None else f";{name}={value}" for name, value in values)


def host_and_port(text: str) -> tuple[str, int | None]:
    """Read `host`, `host:port` or `[v6]:port`."""
    if text.endswith("]") or ":" not in text:
        host, port = text, None
    else:
        host, _, digits = text.rpartition(":")
        host, port = host.rstrip(LWS), number(digits.lstrip(LWS), PORT_MAX)
    if not is_host(host):
        raise GrammarError("bad host")
    return host, port
