"""Deploys: live at once or not at all, by version, with nothing lost on the way."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from runtime import replay
from runtime.context import Context
from runtime.errors import Paused, Refused, StoreBroken
from runtime.fresh import replay_elsewhere
from runtime.migration import NotAdditive
from runtime.modules import deploying, registry
from runtime.modules.deploying import Deployed
from runtime.modules.loading import NotAModule
from runtime.modules.reducers import module_rolled_back, paused, pin, resumed
from runtime.modules.tables import ModuleVersion, Pin, Release
from runtime.reducers import reducer
from runtime.store import Store
from tests.runtime.bank import opened
from tests.runtime.modules import booking

pytestmark = pytest.mark.anyio

Files = dict[str, str]


@reducer
def call_began(ctx: Context, call: str) -> str:
    """A call that is served by the module."""
    return pin(ctx, "booking", call)


class House:
    """A store and how to deploy to it."""

    def __init__(self, store: Store, path: Path) -> None:
        self.store = store
        self.path = path

    async def deploy(self, files: Files, percent: int = 100, **more: Any) -> Deployed:
        return await deploying.deploy(
            self.store, "booking", files, permille=percent * 10, by="ops", **more
        )

    async def take(self, slot: str, scope: str | None = None, name: str = "Ann") -> Any:
        return await self.store.act(
            "booking.slot_taken", sender="node", scope=scope, slot=slot, name=name
        )

    async def slots(self) -> list[tuple[Any, ...]]:
        return await self.store.reader.sql("SELECT * FROM booking_slot ORDER BY id")

    async def release(self) -> Release:
        (row,) = await self.store.reader.rows(Release)
        return row

    def audit(self) -> tuple[Any, ...]:
        found = replay.replay(self.path)
        return (*found.differences, *found.damaged)


@pytest.fixture
async def house(
    tmp_path: Path, clock: Callable[[], int], entropy: Callable[[int], bytes]
) -> AsyncIterator[House]:
    path = tmp_path / "s.db"
    store = await Store.open(path, clock, entropy)
    yield House(store, path)
    await store.close()


async def test_a_module_acts_once_it_is_deployed(house: House) -> None:
    with pytest.raises(Refused, match="there is no module booking"):
        await house.take("9:00")

    first = await house.deploy(booking.FIRST)

    assert await house.take("9:00") == "Ann"
    assert await house.slots() == [("9:00", "Ann")]
    assert (await house.release()).stable == first.version
    assert house.audit() == ()


async def test_a_fresh_process_replays_what_a_module_did(house: House) -> None:
    await house.deploy(booking.FIRST)
    await house.take("9:00")

    audit = replay_elsewhere(house.path, "parley.history")

    assert (audit.identical, audit.replayed) == (True, 2)


async def test_a_module_that_can_not_be_read_in_a_replay_is_named(house: House) -> None:
    await house.deploy(booking.FIRST)
    with closing(apsw.Connection(str(house.path))) as connection:
        forged = "replace(CAST(entry AS TEXT), 'def slot_taken', 'def slot taken')"
        connection.execute(f"UPDATE log SET entry = CAST({forged} AS BLOB)")

    audit = replay_elsewhere(house.path, "parley.history")

    told = [(one.seq, one.what) for one in audit.differences]
    assert any(seq == 1 and "the module that it deployed can not be used" in w for seq, w in told)


async def test_what_was_deployed_is_there_in_the_next_process(
    house: House, clock: Callable[[], int], entropy: Callable[[int], bytes]
) -> None:
    await house.deploy(booking.FIRST)
    await house.take("9:00")
    await house.store.close()
    registry.forget()

    house.store = await Store.open(house.path, clock, entropy)
    await house.take("10:00")

    assert await house.slots() == [("10:00", "Ann"), ("9:00", "Ann")]
    assert house.audit() == ()


async def test_a_column_is_added_in_the_commit_that_takes_the_version_live(house: House) -> None:
    await house.deploy(booking.FIRST)
    await house.take("9:00")
    longer = await house.deploy(booking.LONGER)
    await house.store.act("booking.seats_changed", sender="node", slot="9:00", seats=4)
    await house.store.act(module_rolled_back, sender="ops", name="booking")
    await house.take("10:00")

    assert longer.rehearsal.acted == 1
    assert await house.slots() == [("10:00", "Ann", 1), ("9:00", "Ann", 4)]
    assert house.audit() == ()


async def test_code_that_would_have_done_otherwise_stays_out_unless_that_is_its_purpose(
    house: House,
) -> None:
    await house.deploy(booking.FIRST)
    await house.take("9:00")

    with pytest.raises(Refused, match=r"in 1 of 1 past actions.*entry 2, booking.slot_taken"):
        await house.deploy(booking.GREETING)
    assert len(await house.store.reader.rows(ModuleVersion)) == 1

    await house.deploy(booking.GREETING, accept_differences=True)
    assert await house.take("10:00") == "Dear Ann"
    assert house.audit() == ()


@pytest.mark.parametrize(
    ("files", "error", "complaint"),
    [
        (booking.FAILING, Refused, "not today"),
        (booking.REWRITING, Refused, "append-only"),
        (booking.SHORTER, NotAdditive, "booking_slot.name is stored but no longer declared"),
        (booking.CLOCK, NotAModule, "time"),
        ({"__init__.py": "1 /"}, NotAModule, "SyntaxError"),
        ({"__init__.py": "import nothing_such"}, NotAModule, "nothing_such"),
        ({"a.py": ""}, NotAModule, "__init__.py"),
        ({"__init__.py": "", "../x.py": ""}, NotAModule, "can not be a file"),
        ({"__init__.py": "#" * 600_000}, NotAModule, "at most 512 KiB"),
    ],
)
async def test_what_fails_leaves_the_version_before_as_it_was(
    house: House, files: Files, error: type[Exception], complaint: str
) -> None:
    first = await house.deploy(booking.FIRST)
    await house.take("9:00")

    with pytest.raises(error, match=complaint):
        await house.deploy(files, accept_differences=True)

    assert (await house.release()).stable == first.version
    assert await house.take("10:00") == "Ann"
    assert await house.store.reader.sql("SELECT max(seq), count(*) FROM log") == [(3, 3)]
    assert house.audit() == ()


async def test_a_version_initialises_itself_in_the_same_commit(house: House) -> None:
    seeded = await house.deploy(booking.SEEDED)

    assert await house.slots() == [("first", seeded.version)]
    assert house.audit() == ()


async def test_some_of_the_new_calls_get_the_candidate_and_keep_it(house: House) -> None:
    first = await house.deploy(booking.FIRST)
    second = await house.deploy(booking.LONGER, percent=30)
    calls = [f"call_{n}" for n in range(200)]
    for call in calls:
        await house.store.act(call_began, sender="node", scope=call, call=call)
    pins = {pin.scope: pin.version for pin in await house.store.reader.rows(Pin)}
    new = [call for call in calls if pins[call] == second.version]
    old = next(call for call in calls if pins[call] == first.version)

    assert 40 <= len(new) <= 80
    await house.deploy(booking.LONGER)
    for call in (new[0], old):
        await house.take(call, scope=call)
    await house.store.act("booking.seats_changed", sender="node", scope=new[0], slot=old, seats=2)
    with pytest.raises(Refused, match=rf"{first.version} has no reducer"):
        await house.store.act("booking.seats_changed", sender="node", scope=old, slot=old, seats=2)
    assert house.audit() == ()


async def test_rolling_back_goes_one_version_at_a_time_and_says_when_there_is_none(
    house: House,
) -> None:
    first = await house.deploy(booking.FIRST)
    second = await house.deploy(booking.LONGER)
    await house.deploy(booking.LATER, percent=10)

    backs = [
        await house.store.act(module_rolled_back, sender="ops", name="booking") for _ in range(2)
    ]

    assert backs == [second.version, first.version]
    with pytest.raises(Refused, match="no version of booking to roll back to"):
        await house.store.act(module_rolled_back, sender="ops", name="booking")


@pytest.mark.parametrize("what", ["booking", "call_1"])
async def test_what_is_paused_refuses_and_keeps_its_state(house: House, what: str) -> None:
    await house.deploy(booking.FIRST)
    await house.take("9:00", scope="call_1")
    await house.store.act(paused, sender="ops", what=what, why="a bug")

    with pytest.raises(Paused, match=f"{what} is paused, its state is kept") as refused:
        await house.take("10:00", scope="call_1")
    assert refused.value.retry_after_ms > 0
    await house.store.act(opened, sender="node", scope="call_2", account="a", cents=1)
    assert await house.slots() == [("9:00", "Ann")]

    await house.store.act(resumed, sender="ops", what=what)
    await house.take("10:00", scope="call_1")
    assert house.audit() == ()


async def test_a_pause_holds_for_the_next_process_too(
    house: House, clock: Callable[[], int], entropy: Callable[[int], bytes]
) -> None:
    await house.deploy(booking.FIRST)
    await house.store.act(paused, sender="ops", what="booking", why="a bug")
    await house.store.close()
    house.store = await Store.open(house.path, clock, entropy)

    with pytest.raises(Paused):
        await house.take("10:00")


async def test_the_runtime_itself_is_never_paused(house: House) -> None:
    with pytest.raises(Refused, match="can not be paused"):
        await house.store.act(paused, sender="ops", what="runtime", why="a bug")

    await house.deploy(booking.FIRST)
    assert await house.take("9:00") == "Ann"


async def test_a_deploy_by_a_replaced_process_ends_it_and_hinders_nobody(
    house: House, clock: Callable[[], int], entropy: Callable[[int], bytes]
) -> None:
    await house.deploy(booking.FIRST)
    successor = await Store.open(house.path, clock, entropy)
    await successor.act(opened, sender="node", account="a", cents=1)

    with pytest.raises(StoreBroken, match="taken over"):
        await house.deploy(booking.LONGER)

    assert house.store.broken.done()
    await successor.act(opened, sender="node", account="b", cents=1)
    await successor.close()


async def test_a_pause_that_was_rolled_back_pauses_nothing(house: House) -> None:
    await house.deploy(booking.FIRST)
    with pytest.raises(Refused, match="there is no pause"):
        await house.store.act(resumed, sender="ops", what="booking")

    assert await house.take("9:00") == "Ann"


async def test_actions_go_on_through_a_deploy_with_no_gap_in_the_log(house: House) -> None:
    await house.deploy(booking.FIRST)
    stop = asyncio.Event()
    taken: list[str] = []

    async def client(n: int) -> None:
        while not stop.is_set():
            slot = f"{n}/{len(taken)}"
            taken.append(slot)
            await house.take(slot)

    clients = [asyncio.create_task(client(n)) for n in range(8)]
    for files in (booking.LONGER, booking.LATER):
        await house.deploy(files)
    stop.set()
    await asyncio.gather(*clients)

    assert len(await house.slots()) == len(taken)
    (gaps,) = await house.store.reader.sql("SELECT max(seq) - count(*) FROM log")
    assert gaps == (0,)
    assert house.audit() == ()
