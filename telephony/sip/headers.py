"""Header lines in their order, found by their full or compact name (RFC 3261 section 7.3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from telephony.sip.errors import HeaderError
from telephony.sip.grammar import is_token

COMPACT: Mapping[str, str] = MappingProxyType(
    {
        "c": "content-type",
        "e": "content-encoding",
        "f": "from",
        "i": "call-id",
        "k": "supported",
        "l": "content-length",
        "m": "contact",
        "s": "subject",
        "t": "to",
        "v": "via",
        "x": "session-expires",
    }
)

Lines = tuple[tuple[str, str], ...]


class Headers:
    """Immutable. Names are kept as written; unknown ones are kept as well."""

    __slots__ = ("_index", "lines")

    def __init__(self, lines: Iterable[tuple[str, str]] = ()) -> None:
        self.lines: Lines = tuple(lines)
        self._index: dict[str, list[str]] = {}
        for name, value in self.lines:
            key = name.lower()
            self._index.setdefault(COMPACT.get(key, key), []).append(value)

    def get(self, name: str) -> str | None:
        """The first value of this full, lower-case name."""
        values = self._index.get(name)
        return values[0] if values else None

    def all(self, name: str) -> tuple[str, ...]:
        return tuple(self._index.get(name, ()))

    def replaced(self, name: str, value: str) -> Headers:
        """The same lines, the first one of this name with another value."""
        for at, (written, _) in enumerate(self.lines):
            key = written.lower()
            if COMPACT.get(key, key) == name:
                return Headers((*self.lines[:at], (written, value), *self.lines[at + 1 :]))
        return self

    def only(self, *names: str) -> Headers:
        return Headers(
            (name, value)
            for name, value in self.lines
            if COMPACT.get(name.lower(), name.lower()) in names
        )

    def without(self, *names: str) -> Headers:
        return Headers(
            (name, value)
            for name, value in self.lines
            if COMPACT.get(name.lower(), name.lower()) not in names
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self.lines == other.lines

    def __hash__(self) -> int:
        return hash(self.lines)

    def __repr__(self) -> str:
        return f"Headers({self.lines!r})"


def written(lines: Lines) -> str:
    """Write header lines. A value which would break out of its line is refused."""
    for name, value in lines:
        if not is_token(name) or "\r" in value or "\n" in value:
            raise HeaderError(f"header cannot be sent: {name!r}")
    return "".join(f"{name}: {value}\r\n" for name, value in lines)
