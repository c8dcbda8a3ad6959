"""Policy files as TOML: text to cells, every mistake with its file, table and key."""

import tomllib
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, cast

from consent.policy.cells import Cell, Cells, Jurisdiction, Law, Overlay, indexed
from consent.policy.errors import PolicyError
from consent.policy.reading import Table
from consent.policy.terms import (
    EVERYWHERE,
    FIRST_DAY,
    SCOPES,
    STRICTEST,
    VENDOR,
    BasisKind,
    Condition,
    Due,
    Grade,
    Line,
    OnNo,
    When,
    kind_of,
)

TEXT_CHARS_MAX = 200_000
CELLS_MAX = 5_000
IMPLIED_SECONDS_MAX = 60
AREA_CODES = range(200, 1000)
TEXTS_OF_LAW = "# file: "
"""In the one text of all files this line begins each of them."""


def digest(text: str) -> str:
    """The id of a version: SHA-256 of its text, in hex."""
    return sha256(text.encode()).hexdigest()


def law(files: Mapping[str, str]) -> Law:
    """What ships: file name -> text. Raises PolicyError."""
    tables = [(name, _tables(name, text)) for name, text in sorted(files.items())]
    places = _places(tables)
    cells = [cell for name, found in tables for cell in _cells(name, found, ours=True)]
    text = "".join(f"{TEXTS_OF_LAW}{name}\n{files[name]}\n" for name in sorted(files))
    checked = _checked(cells)
    known = {*places, EVERYWHERE}
    for cell in cells:
        if cell.jurisdiction not in known:
            raise PolicyError(cell.file, cell.id, "jurisdictions", "names an unknown place")
    return Law(digest(text), text, places, _area_codes(tables, places), checked)


def overlay(file: str, text: str) -> Overlay:
    """A tenant's file. Raises PolicyError; whether it only tightens is asked elsewhere."""
    found = _tables(file, text)
    for name in found:
        if name != "cell":
            raise PolicyError(file, f"[{name[:40]}]", "", "a tenant's file has only [[cell]]")
    return Overlay(digest(text), text, _checked(list(_cells(file, found, ours=False))))


def _tables(file: str, text: str) -> dict[str, Any]:
    if len(text) > TEXT_CHARS_MAX:
        raise PolicyError(file, "", "", f"has more than {TEXT_CHARS_MAX} letters")
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise PolicyError(file, "", "", f"is not TOML: {error}") from error


def _each(file: str, found: Mapping[str, Any], name: str) -> Iterable[Table]:
    some = found.get(name, [])
    if not isinstance(some, list):
        raise PolicyError(file, f"[{name}]", "", f"write [[{name}]], with two brackets")
    for number, one in enumerate(cast("list[object]", some), 1):
        if not isinstance(one, dict):
            raise PolicyError(file, f"[[{name}]] {number}", "", "is no table")
        yield Table(cast("dict[str, Any]", one), file, f"[[{name}]] {number}")


def _places(tables: list[tuple[str, dict[str, Any]]]) -> dict[str, Jurisdiction]:
    places: dict[str, Jurisdiction] = {}
    for file, found in tables:
        for table in _each(file, found, "jurisdiction"):
            one = Jurisdiction(
                code=table.text("code"),
                name=table.text("name"),
                within=table.text("within") if table.has("within") else None,
                languages=table.texts("languages"),
                regions=table.texts("regions", ()),
                names=table.texts("names", ()),
            )
            table.done()
            if one.code in places:
                raise table.wrong("code", f"{one.code} is there already")
            # So that no chain of places is a circle.
            if one.within is not None and one.within not in places:
                raise table.wrong("within", f"{one.within} must stand before {one.code}")
            places[one.code] = one
    if STRICTEST not in places:
        raise PolicyError("", "[[jurisdiction]]", "code", f"there is no {STRICTEST}")
    return places


