"""A full disk: the action is refused, what is stored stays readable, then it goes on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from runtime.engines import sqlite
from runtime.errors import StoreFull
from runtime.store import Store
from tests.runtime.bank import Account, opened

pytestmark = pytest.mark.anyio


async def test_a_full_disk_refuses_and_keeps_what_is_stored(
    tmp_path: Path,
    clock: Callable[[], int],
    entropy: Callable[[int], bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held: list[apsw.Connection] = []

    def small(path: Path, **options: Any) -> apsw.Connection:
        held.append(open_writer(path, **options))
        return held[0]

    open_writer = sqlite.open_writer
    monkeypatch.setattr(sqlite, "open_writer", small)
    store = await Store.open(tmp_path / "s.db", clock, entropy)
    await store.act(opened, sender="ann", account="a", cents=1)
    held[0].authorizer = None  # The test may set what the store may not.
    (pages,) = held[0].execute("PRAGMA page_count").fetchone() or (0,)
    held[0].execute(f"PRAGMA max_page_count={pages}")

    refused = 0
    for n in range(200):
        try:
            await store.act(opened, sender="ann", account=f"b{n}" * 50, cents=n)
        except StoreFull:
            refused += 1
    assert refused
    assert Account(id="a", cents=1) in await store.reader.rows(Account)

    held[0].execute("PRAGMA max_page_count=100000")
    assert await store.act(opened, sender="ann", account="c", cents=7) == 7
    (size,) = (await store.reader.sql("SELECT count(*) FROM log"))[0]
    assert size == (await store.reader.sql("SELECT max(seq) FROM log"))[0][0]
    await store.close()
