"""Running servers for a module's tests, and telephones around them."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.interop.server import NO_QUESTION, Server
from tests.interop.telephones import Exchange

LONG = ("test_wire.py", "test_baresip_matrix.py", "test_wideband.py", "test_kamailio.py")
"""Files that take minutes: where files run side by side, the last one is not to be one of these."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ranks = {name: rank for rank, name in enumerate(LONG)}
    items.sort(key=lambda item: ranks.get(item.path.name, len(LONG)))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server(tmp_path_factory.mktemp("server"))
    yield started
    started.stop()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One whose agent keeps the line and does as keys say; nobody is asked anything."""
    started = Server(tmp_path_factory.mktemp("desk"), "tests.interop.hosts:Host", NO_QUESTION)
    yield started
    started.stop()


@pytest.fixture
async def exchange(desk: Server, tmp_path: Path) -> AsyncIterator[Exchange]:
    """The desk, or what a module has in its place, and who calls it."""
    made = Exchange(desk, tmp_path)
    yield made
    await made.close()
