"""A consent is filed by an operator, for words that we say, and shown for what it is worth."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from consent.filed import ConsentOnFile, tag
from conversation.agent import Agent
from conversation.speech.client import SpeechClient
from media.pool import MediaPool
from parley import cli
from parley.commands.consent import on_file
from parley.filing import Filing
from parley.operations import OPERATIONS, answer
from runtime.engines import sqlite
from runtime.key_pool import KeyPool
from runtime.keystore import Keystore
from runtime.log_key import ORIGIN, load_or_create
from runtime.performer import Performer
from runtime.store import Store
from sessions import recovery
from sessions.house import House, Settings

pytestmark = pytest.mark.anyio

SECRET = b"s" * 32
NOW_US = 1_795_306_000_000_000
URI = "tel:+4930123456"
ASKED: dict[str, Any] = {
    "op": "consent.file",
    "request": "r1",
    "uri": URI,
    "scope": "recording",
    "language": "de",
    "wording": "",
    "source": "contract 4711",
    "days": 365,
}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    store = await Store.open(tmp_path / "parley.db", lambda: NOW_US, secrets.token_bytes)
    keystore = Keystore(tmp_path / "keys")
    pool = KeyPool(keystore, size=1)
    yield House(
        settings=Settings("ask", 0, ("PCMU",), "127.0.0.1", "x:Y", tmp_path / "r", ORIGIN),
        store=store,
        performer=Performer(store, lambda: NOW_US),
        keystore=keystore,
        keys=pool,
        log_key=load_or_create(tmp_path / "log.key"),
        media=MediaPool(),
        speech=SpeechClient(),
        new_agent=lambda app: Agent(),
        agent_for=lambda call: "x:Y",
        clock=lambda: NOW_US,
        entropy=secrets.token_bytes,
        note=lambda *args, **facts: None,
    )
    await pool.fill()
    await store.close()


async def ask(house: House, **changes: Any) -> dict[str, Any]:
    doing = {**OPERATIONS, **Filing(house, SECRET).operations}
    return await answer(house.store, {**ASKED, **changes}, doing)


async def test_it_is_filed_once_and_its_words_are_the_ones_we_ask_in(house: House) -> None:
    first, second = await ask(house), await ask(house)

    (row,) = await house.store.reader.rows(ConsentOnFile)
    assert first["ok"] == second["ok"] == {"consent": row.id, "wording": "recording-ask-de-1"}
    assert row.subject == tag(SECRET, "+4930123456")
    assert house.unseal(row.party) == URI


async def test_the_log_shows_nobodys_number(house: House) -> None:
    await ask(house)

    for (entry,) in await house.store.reader.sql("SELECT entry FROM log"):
        assert "4930123456" not in str(entry) and "4711" not in str(entry)


async def test_its_key_outlives_the_sweep_of_keys(house: House) -> None:
    await ask(house)
    await recovery.sweep(house)

    (row,) = await house.store.reader.rows(ConsentOnFile)
    assert house.unseal(row.source) == "contract 4711"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"uri": "mailto:bob@example.com"}, "write whom"),
        ({"language": "hr"}, "is not spoken here"),
        ({"scope": "biometrics"}, "nobody is asked about"),
        ({"wording": "recording-ask-en-1"}, "is not what we ask"),
        ({"source": ""}, "say where it is written"),
        ({"days": 0}, "whole number"),
    ],
)
async def test_what_is_no_consent_is_not_filed(
    house: House, changed: dict[str, Any], why: str
) -> None:
    told = await ask(house, **changed)

    assert told["error"] == "bad_args" and why in told["why"], told
    assert await house.store.reader.rows(ConsentOnFile) == []


async def test_it_is_revoked_once_and_listed_as_that(house: House, tmp_path: Path) -> None:
    filed = (await ask(house))["ok"]["consent"]
    revoke = {"op": "consent.revoke", "id": filed}

    assert "ok" in await answer(house.store, {**revoke, "request": "a"})
    again = await answer(house.store, {**revoke, "request": "b"})
    unknown = await answer(house.store, {**revoke, "request": "c", "id": "consent_0"})

    assert "already revoked" in again["why"] and "parley consent list" in unknown["why"]
    rows = sqlite.open_reader(tmp_path / "parley.db")
    (listed,) = on_file(rows, house.keystore.key, NOW_US)
    rows.close()
    assert (listed["state"], listed["party"], listed["scope"]) == ("revoked", URI, "recording")


async def test_without_a_server_nobody_makes_a_key(store: Store) -> None:
    told = await answer(store, ASKED)

    assert told["error"] == "refused" and "parley serve" in told["why"]


@pytest.mark.parametrize("verb", ["", "file", "list", "revoke"])
def test_the_command_says_how_it_is_used(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["consent", *([verb] if verb else []), "--help"]) == 0
    assert "parley consent " in capsys.readouterr().out


def test_without_a_store_the_list_says_where_to_look(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["consent", "list", "--data", str(tmp_path)]) == 2
    assert "there is no store" in capsys.readouterr().err
