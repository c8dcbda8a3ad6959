"""The operator's socket: DATA/control.sock, one JSON object per line, each answered by one.

Whoever may open the file (its owner) is the operator. {"op": name, ...} is answered {"ok":
result} or {"error": kind, "why": text}; see `operations.py`.
"""

import asyncio
import os
import socket
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from parley import operations
from runtime import canonical
from runtime.store import Store

NAME = "control.sock"
MODE = 0o600
LINE_BYTES_MAX = 1024 * 1024
"""A module's code fits."""
CONNECTIONS_MAX = 16
IDLE_SECONDS_MAX = 300.0
BACKLOG = 16


async def serve(
    data: Path, store: Store, doing: Mapping[str, operations.Operation] = operations.OPERATIONS
) -> None:
    """Answer operators until cancelled. A file that a dead node left is replaced."""
    with _bound(data) as bound:
        seats = asyncio.Semaphore(CONNECTIONS_MAX)

        async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                if seats.locked():
                    await _say(writer, _no("busy", "too many operators are here: try again"))
                else:
                    async with seats:
                        await _converse(store, doing, reader, writer)
            except ConnectionError:
                return  # Whoever asked has gone; what was asked stands.
            finally:
                writer.close()

        listening = await asyncio.start_unix_server(converse, sock=bound, limit=LINE_BYTES_MAX)
        try:
            await listening.serve_forever()
        finally:
            listening.close()


async def _converse(
    store: Store,
    doing: Mapping[str, operations.Operation],
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    with suppress(asyncio.IncompleteReadError, TimeoutError):
        while True:
            try:
                async with asyncio.timeout(IDLE_SECONDS_MAX):
                    line = await reader.readuntil(b"\n")
            except asyncio.LimitOverrunError:
                await _say(writer, _no("too_large", f"a line has at most {LINE_BYTES_MAX} bytes"))
                return
            await _say(writer, await _answer(store, doing, line))


async def _answer(
    store: Store, doing: Mapping[str, operations.Operation], line: bytes
) -> dict[str, Any]:
    try:
        asked = canonical.decode(line)
    except ValueError as error:
        return _no("bad_request", f"this is not JSON as we take it: {error}")
    if not isinstance(asked, dict):
        return _no("bad_request", 'send an object with "op": the name of an operation')
    return await operations.answer(store, cast("dict[str, Any]", asked), doing)


async def _say(writer: asyncio.StreamWriter, told: dict[str, Any]) -> None:
    writer.write(canonical.encode(told) + b"\n")
    await writer.drain()


def _no(kind: str, why: str) -> dict[str, Any]:
    return {"error": kind, "why": why}


@contextmanager
def _bound(data: Path) -> Generator[socket.socket]:
    """A listening socket under its name, which is taken away again unless a successor has it."""
    # A name of its own until only its owner can open it; then, in one step, the known name.
    draft = f".{NAME}.{os.getpid()}"
    with _directory(data) as (folder, handle), socket.socket(socket.AF_UNIX) as bound:
        with suppress(FileNotFoundError):
            os.unlink(draft, dir_fd=handle)
        bound.bind(f"{folder}/{draft}")
        os.chmod(draft, MODE, dir_fd=handle)
        bound.listen(BACKLOG)
        bound.setblocking(False)
        ours = os.stat(draft, dir_fd=handle).st_ino
        os.replace(draft, NAME, src_dir_fd=handle, dst_dir_fd=handle)
        try:
            yield bound
        finally:
            with suppress(FileNotFoundError):
                if os.stat(NAME, dir_fd=handle).st_ino == ours:
                    os.unlink(NAME, dir_fd=handle)


@contextmanager
def _directory(data: Path) -> Generator[tuple[str, int]]:
    """A short way to the directory: the address of a socket holds 107 bytes, a path may more."""
    handle = os.open(data, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{handle}", handle
    finally:
        os.close(handle)


def ask(data: Path, asked: dict[str, Any], seconds_max: float) -> dict[str, Any]:
    """The running server's answer. Raises OSError where none answers in time."""
    with _directory(data) as (folder, _), socket.socket(socket.AF_UNIX) as line:
        line.settimeout(seconds_max)
        line.connect(f"{folder}/{NAME}")
        line.sendall(canonical.encode(asked) + b"\n")
        with line.makefile("rb") as answers:
            answer = answers.readline()
    if not answer.endswith(b"\n"):
        raise ConnectionResetError("the server went away before it answered")
    return cast("dict[str, Any]", canonical.decode(answer))
