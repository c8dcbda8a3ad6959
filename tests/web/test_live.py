"""WS /v1/live, with a real server on a loopback socket and a real client."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from runtime.identities.reducers import (
    LOGIN_US,
    identity_revoked,
    identity_suspended,
    login_ended,
)
from runtime.store import Store
from tests.runtime.identities.people import Note, Person
from tests.web.door import Door, Session
from web.app import server
from web.asking import BODY_BYTES_MAX
from web.live import WAITING_MAX

pytestmark = pytest.mark.anyio


class Live(Door):
    """The door on a port of its own."""

    port = 0

    async def connected(self) -> ClientConnection:
        return await connect(f"ws://127.0.0.1:{self.port}/v1/live", proxy=None)

    async def entered(self, session: Session) -> ClientConnection:
        client = await self.connected()
        await enter(client, session)
        assert await told(client) == {"ready": session.who.id}
        return client


@pytest.fixture
async def door(store: Store) -> AsyncIterator[Live]:
    door = Live(store)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen()
        door.port = bound.getsockname()[1]
        running = server(door.desk)
        serving = asyncio.create_task(running.serve(sockets=[bound]))
        yield door
        running.should_exit = True
        await serving


@pytest.fixture
async def session(door: Live) -> Session:
    return await door.log_in(await Person(1, "supervisor").register(door.store))


async def told(client: ClientConnection) -> Any:
    return json.loads(await client.recv())


async def enter(client: ClientConnection, session: Session) -> None:
    challenge = (await told(client))["challenge"]
    mac = session.mac("live", challenge, {})
    await client.send(json.dumps({"login": session.login, "mac": mac}))


async def ask(
    client: ClientConnection, request: Any, act: str = "tests.noted", **more: Any
) -> None:
    await client.send(json.dumps({"act": act, "request": request, **more}))


async def closed(client: ClientConnection) -> tuple[int, str]:
    """The code and the reason; what was still told before is not looked at."""
    try:
        while True:
            await client.recv()
    except ConnectionClosed as end:
        assert end.rcvd is not None
        return end.rcvd.code, end.rcvd.reason


async def test_actions_are_answered_in_the_order_they_were_asked(
    door: Live, session: Session
) -> None:
    async with await door.entered(session) as client:
        names = [f"k{n}" for n in range(3 * WAITING_MAX)]
        for n, name in enumerate(names):
            # Every third is refused before the store sees it: its answer waits its turn.
            await ask(client, name, args={"text": 1 if n % 3 == 0 else name})
        answers = [await told(client) for _ in names]

    assert [answer["request"] for answer in answers] == names
    assert [answer.get("error") for answer in answers[:3]] == ["bad_args", None, None]
    assert len(await door.store.reader.rows(Note)) == 2 * WAITING_MAX
    seqs = [answer["seq"] for answer in answers if "seq" in answer]
    assert seqs == sorted(seqs)


async def test_a_retry_on_another_session_gets_the_stored_answer(
    door: Live, session: Session
) -> None:
    async with await door.entered(session) as client:
        await ask(client, "k1", args={"text": "x"})
        first = await told(client)
    async with await door.entered(session) as client:
        await ask(client, "k1", args={"text": "x"})
        assert await told(client) == first
    assert (await session.act("tests.noted", text="x")).json()["seq"] == first["seq"]


async def test_a_signed_action_is_taken_in_a_session(door: Live, session: Session) -> None:
    args = {"call": "c1", "cents": 5}
    signature = session.who.sign("tests.approved", f"{session.who.id}/k2", args)
    async with await door.entered(session) as client:
        await ask(client, "k1", "tests.approved", args=args)
        assert (await told(client))["error"] == "not_allowed"
        await ask(client, "k2", "tests.approved", args=args, signature=signature)
        assert "seq" in await told(client)
        await ask(client, "k3", "tests.approved", args=args, signature=signature)
        assert (await told(client))["error"] == "not_authenticated"


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ("{", "bad_request"),
        ("[]", "bad_request"),
        ("{}", "bad_request"),
        ('{"act": "tests.noted"}', "bad_request"),
        ('{"act": "tests.noted", "request": 5}', "bad_request"),
        ('{"act": "tests.noted", "request": "k", "args": []}', "bad_request"),
        ('{"act": "tests.noted", "request": "k", "sender": "node"}', "bad_request"),
        ('{"act": "tests.noted", "request": "k", "args": {"text": "\\ud800"}}', "bad_request"),
        ('{"act": "tests.noted", "request": "k", "signature": 1}', "bad_request"),
        ('{"act": "tests.nothing", "request": "k"}', "unknown_reducer"),
        ('{"subscribe": "call", "request": "k"}', "bad_request"),
    ],
)
async def test_a_message_that_is_no_action_is_answered_and_the_session_goes_on(
    door: Live, session: Session, message: str, error: str
) -> None:
    async with await door.entered(session) as client:
        await client.send(message)
        assert (await told(client))["error"] == error
        await ask(client, "k1", args={"text": "x"})
        assert (await told(client))["request"] == "k1"


@pytest.mark.parametrize("change", [identity_suspended, identity_revoked])
async def test_a_session_ends_with_its_identity(door: Live, session: Session, change: Any) -> None:
    async with await door.entered(session) as client:
        await door.store.act(change, sender="operator", identity=session.who.id, why="left")
        code, reason = await closed(client)
    assert code == 4403
    assert reason.startswith("the login has ended: the identity was ")
    async with await door.connected() as client:
        await enter(client, session)
        assert (await closed(client))[0] == 4403


async def test_a_session_ends_with_its_login(door: Live, session: Session) -> None:
    async with await door.entered(session) as client:
        await door.store.act(login_ended, sender="node", login=session.login)
        assert await closed(client) == (4403, "the login has ended: logged out")
    async with await door.connected() as client:
        await enter(client, session)
        code, reason = await closed(client)
        assert (code, "log in again" in reason) == (4401, True)


async def test_a_session_ends_when_its_login_expires(door: Live, session: Session) -> None:
    (row,) = await door.store.reader.sql("SELECT expires_us FROM login")
    door.now = row[0] - 1
    async with await door.entered(session) as client:
        assert await closed(client) == (4403, "the login has expired: log in again")
    assert door.now < row[0] <= door.now + LOGIN_US


async def test_another_session_goes_on(door: Live, session: Session) -> None:
    other = await door.log_in(await Person(2).register(door.store))
    async with await door.entered(session), await door.entered(other) as client:
        await door.store.act(identity_revoked, sender="operator", identity=session.who.id)
        await ask(client, "k1", args={"text": "x"})
        assert "seq" in await told(client)


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ("{", 4400),
        ("{}", 4400),
        (b"\x00", 4400),
        ('{"login": "login_x", "mac": ""}', 4401),
    ],
)
async def test_who_does_not_say_who_it_is_is_shown_out(
    door: Live, first: str | bytes, code: int
) -> None:
    async with await door.connected() as client:
        await client.send(first)
        assert (await closed(client))[0] == code


async def test_an_entrance_is_good_for_one_session(door: Live, session: Session) -> None:
    async with await door.connected() as one, await door.connected() as other:
        challenge = (await told(one))["challenge"]
        mac = session.mac("live", challenge, {})
        await other.send(json.dumps({"login": session.login, "mac": mac}))
        assert (await closed(other))[0] == 4401


async def test_a_message_beyond_the_limit_ends_the_session(door: Live, session: Session) -> None:
    async with await door.entered(session) as client:
        await ask(client, "k1", args={"text": "x" * BODY_BYTES_MAX})
        assert (await closed(client))[0] == 1009