def _area_codes(
    tables: list[tuple[str, dict[str, Any]]], places: Mapping[str, Jurisdiction]
) -> dict[int, str]:
    codes: dict[int, str] = {}
    for file, found in tables:
        for table in _each(file, found, "area_codes"):
            state = table.text("state")
            if state not in places:
                raise table.wrong("state", f"{state} is no [[jurisdiction]]")
            table.text("source")
            table.day("reviewed")
            listed: object = table.raw("codes")
            for code in cast("list[object]", listed) if isinstance(listed, list) else [None]:
                if type(code) is not int or code not in AREA_CODES or code in codes:
                    raise table.wrong("codes", "write area codes of three digits, each once")
                codes[code] = state
            table.done()
    return codes


def _cells(file: str, found: Mapping[str, Any], *, ours: bool) -> Iterable[Cell]:
    for table in _each(file, found, "cell"):
        many = [_cell(table, place, scope, line, ours=ours) for place, scope, line in _keys(table)]
        table.done()
        yield from many


def _keys(table: Table) -> list[tuple[str, str, Line]]:
    """A [[cell]] may speak for several places, scopes and lines."""
    lines = table.choices("lines", Line, (Line.GENERAL,))
    scopes = table.texts("scopes")
    for scope in scopes:
        kind, _, vendor = scope.partition(":")
        if kind not in SCOPES or (":" in scope and (kind != VENDOR or not vendor)):
            raise table.wrong("scopes", f"{scope!r} is not one of {', '.join(SCOPES)}")
    places = table.texts("jurisdictions")
    return [(place, scope, line) for place in places for scope in scopes for line in lines]


def _cell(table: Table, place: str, scope: str, line: Line, *, ours: bool) -> Cell:
    table.where = f"{table.where.partition(' (')[0]} ({place} {scope})"
    implied = "implied_after_s"
    cell = Cell(
        jurisdiction=place,
        scope=scope,
        line=line,
        start=table.day("from", FIRST_DAY),
        due=table.choice("due", Due),
        basis=table.choice("basis", BasisKind) if table.has("basis") else None,
        implied_after_s=(
            table.whole(implied, 1, IMPLIED_SECONDS_MAX) if table.has(implied) else None
        ),
        on_no=table.choice("on_no", OnNo) if table.has("on_no") else None,
        when=table.choices("when", When, (When.START,)),
        beep=table.flag("beep"),
        must_record=table.flag("must_record"),
        prevails=table.flag("prevails"),
        retention=table.text("retention") if table.has("retention") else None,
        conditions=table.choices("conditions", Condition, ()),
        wording=table.text("wording") if table.has("wording") else None,
        source=table.text("source"),
        reviewed=table.day("reviewed"),
        grade=table.choice("grade", Grade, None if ours else Grade.HOUSE),
        note=table.text("note") if table.has("note") else "",
        file=table.file,
    )
    _agrees(table, cell, ours=ours)
    return cell


def _agrees(table: Table, cell: Cell, *, ours: bool) -> None:
    """What the keys of one cell say together."""
    if cell.due is Due.ASK and cell.basis not in (None, BasisKind.CONSENT):
        raise table.wrong("basis", "who is asked consents: write consent, or due = notice")
    if cell.due in (Due.NONE, Due.NOTICE) and cell.basis is BasisKind.CONSENT:
        raise table.wrong("basis", "there is no consent without a question: write due = ask")
    if ours and cell.due is not Due.OFF and cell.basis is None:
        raise table.wrong("basis", f"is missing: one of {', '.join(BasisKind)}")
    if cell.implied_after_s is not None and cell.due is not Due.ASK:
        raise table.wrong("implied_after_s", "only who is asked can agree by staying")
    if cell.prevails and not cell.must_record:
        raise table.wrong("prevails", "only a duty to record stands above the general law")
    if cell.must_record and cell.on_no is not OnNo.END_WITH_REASON:
        raise table.wrong("on_no", "without a recording the call must end: end_with_reason")
    if kind_of(cell.scope) != "recording" and cell.must_record:
        raise table.wrong("must_record", "is for the scope recording")


def _checked(cells: list[Cell]) -> Cells:
    if len(cells) > CELLS_MAX:
        raise PolicyError(cells[0].file, "[[cell]]", "", f"has more than {CELLS_MAX} cells")
    seen: set[str] = set()
    for cell in cells:
        day = f"{cell.key}@{cell.start}"
        if day in seen:
            raise PolicyError(cell.file, cell.id, "from", "is there twice for the same day")
        seen.add(day)
    return indexed(cells)
