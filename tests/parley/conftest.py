"""What the tests of the front door share."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
