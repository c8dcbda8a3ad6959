"""The HTTP routes over a real store."""

import pytest
from httpx2 import ASGITransport, AsyncClient, Response

from runtime.sealed import Sealed
from runtime.store import Store
from sessions.reducers import call_offered
from web.app import MEDIA_COUNTERS, Desk, application

pytestmark = pytest.mark.anyio

WHO: Sealed[str] = Sealed("key_c", b"box", b"commitment")


async def get(store: Store, path: str, *, media: bool = True, draining: bool = False) -> Response:
    desk = Desk(store, lambda: media, lambda: 0, bytes, bytes(32), is_draining=lambda: draining)
    app = application(desk)
    async with AsyncClient(transport=ASGITransport(app), base_url="http://parley") as client:
        return await client.get(path)


async def offer(store: Store) -> None:
    await store.act(
        call_offered,
        sender="node",
        scope="c1",
        call="c1",
        line="sip",
        remote=WHO,
        local=WHO,
        agent="x:Y",
        words_key="key_w",
    )


async def test_it_says_that_it_is_alive_and_ready(store: Store) -> None:
    assert (await get(store, "/healthz")).status_code == 200
    assert (await get(store, "/readyz")).json() == {"store": True, "sip": True, "media": True}


async def test_it_is_not_ready_without_its_media_process(store: Store) -> None:
    assert (await get(store, "/readyz", media=False)).status_code == 503


async def test_it_is_not_ready_while_it_drains(store: Store) -> None:
    assert (await get(store, "/readyz", draining=True)).status_code == 503
    assert (await get(store, "/healthz", draining=True)).status_code == 200


async def test_calls_are_listed_and_counted(store: Store) -> None:
    await offer(store)

    assert [call["id"] for call in (await get(store, "/v1/calls")).json()] == ["c1"]
    assert (await get(store, "/v1/calls/c1")).json()["state"] == "offered"
    assert 'parley_calls{state="offered"} 1' in (await get(store, "/metrics")).text


async def test_how_punctual_the_media_processes_are_is_told(store: Store) -> None:
    counts = dict.fromkeys(MEDIA_COUNTERS, 7)
    stats = {1: {**counts, "kept": 5, "tick_us": {"p50": 900, "p99": 4_000, "max": 9_000}}}
    app = application(Desk(store, lambda: True, lambda: 0, bytes, bytes(32), stats))
    async with AsyncClient(transport=ASGITransport(app), base_url="http://parley") as client:
        told = (await client.get("/metrics")).text

    assert 'parley_media_missed_ticks{process="1"} 7' in told
    assert 'parley_media_tick_microseconds{process="1",part="p99"} 4000' in told
    assert 'parley_media_unacknowledged{process="1"} 5' in told


async def test_who_called_is_not_told(store: Store) -> None:
    await offer(store)

    for path in ("/v1/calls", "/v1/calls/c1", "/metrics"):
        shown = (await get(store, path)).text
        assert not any(word in shown for word in ("remote", "local", "key_", "box", "caller"))


async def test_a_call_that_is_not_there_is_not_found(store: Store) -> None:
    assert (await get(store, "/v1/calls/nobody")).status_code == 404
