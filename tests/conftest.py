"""A store in a temporary directory, with a clock and chance that the test owns."""

import itertools
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from runtime import writer
from runtime.store import Store
from tests.twice import execute_twice


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a reducer does, it does again when it is asked again: in all tests, all actions."""
    monkeypatch.setattr(writer, "execute", execute_twice)


@pytest.fixture
def clock() -> Callable[[], int]:
    """Each look at it is a millisecond later."""
    ticks = itertools.count(1_700_000_000_000_000, 1_000)
    return lambda: next(ticks)


@pytest.fixture
def entropy() -> Callable[[int], bytes]:
    """Never the same bytes twice, always the same sequence."""
    draws = itertools.count(1)
    return lambda size: next(draws).to_bytes(size, "big")


@pytest.fixture
async def store(
    tmp_path: Path, clock: Callable[[], int], entropy: Callable[[int], bytes]
) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path / "parley.db", clock, entropy)
    yield opened
    await opened.close()
