"""One table of a TOML file, read key by key; what is left over is a mistake."""

from collections.abc import Mapping
from datetime import date
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, TypeVar, cast

from consent.policy.errors import PolicyError

E = TypeVar("E", bound=StrEnum)

TEXT_LENGTH_MAX = 600
ITEMS_MAX = 400


class Table:
    """What stands in a table. Every method raises PolicyError, naming the key."""

    def __init__(self, values: Mapping[str, Any], file: str, where: str) -> None:
        self._values = dict(values)
        self._asked: list[str] = []
        self.file = file
        self.where = where

    def wrong(self, key: str, why: str) -> PolicyError:
        return PolicyError(self.file, self.where, key, why)

    def has(self, key: str) -> bool:
        return self._get(key) is not None

    def text(self, key: str, default: str | None = None) -> str:
        value = self._get(key)
        if value is None and default is not None:
            return default
        return self._plain(key, value)

    def texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        value = self._get(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, list) or not value:
            raise self.wrong(key, 'write a list of texts, as ["en", "fr"]')
        items = cast("list[object]", value)
        if len(items) > ITEMS_MAX:
            raise self.wrong(key, f"has more than {ITEMS_MAX} items")
        found = tuple(self._plain(key, item) for item in items)
        if len(set(found)) != len(found):
            raise self.wrong(key, "names something twice")
        return found

    def choice(self, key: str, kind: type[E], default: E | None = None) -> E:
        if default is not None and not self.has(key):
            return default
        return self._one(key, kind, self.text(key))

    def choices(self, key: str, kind: type[E], default: tuple[E, ...]) -> tuple[E, ...]:
        if not self.has(key):
            return default
        return tuple(self._one(key, kind, one) for one in self.texts(key))

    def day(self, key: str, default: str | None = None) -> str:
        """A date as TOML has it; answers ISO 8601."""
        value = self._get(key)
        if value is None and default is not None:
            return default
        if type(value) is not date:
            raise self.wrong(key, "write a date, as 2026-08-02, without quotes")
        return value.isoformat()

    def whole(self, key: str, low: int, high: int) -> int:
        value = self._get(key)
        if type(value) is not int or not low <= value <= high:
            raise self.wrong(key, f"write a whole number from {low} to {high}")
        return value

    def flag(self, key: str) -> bool:
        value = self._get(key)
        if value is None:
            return False
        if type(value) is not bool:
            raise self.wrong(key, "write true or false")
        return value

    def raw(self, key: str) -> Any:
        return self._get(key)

    def done(self) -> None:
        """Whatever nobody asked for is a spelling mistake."""
        for key in self._values:
            if key not in self._asked:
                near = get_close_matches(key, self._asked, n=1, cutoff=0.0)
                raise self.wrong(key[:40], f"is no key of this table; did you mean {near[0]}?")

    def _get(self, key: str) -> Any:
        if key not in self._asked:
            self._asked.append(key)
        return self._values.get(key)

    def _one(self, key: str, kind: type[E], text: str) -> E:
        if text not in [one.value for one in kind]:
            raise self.wrong(key, f"{text!r} is not one of {', '.join(kind)}")
        return kind(text)

    def _plain(self, key: str, value: object) -> str:
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(key, "is missing: write a text")
        # What is printed for officers must not move their cursor.
        if len(value) > TEXT_LENGTH_MAX or not value.isprintable():
            raise self.wrong(key, f"has at most {TEXT_LENGTH_MAX} printable letters")
        return value
