"""The operator's socket, and the same operations without a server."""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from parley import control, operating
from parley.commands import No, NotLikeThis
from parley.commands.place import Place
from parley.config import Config
from parley.keeper.directory import Directory
from runtime.identities.tables import Identity
from runtime.replay import entries
from runtime.store import Store
from tests.runtime.identities.people import Person

pytestmark = pytest.mark.anyio

ANN = Person(1)
NEW: dict[str, Any] = {
    "op": "identity.new",
    "name": "Ann",
    "kind": "person",
    "roles": ["operator"],
    "key": ANN.public,
}
SECONDS_MAX = 10.0


@pytest.fixture
async def data(store: Store, tmp_path: Path) -> AsyncIterator[Path]:
    """A directory with a server's socket in it."""
    # As long as people's directories are, and longer than the address of a socket may be.
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    serving = await started(folder, store)
    yield folder
    await ended(serving)


async def started(folder: Path, store: Store) -> "asyncio.Task[None]":
    serving = asyncio.create_task(control.serve(folder, store))
    # Bound in its first step: the task needs one turn of the loop.
    await asyncio.sleep(0)
    return serving


async def ended(serving: "asyncio.Task[None]") -> None:
    serving.cancel()
    with suppress(asyncio.CancelledError):
        await serving


async def ask(folder: Path, asked: dict[str, Any]) -> dict[str, Any]:
    return await asyncio.to_thread(control.ask, folder, asked, SECONDS_MAX)


def say(folder: Path, *lines: bytes) -> list[Any]:
    """What a client that writes these bytes is told, a line at a time."""
    handle = os.open(folder, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(SECONDS_MAX)
        line.connect(f"/proc/self/fd/{handle}/{control.NAME}")
        os.close(handle)
        line.sendall(b"".join(lines))
        with line.makefile("rb") as answers:
            return [json.loads(answers.readline()) for _ in lines]


async def test_an_operator_makes_and_changes_identities(data: Path, store: Store) -> None:
    assert await ask(data, NEW) == {"ok": {"id": ANN.id, "state": "active"}}
    assert await ask(data, {"op": "identity.suspend", "id": ANN.id, "why": "away"}) == {
        "ok": {"id": ANN.id}
    }
    (row,) = await store.reader.rows(Identity)
    assert (row.state, row.why, row.roles) == ("suspended", "away", ("operator",))
    told = await ask(data, {"op": "identity.suspend", "id": ANN.id})
    assert told["error"] == "refused"
    assert "can be resumed, revoked" in told["why"]


async def test_an_operation_with_a_name_is_done_once(data: Path, tmp_path: Path) -> None:
    first = await ask(data, {**NEW, "request": "r1"})
    assert await ask(data, {**NEW, "request": "r1"}) == first
    assert len([*entries(tmp_path / "parley.db")]) == 2


async def test_only_its_owner_may_open_the_socket(data: Path) -> None:
    assert (data / control.NAME).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"\n", "bad_request"),
        (b"{\n", "bad_request"),
        (b"\xff\n", "bad_request"),
        (b"[]\n", "bad_request"),
        (b"1.5\n", "bad_request"),
        (b"[" * 50_000 + b"\n", "bad_request"),
        (b"{}\n", "bad_args"),
        (b'{"op": "identity.eat"}\n', "bad_args"),
        (b'{"op": "identity.resume"}\n', "bad_args"),
        (b'{"op": "identity.resume", "id": 5}\n', "bad_args"),
        (b'{"op": "identity.resume", "id": "id_x", "request": 5}\n', "bad_args"),
        (b'{"op": "identity.new", "name": "x", "kind": "person", "key": "abc"}\n', "bad_args"),
        (b'{"op": "identity.resume", "id": "id_x"}\n', "refused"),
    ],
    ids=lambda value: str(value)[:50],
)
async def test_a_line_that_is_no_operation_is_answered_and_the_next_one_served(
    data: Path, line: bytes, error: str
) -> None:
    first, after = await asyncio.to_thread(say, data, line, b'{"op": "?"}\n')
    assert first["error"] == error
    assert "identity.new" in after["why"]


async def test_a_line_beyond_the_limit_is_said_to_be_too_large(data: Path) -> None:
    (told,) = await asyncio.to_thread(say, data, b"x" * (control.LINE_BYTES_MAX + 1))
    assert told["error"] == "too_large"


async def test_a_socket_that_a_dead_node_left_is_replaced(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        monkeypatch.chdir(tmp_path)
        left.bind(control.NAME)
    serving = await started(tmp_path, store)
    assert "ok" in await ask(tmp_path, NEW)
    await ended(serving)
    assert not (tmp_path / control.NAME).exists()


async def test_a_node_that_goes_leaves_its_successors_socket_alone(
    store: Store, tmp_path: Path
) -> None:
    first = await started(tmp_path, store)
    second = await started(tmp_path, store)
    await ended(first)
    assert "ok" in await ask(tmp_path, NEW)
    await ended(second)


def test_without_a_server_a_command_does_it_itself(tmp_path: Path) -> None:
    here = Place(Config().in_directory(tmp_path), tmp_path)
    asked = {name: value for name, value in NEW.items() if name != "op"}
    assert operating.perform(here, "identity.new", **asked)["id"] == ANN.id
    with pytest.raises(No, match="exists"):
        operating.perform(here, "identity.new", **asked)
    with pytest.raises(NotLikeThis, match="'key' is missing"):
        operating.perform(here, "identity.new", **{**asked, "key": None})
    operating.perform(here, "identity.revoke", id=ANN.id, why="left")
    assert [entry.actor for entry in entries(here.database)] == ["operator"] * 3


def test_a_server_that_holds_the_directory_and_is_silent_is_said_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operating, "WAIT_SECONDS_MAX", 0.0)
    here = Place(Config().in_directory(tmp_path), tmp_path)
    held = Directory(tmp_path)
    with pytest.raises(No, match="does not answer"):
        operating.perform(here, "identity.resume", id=ANN.id)
    held.close()
