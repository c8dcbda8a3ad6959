"""Claims about the one encoding of a log entry."""

import json
import random
from enum import IntEnum, StrEnum
from typing import Any

import pytest

from runtime import canonical


class Kind(StrEnum):
    ASKED = "asked"


class Level(IntEnum):
    HIGH = 3


def test_keys_are_sorted_and_nothing_is_spaced() -> None:
    encoded = canonical.encode({"b": [1, True, None], "a": {"d": "x", "c": -5}, "e": [], "f": {}})
    assert encoded == b'{"a":{"c":-5,"d":"x"},"b":[1,true,null],"e":[],"f":{}}'


def test_keys_are_sorted_by_utf16_code_units_as_in_rfc_8785_section_3_2_3() -> None:
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    encoded = canonical.encode(dict.fromkeys(keys))
    assert list(json.loads(encoded)) == [
        "\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33",
    ]  # fmt: skip


def test_text_is_escaped_as_in_rfc_8785_section_3_2_2_2() -> None:
    encoded = canonical.encode('\u20ac$\u000f\nA\'B"\\\\"/\x7f\b\t\f\r')
    assert encoded == '"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/\x7f\\b\\t\\f\\r"'.encode()


def test_bytes_travel_as_base64() -> None:
    assert canonical.encode(b"\x00\xff") == b'{"$bytes":"AP8="}'
    assert canonical.decode(b'{"$bytes":"AP8="}') == b"\x00\xff"


def test_enumerations_are_written_as_what_they_are() -> None:
    assert canonical.encode([Kind.ASKED, Level.HIGH]) == b'["asked",3]'


@pytest.mark.parametrize("seed", range(50))
def test_what_was_encoded_comes_back(seed: int) -> None:
    value = _value(random.Random(seed), 4)
    encoded = canonical.encode(value)
    assert canonical.decode(encoded) == value
    assert canonical.encode(canonical.decode(encoded)) == encoded


@pytest.mark.parametrize("value", [1.0, {1: "a"}, {None: 1}, {"a": {2, 3}}, object()])
def test_what_is_not_plain_is_a_type_error(value: object) -> None:
    with pytest.raises(TypeError):
        canonical.encode(value)


@pytest.mark.parametrize(
    "value", [2**53, -(2**53), "\ud800", {"\udfff": 1, "é": 2}, {"$bytes": "AA=="}]
)
def test_what_cannot_come_back_is_a_value_error(value: object) -> None:
    with pytest.raises(ValueError, match=r"2\^53-1|surrogate|kept for bytes"):
        canonical.encode(value)


def test_nesting_is_limited() -> None:
    value: list[Any] = []
    for _ in range(canonical.DEPTH_MAX):
        value = [value]
    with pytest.raises(ValueError, match="nested deeper"):
        canonical.encode(value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"{",
        b"1.5",
        b"1e3",
        b"NaN",
        b"9007199254740992",
        b'{"$bytes":1}',
        b'{"$bytes":"AA==","a":1}',
        b'{"$bytes":"!"}',
        b"[" * 100_000,
    ],
)
def test_foreign_bytes_are_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        canonical.decode(data)


def _value(rng: random.Random, depth: int) -> Any:
    kind = rng.randrange(8 if depth else 6)
    if kind == 6:
        return [_value(rng, depth - 1) for _ in range(rng.randrange(4))]
    if kind == 7:
        return {_text(rng): _value(rng, depth - 1) for _ in range(rng.randrange(4))}
    integer = rng.randint(-canonical.INTEGER_MAX, canonical.INTEGER_MAX)
    return [None, True, False, integer, _text(rng), rng.randbytes(rng.randrange(9))][kind]


def _text(rng: random.Random) -> str:
    alphabet = 'ab"\\\n\x00\x7fé€\ufb33\U0001f600'
    return "".join(rng.choices(alphabet, k=rng.randrange(6)))
