"""How one key of the configuration is read, what it is by default, and what to write instead."""

import re
from collections.abc import Callable
from dataclasses import Field, dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, cast

from parley.config.values import Endpoint, PortRange, Secret
from runtime.kek_sources import REFERENCE

Read = Callable[[object], Any]

TEXT_MAX = 4_096
LIST_MAX = 256
SIP_HOST = re.compile(r"(sips?:)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(;[a-z=]+)?")

SIP_URI = re.compile(
    r"sips?:([A-Za-z0-9._+-]+@)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?"
    r"(;transport=(udp|tcp|tls))?"
)


@dataclass(frozen=True, slots=True)
class Key:
    """`read` takes a raw TOML or JSON value, raises ValueError; `hint` completes "Write …"."""

    read: Read
    hint: str


def key(read: Read, default: object, hint: str) -> Any:
    """A field of a section; its default goes through the same reader as everything else."""
    return field(default=read(default), metadata={"key": Key(read, hint)})


def key_of(spec: Field[Any]) -> Key:
    found = spec.metadata["key"]
    assert isinstance(found, Key), "every field of a section is made by key()"
    return found


def text(raw: object) -> str:
    if not isinstance(raw, str) or len(raw) > TEXT_MAX:
        raise ValueError("not a text")
    return raw


def some_text(raw: object) -> str:
    if not text(raw):
        raise ValueError("empty")
    return text(raw)


def url(*schemes: str) -> Read:
    def read(raw: object) -> str:
        if not text(raw).startswith(schemes) or text(raw) in schemes:
            raise ValueError("no scheme we know")
        return text(raw)

    return read


def policy(raw: object) -> str:
    """A policy that ships, or the path of a file."""
    if raw not in ("ask", "never", "law") and not text(raw).endswith(".toml"):
        raise ValueError("no policy")
    return text(raw)


def language(raw: object) -> str:
    """ISO 639, or nothing."""
    if not re.fullmatch(r"([a-z]{2,3})?", text(raw), re.ASCII):
        raise ValueError("no language")
    return text(raw)


def uri(raw: object) -> str:
    """A SIP URI, or nothing."""
    written = text(raw)
    if written and not re.fullmatch(r"sips?:[!-~]+@[!-~]+", written):
        raise ValueError("no SIP URI")
    return written


def vendor_name(raw: object) -> str:
    """A name that can stand in a scope, and be said."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,63}", text(raw), re.ASCII):
        raise ValueError("no name of a vendor")
    return text(raw)


def sip_host(raw: object) -> str:
    """A host, host:port or SIP URI, as telephony.trunks reads it; or nothing."""
    written = text(raw)
    if written and not SIP_HOST.fullmatch(written):
        raise ValueError("no host")
    return written


def sip_uri(raw: object) -> str:
    """A SIP URI with a host, as telephony.sip.uri reads it."""
    written = text(raw)
    if not SIP_URI.fullmatch(written):
        raise ValueError("no SIP URI")
    return written


def whole_number(low: int, high: int) -> Read:
    def read(raw: object) -> int:
        # TOML's true is not the number 1, though Python's is.
        if not isinstance(raw, int) or isinstance(raw, bool) or not low <= raw <= high:
            raise ValueError("not a number in range")
        return raw

    return read


def even_number(low: int, high: int) -> Read:
    """An even number in range, or 0 for none."""

    def read(raw: object) -> int:
        number: int = whole_number(0, high)(raw)
        if number % 2 or 0 < number < low:
            raise ValueError("not an even number in range")
        return number

    return read


def flag(raw: object) -> bool:
    """True or false; a variable's text as "true" or "false"."""
    if isinstance(raw, bool):
        return raw
    if raw not in ("true", "false"):
        raise ValueError("neither true nor false")
    return raw == "true"


def zero_or(read_one: Read) -> Read:
    """Nothing of it, or so much."""
    return lambda raw: 0 if raw == 0 and not isinstance(raw, bool) else read_one(raw)


def network(raw: object) -> IPv4Network | IPv6Network:
    return ip_network(text(raw))


def one_of(*choices: str) -> Read:
    def read(raw: object) -> str:
        if raw not in choices:
            raise ValueError("not one of the choices")
        return text(raw)

    return read


def some(read_one: Read) -> Read:
    """One or more."""

    def read(raw: object) -> tuple[Any, ...]:
        values = many(read_one)(raw)
        if not values:
            raise ValueError("empty")
        return values

    return read


def many(read_one: Read) -> Callable[[object], tuple[Any, ...]]:
    def read(raw: object) -> tuple[Any, ...]:
        if not isinstance(raw, list | tuple):
            raise ValueError("not a list")
        items = cast("list[object] | tuple[object, ...]", raw)
        if len(items) > LIST_MAX:
            raise ValueError("too many")
        return tuple(read_one(item) for item in items)

    return read


def endpoint(*transports: str) -> Read:
    return lambda raw: Endpoint.parse(text(raw), transports or ("",))


def ports(raw: object) -> PortRange:
    return PortRange.parse(text(raw))


def kek(raw: object) -> str:
    """Where the KEK is; never the KEK itself."""
    if text(raw) and not REFERENCE.fullmatch(text(raw)):
        raise ValueError("no place of a KEK")
    return text(raw)


def secret(raw: object) -> Secret:
    return Secret(text(raw))
