"""Claims about our reading of the draft's JSON Schema."""

from collections.abc import Iterator
from typing import Any

import pytest

from recordings.vcon import schema
from recordings.vcon.errors import VconError
from recordings.vcon.values import read_date, unbase64url
from tests.recordings.conversations import UUID


def every_schema(value: Any, is_schema: bool = True) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for one in value:
            yield from every_schema(one)
    elif isinstance(value, dict):
        if is_schema:
            yield value
        for name, one in value.items():
            if name in ("properties", "definitions"):
                yield from every_schema(one, is_schema=False)
            elif not is_schema or name in ("items", "anyOf", "oneOf"):
                yield from every_schema(one)


def test_the_schema_has_no_word_that_we_would_pass_over() -> None:
    words = {word for one in every_schema(schema.CORE) for word in one}
    assert {"anyOf", "dependencies", "$ref"} <= words <= schema.KNOWN
    assert {kind for one in every_schema(schema.CORE) if (kind := one.get("type"))} <= {
        *schema.TYPES
    }
    formats = {one["format"] for one in every_schema(schema.CORE) if "format" in one}
    assert formats == {"date-time", "uri", "uuid"}


@pytest.mark.parametrize(
    ("vcon", "problem"),
    [
        ([], "vcon is not of type object"),
        ({"uuid": UUID}, "vcon has no created_at"),
        ({"vcon": "0.3.0"}, "vcon.vcon is not '0.4.0'"),
        ({"redacted": {"type": "x", "url": "https://a"}}, "url without content_hash"),
        ({"dialog": [{"duration": True}]}, "duration has none of the forms"),
        ({"dialog": [{"recordings": [0.5]}]}, "recordings[0] is not of type integer"),
        ({"dialog": [{"parties": [[0, None]]}]}, "parties has none of the forms"),
    ],
)
def test_what_the_schema_forbids_is_told_with_its_place(vcon: object, problem: str) -> None:
    assert any(problem in one for one in schema.problems(vcon))


@pytest.mark.parametrize(
    "text",
    [
        *("", "2026-03-01", "2026-03-01 14:00:00Z", "2026-03-01T14:00:00", "2026-02-30T14:00:00Z"),
        *("2026-03-01T14:00:00+25:00", "0001-01-01T00:00:00+01:00", "2026-03-01T24:00:00Z"),
        *("２０２６-03-01T14:00:00Z", "2026-03-01T14:00:00.Z", "2026-03-01T14:00:00.1234567890Z"),
    ],
)
def test_what_is_no_date_of_rfc_3339_is_none(text: str) -> None:
    with pytest.raises(VconError):
        read_date(text)


def test_dates_in_all_their_forms_are_read() -> None:
    same = {
        read_date(text) for text in ("2026-03-01T14:00:00Z", "2026-03-01t15:00:00.000000000+01:00")
    }
    assert len(same) == 1
    assert read_date("2016-12-31T23:59:60Z").second == 59


@pytest.mark.parametrize("text", ["A", "AA=A", "A+/A", "AAAA\n", "Ä"])
def test_what_is_no_base64url_is_none(text: str) -> None:
    with pytest.raises(VconError):
        unbase64url(text)
