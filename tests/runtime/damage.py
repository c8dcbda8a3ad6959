"""A store that was written whole, and ways to damage it behind its back."""

import itertools
import shutil
from pathlib import Path
from typing import Any

import apsw
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from runtime.opening import Depth
from runtime.writer import Writer, action_of
from tests.runtime.bank import opened

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ORIGIN = "log.example/parley"


def writer(path: Path, depth: Depth = Depth.ALL) -> Writer:
    ticks, draws = itertools.count(1_700_000_000_000_000), itertools.count(1)
    return Writer(path, lambda: next(ticks), lambda size: next(draws).to_bytes(size, "big"), depth)


def act(store: Writer, first: int, count: int) -> None:
    """Commit so many actions, each in a transaction of its own."""
    for n in range(first, first + count):
        args = {"account": f"a{n}", "cents": n}
        store.commit([action_of(opened, args, sender="ann", scope="s", request=f"r{n}")])


def at_rest(path: Path, entries: int = 40, signed: int = 25) -> None:
    """A closed store: one file, and its witness."""
    store = writer(path)
    act(store, 1, signed)
    store.checkpoint(ORIGIN, KEY)
    act(store, signed + 1, entries - signed)
    store.close()


def killed(path: Path, entries: int = 12) -> None:
    """A store whose process was killed: all its entries are in the write-ahead log alone."""
    lost = path.parent / "lost"
    lost.mkdir()
    store = writer(lost / path.name)
    act(store, 1, entries)
    for file in lost.glob(f"{path.name}*"):
        if not file.name.endswith("-shm"):
            shutil.copy(file, path.parent / file.name)
    store.close()
    shutil.rmtree(lost)


def sql(path: Path, statement: str, *values: Any) -> None:
    """Change the file as no writer would."""
    connection = apsw.Connection(str(path))
    connection.execute(statement, values)
    connection.close()


def flip(path: Path, at: int, mask: int = 1) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ mask]))
