"""What is proposed wrongly to a server leaves no proposal."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from consent.policy.shipped import law
from consent.policy.tables import PolicyProposal, PolicyText
from parley import operations
from runtime.store import Store

pytestmark = pytest.mark.anyio

NOW_US = 1_795_000_000_000_000
ASKED = {
    "op": "policy.propose",
    "request": "1",
    "tenant": "",
    "text": "# nothing more\n",
    "law": law().version,
    "from_us": None,
    "why": "promised",
    "identity": "id_0123456789abcdef0123",
    "key": b"k" * 32,
    "signed_request": "r",
    "signature": "c2ln",
}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path / "parley.db", lambda: NOW_US, secrets.token_bytes)
    yield opened
    await opened.close()


@pytest.mark.parametrize(
    ("changed", "error", "why"),
    [
        ({"text": "due = ["}, "bad_args", "is not TOML"),
        ({"text": None}, "bad_args", "'text' is missing"),
        ({"from_us": "soon"}, "bad_args", "whole number"),
        ({"key": "k"}, "bad_args", "base64"),
        ({"law": "0" * 64}, "refused", "the server goes by the law"),
        ({}, "not_allowed", "is not known|unknown|no identity"),
    ],
)
async def test_nothing_comes_of_it(
    store: Store, changed: dict[str, Any], error: str, why: str
) -> None:
    told = await operations.answer(store, {**ASKED, **changed})
    assert told["error"] == error, told
    assert any(part in told["why"] for part in why.split("|")), told
    assert await store.reader.rows(PolicyProposal) == []
    assert all(row.id == law().version for row in await store.reader.rows(PolicyText))
