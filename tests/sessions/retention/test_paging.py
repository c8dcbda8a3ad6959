"""Claims about looking for what has expired: by index, in pages, and the same that was found."""

from pathlib import Path

import pytest

from parley.retaining import policies_of
from recordings.retention.precedence import DAY_US
from runtime.store import Store
from sessions.retention.paging import pages
from tests.parley.a_call import BEGIN_US, agreed
from tests.sessions.retention.desk import desk

pytestmark = pytest.mark.anyio

RULE = """edition = "2026-12-01"
[[rule]]
class = "gdpr"
artefacts = ["audio"]
maximum = "30d"
source = "our board"
"""


class Counting:
    """A reader that counts the rows of each answer."""

    def __init__(self, store: Store) -> None:
        self.inner = store.reader
        self.most = 0
        self.statements: list[str] = []

    async def sql(self, statement: str, values: object = ()) -> list[tuple[object, ...]]:
        found = await self.inner.sql(statement, values)  # type: ignore[arg-type]
        self.most = max(self.most, len(found))
        self.statements.append(statement)
        return found

    async def rows(self, cls: object, **equals: object) -> list[object]:
        return await self.inner.rows(cls, **equals)  # type: ignore[arg-type]

    async def close(self) -> None:
        await self.inner.close()


async def test_pages_hold_all_of_it_and_no_more_than_they_may(tmp_path: Path) -> None:
    calls = [f"call_{n:02}" for n in range(7)]
    for n, call in enumerate(calls):
        await agreed(tmp_path, call, BEGIN_US + n * 3_600_000_000)
    await agreed(tmp_path, "call_young", BEGIN_US + 39 * DAY_US)
    (tmp_path / "retention.toml").write_text(RULE)
    async with desk(tmp_path, BEGIN_US + 40 * DAY_US) as here:
        reader = Counting(here.store)
        policies, now_us = policies_of(tmp_path), here.now_us[0]
        found = [
            (page, [call.id for call in shelf.expired(now_us, page)])
            async for shelf, page in pages(reader, policies, here.keys.key, now_us, 3)  # type: ignore[arg-type]
        ]
        assert [len(page) for page, _ in found] == [3, 3, 1]
        assert [call for _, due in found for call in due] == calls
        # The one that cannot be due was not even read; nothing was read whole.
        assert reader.most <= 6
        whole = await here.retaining.shell.shelf()
        assert [call.id for call in whole.expired(now_us)] == calls
        asked = (await here.ask("retention.run"))["erasures"]
        assert [one["call"] for one in asked] == calls
        page = next(one for one in reader.statements if "LIMIT" in one)
        plan = await here.store.reader.sql(
            f"EXPLAIN QUERY PLAN {page}", ["sealed", now_us, 0, "", 3]
        )
        assert "call_by_state_ended_us" in str(plan) and "TEMP B-TREE" not in str(plan)
