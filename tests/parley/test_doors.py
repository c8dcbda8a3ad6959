"""Claims about who looked: each door to what a call holds leaves a row; none is unknown."""

import argparse
import asyncio
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from starlette.routing import BaseRoute, Route, WebSocketRoute

from parley import cli, doors, history
from recordings.access import Access, Looked
from runtime.engines import sqlite
from runtime.store import Store
from runtime.tables import select
from tests.parley.a_call import agreed
from web.app import application
from web.desk import Desk

assert len(history.DECLARING) > 1, "a store has the tables of all that was imported"

WHY = ("--why", "a name")
OPENING: dict[str, list[list[str]]] = {
    "show": [["show", "last"], ["show", "last", "--as-of", "+5s", "--json"]],
    "transcript": [["transcript", "last"], ["transcript", "last", "--format", "vtt"]],
    "search": [["search", "monday"]],
    "correct": [["correct", "last", "2", "--text", "on friday", *WHY]],
    "redact": [["redact", "last", "2", "--words", "2", *WHY]],
    "replay": [["replay", "last"], ["replay", "--all"]],
    "export": [
        ["export", "last", "--to", "pack"],
        ["export", "last", "--format", "vcon", "--to", "a.vcon"],
        ["export", "last", "--format", "wav", "--to", "a.wav"],
        ["export", "last", "--format", "opus", "--to", "a.ogg"],
    ],
    "subject": [["subject", "sip:anna@example.org", "--to", "sar"]],
}
"""How each door that is noted is opened."""


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    asyncio.run(agreed(tmp_path / "data"))
    return tmp_path / "data"


def commands() -> Iterator[str]:
    """Every command, with each of its verbs."""
    for name, command in cli.COMMANDS.items():
        parser = argparse.ArgumentParser()
        importlib.import_module(command.module).add_arguments(parser)
        verbs = [
            verb
            for action in cast("Any", parser)._actions
            if isinstance(action, argparse._SubParsersAction)  # pyright: ignore[reportPrivateUsage]
            for verb in action.choices
        ]
        yield from (f"{name} {verb}" for verb in verbs) if verbs else [name]


def routes(found: list[BaseRoute]) -> Iterator[str]:
    for route in found:
        if isinstance(route, WebSocketRoute):
            yield f"WS {route.path}"
        elif isinstance(route, Route):
            yield from (f"{m} {route.path}" for m in route.methods or () if m != "HEAD")
        else:
            inner = cast("Any", route).original_router  # As a router was included.
            yield from routes(inner.routes)


def looks(data: Path) -> list[Access]:
    rows = sqlite.open_reader(data / "parley.db")
    try:
        return select(rows, Access, (), ())
    finally:
        rows.close()


def test_every_command_has_a_row() -> None:
    assert sorted(commands()) == sorted(doors.COMMANDS)


async def _routes(path: Path) -> list[str]:
    store = await Store.open(path / "parley.db", lambda: 1, bytes)
    try:
        desk = Desk(store, lambda: True, lambda: 0, bytes, bytes(32))
        return sorted(routes(application(desk).routes))
    finally:
        await store.close()


def test_every_route_has_a_row(tmp_path: Path) -> None:
    assert asyncio.run(_routes(tmp_path)) == sorted(doors.ROUTES)


def test_each_door_that_is_noted_is_tried() -> None:
    noted = {name for name, door in doors.COMMANDS.items() if isinstance(door, Looked)}
    assert noted == OPENING.keys()


@pytest.mark.parametrize("argv", [one for each in OPENING.values() for one in each], ids=" ".join)
def test_whoever_looks_is_noted(
    data: Path, argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*argv, "--data", str(data)]) == 0, capsys.readouterr().err
    wanted = doors.COMMANDS[argv[0]]
    assert wanted in [one.looked for one in looks(data)]


@pytest.mark.parametrize("argv", [one for each in OPENING.values() for one in each], ids=" ".join)
def test_what_cannot_be_noted_is_not_shown(
    data: Path,
    argv: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The rules refuse the row: whoever looks has no name."""
    monkeypatch.setattr("getpass.getuser", lambda: "")
    assert cli.main([*argv, "--data", str(data)]) == 1
    out, err = capsys.readouterr()
    assert (out, "who looks is named" in err) == ("", True)
