"""The draft's own JSON Schema, pinned beside this file, and as much of draft-07 as it needs."""

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any, cast
from urllib.parse import urlsplit
from uuid import UUID

from recordings.vcon.errors import VconError
from recordings.vcon.values import read_date

Schema = Mapping[str, Any]

CORE: Schema = json.loads(files("recordings.vcon").joinpath("core-0.4.0.schema.json").read_bytes())

TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "null": type(None),
}
KNOWN = {
    *("$schema", "$id", "title", "description", "definitions", "default"),
    *("type", "required", "properties", "items", "enum", "const", "anyOf", "oneOf", "minimum"),
    *("format", "$ref", "dependencies"),
}


def problems(value: object) -> list[str]:
    """What of a vCon is not as the schema has it, each with its place."""
    return list(_problems(value, CORE, "vcon"))


def _problems(value: object, schema: Schema, place: str) -> Iterator[str]:
    if "$ref" in schema:
        yield from _problems(value, _referred(schema["$ref"]), place)
        return
    if "type" in schema and not _is(value, schema["type"]):
        yield f"{place} is not of type {schema['type']}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{place} is none of {', '.join(map(str, schema['enum']))}"
    if "const" in schema and value != schema["const"]:
        yield f"{place} is not {schema['const']!r}"
    if "minimum" in schema and cast(float, value) < schema["minimum"]:
        yield f"{place} is below {schema['minimum']}"
    if "format" in schema and not _is_formatted(cast(str, value), schema["format"]):
        yield f"{place} is no {schema['format']}"
    for name, wanted in (("anyOf", range(1, 99)), ("oneOf", range(1, 2))):
        if name in schema and _matching(value, schema[name]) not in wanted:
            yield f"{place} has none of the forms it may have"
    yield from _inside(value, schema, place)


def _inside(value: object, schema: Schema, place: str) -> Iterator[str]:
    match value:
        case dict():
            found = cast("dict[str, object]", value)
            for name in schema.get("required", ()):
                if name not in found:
                    yield f"{place} has no {name}"
            for name, needs in schema.get("dependencies", {}).items():
                if name in found and (missing := [one for one in needs if one not in found]):
                    yield f"{place} has {name} without {', '.join(missing)}"
            for name, inner in schema.get("properties", {}).items():
                if name in found:
                    yield from _problems(found[name], inner, f"{place}.{name}")
        case list() if "items" in schema:
            for index, item in enumerate(cast("list[object]", value)):
                yield from _problems(item, schema["items"], f"{place}[{index}]")
        case _:
            return


def _matching(value: object, schemas: Sequence[Schema]) -> int:
    return sum(next(_problems(value, one, ""), None) is None for one in schemas)


def _referred(reference: str) -> Schema:
    found: Any = CORE
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    return cast(Schema, found)


def _is(value: object, name: str) -> bool:
    # To Python a truth value is a number.
    return isinstance(value, TYPES[name]) and not isinstance(value, bool)


def _is_formatted(text: str, name: str) -> bool:
    try:
        match name:
            case "date-time":
                read_date(text)
            case "uuid":
                return str(UUID(text)) == text.lower()
            case _:
                return bool(urlsplit(text).scheme)
    except (VconError, ValueError):
        return False
    return True
