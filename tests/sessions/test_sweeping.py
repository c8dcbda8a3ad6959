"""What a crash leaves of audio: rows decide what stays, and nothing goes that may become a row."""

import os
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from consent.machine import Event
from conversation.agent import Agent
from conversation.speech.client import SpeechClient
from media import segment
from media.appending import Appender
from media.pool import MediaPool
from media.segment import FRAME_BYTES, Frame
from recordings.reducers import chunk_sealed, recording_sealed
from recordings.segments import Range, read
from recordings.tables import Chunk, Recording, RecordingState
from runtime.key_pool import KeyPool
from runtime.keystore import Keystore
from runtime.log_key import ORIGIN, load_or_create
from runtime.performer import Performer
from runtime.store import Store
from sessions import recovery
from sessions.house import House, Settings
from sessions.import_reducers import call_imported
from sessions.imported_tables import ImportedCall
from sessions.joining_reducers import calls_joined
from sessions.live import LiveCall
from sessions.referring import Referring
from sessions.sealing import CHUNKS_AT_ONCE_MAX, Sealing
from sessions.turns import Turns
from tests.sessions.some_keys import SomeKeys
from tests.sessions.test_bridge_reducers import up
from tests.sessions.test_reducers import CALL, act, answer, answered, asked, chunk

pytestmark = pytest.mark.anyio

BOOT = "0123456789abcdef"
SIZE = 16_016


@pytest.fixture
def house(
    tmp_path: Path, store: Store, clock: Callable[[], int], entropy: Callable[[int], bytes]
) -> House:
    keystore = Keystore(tmp_path / "keys")
    return House(
        settings=Settings("ask", 0, ("PCMU",), "127.0.0.1", "x:Y", tmp_path / "recordings", ORIGIN),
        store=store,
        performer=Performer(store, clock),
        keystore=keystore,
        keys=KeyPool(keystore, size=1),
        log_key=load_or_create(tmp_path / "log.key"),
        media=MediaPool(),
        speech=SpeechClient(),
        new_agent=lambda app: Agent(),
        agent_for=lambda call: "x:Y",
        clock=clock,
        entropy=entropy,
        note=lambda *args, **facts: None,
    )


def append(appender: Appender, n: int) -> dict[str, Any]:
    """A chunk of the caller on disk, and the columns of its row that say where."""
    frame = Frame(CALL, "caller", "key_c", 1, n, 8_000, 8_000 * n, SIZE)
    data = segment.encode(frame) + bytes([n + 1]) * SIZE
    path, begin = appender.append(memoryview(data))
    return {"id": f"k{n}", "n": n, "path": path, "offset": begin + FRAME_BYTES}


def there(house: House, where: dict[str, Any]) -> bool:
    place = Range(where["path"], where["offset"], SIZE)
    return read(house.settings.recordings, place) is not None


def age(house: House) -> None:
    """As if all of it had been there for long."""
    for path in house.settings.recordings.iterdir():
        os.utime(path, (0, 0))


async def recorded(store: Store) -> None:
    await answered(store)
    await asked(store)
    await answer(store, Event.YES_KEY)


async def test_chunks_without_a_row_go_once_none_can_come(house: House) -> None:
    await recorded(house.store)
    appender = Appender(house.settings.recordings, BOOT)
    first, second, third = (append(appender, n) for n in range(3))
    appender.close()
    age(house)
    done: set[str] = set()
    await act(house.store, chunk_sealed, chunk=chunk(**first))

    await recovery.sweep_audio(house, done)
    assert all(there(house, each) for each in (first, second, third))
    assert done == set()

    # A row was on the way.
    await act(house.store, chunk_sealed, chunk=chunk(**third))
    await act(house.store, recording_sealed, call=CALL)
    await recovery.sweep_audio(house, done)
    assert [there(house, each) for each in (first, second, third)] == [True, False, True]
    assert done == {first["path"]}


async def test_a_row_may_still_come_while_a_recording_is_suspended(house: House) -> None:
    await recorded(house.store)
    appender = Appender(house.settings.recordings, BOOT)
    where = append(appender, 0)
    appender.close()
    age(house)
    await up(house.store, "b")
    await act(house.store, calls_joined, call=CALL, other="b")
    (recording,) = await house.store.reader.rows(Recording)
    assert recording.state is RecordingState.SUSPENDED
    await recovery.sweep_audio(house, set())
    assert there(house, where)


async def test_a_sweep_leaves_what_is_young_and_what_a_living_process_made(house: House) -> None:
    appender = Appender(house.settings.recordings, BOOT, bytes_max=1)
    chunks = [append(appender, n) for n in range(3)]
    age(house)
    await recovery.sweep_audio(house, set())
    assert all(there(house, each) for each in chunks)
    appender.close()
    later = house.settings.recordings / chunks[2]["path"]
    os.utime(later, ns=(0, house.clock() * 1_000))
    await recovery.sweep_audio(house, set())
    assert [there(house, each) for each in chunks] == [False, False, True]


async def test_files_of_old_times_without_a_row_go_too(house: House) -> None:
    await recorded(house.store)
    (house.settings.recordings / CALL).mkdir(parents=True)
    paths = [house.settings.recordings / CALL / f"caller-1-{n}.chunk" for n in range(2)]
    for path in paths:
        path.write_bytes(b"x")
        os.utime(path, (0, 0))
    await act(house.store, chunk_sealed, chunk=chunk(path=f"{CALL}/{paths[0].name}"))
    await recovery.sweep_audio(house, set())
    assert [path.exists() for path in paths] == [True, True]
    await act(house.store, recording_sealed, call=CALL)
    await recovery.sweep_audio(house, set())
    assert [path.exists() for path in paths] == [True, False]


def with_keys(house: House) -> House:
    """Whose rows name keys that nobody made."""
    return replace(house, keystore=SomeKeys(house.settings.recordings / "keys"))


def told(where: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """As the media process tells of a chunk."""
    row = asdict(chunk(**where)) | changes
    return {**row, "id": "boot-1", "key": "00" * 32, "at_us": row["captured_from_us"]}


async def test_chunks_become_rows_side_by_side_and_all_before_the_seal(house: House) -> None:
    await recorded(house.store)
    house = with_keys(house)
    calls: dict[str, Any] = {}
    sealing = Sealing(house, calls, Turns(house, calls, Referring(house)))
    count = CHUNKS_AT_ONCE_MAX + 50
    for n in range(count):
        await sealing.take(told({"id": f"k{n}", "n": n, "path": f"{BOOT}-0.seg", "offset": n}))
    assert len(await house.store.reader.rows(Chunk)) < count
    await sealing.taken(CALL)
    assert {row.n for row in await house.store.reader.rows(Chunk)} == set(range(count))
    await sealing.taken(CALL)


async def test_a_chunk_that_cannot_be_taken_is_told_and_holds_nobody_up(house: House) -> None:
    await recorded(house.store)
    notes: list[str] = []
    calls: dict[str, Any] = {}

    def note(what: str, **_facts: Any) -> None:
        notes.append(what)

    sealing = Sealing(
        replace(with_keys(house), note=note), calls, Turns(house, calls, Referring(house))
    )
    for _ in range(CHUNKS_AT_ONCE_MAX + 1):
        await sealing.take({"call": CALL, "party": "caller"})
    await sealing.take(told({}))
    await sealing.taken(CALL)
    assert notes == ["a chunk could not be taken"] * (CHUNKS_AT_ONCE_MAX + 1)
    assert len(await house.store.reader.rows(Chunk)) == 1


async def test_a_chunk_that_is_refused_leaves_nothing_on_disk(house: House) -> None:
    await recorded(house.store)
    house = with_keys(house)
    calls: dict[str, Any] = {}
    sealing = Sealing(house, calls, Turns(house, calls, Referring(house)))
    appender = Appender(house.settings.recordings, BOOT)
    good, bad = append(appender, 0), append(appender, 1)

    await sealing.chunk(told(good))
    await sealing.chunk(told(bad, key_id="key_x"))
    # A media process tells again what was not acknowledged.
    await sealing.chunk(told(good))
    assert (there(house, good), there(house, bad)) == (True, False)
    (row,) = await house.store.reader.rows(Chunk)
    assert (row.path, row.offset, row.rate) == (good["path"], good["offset"], 8_000)
    # Nothing that a row names is erased, whatever is told of it later.
    await act(house.store, recording_sealed, call=CALL)
    await sealing.chunk(told(good, n=7))
    assert there(house, good)
    appender.close()


async def test_a_recording_that_is_over_is_left_alone_by_whoever_lost_its_gate(
    house: House,
) -> None:
    await recorded(house.store)
    calls: dict[str, Any] = {}
    sealing = Sealing(house, calls, Turns(house, calls, Referring(house)))
    await act(house.store, recording_sealed, call=CALL)
    # Between a look at its row and the action a call may end: the reducer has the last word.
    await sealing.reopen_gate(LiveCall(CALL, "key_w", Agent()), "the media process was replaced")
    (row,) = await house.store.reader.rows(Recording)
    assert (row.epoch, row.state, row.lost) == (1, RecordingState.SEALED, None)


async def test_keys_of_an_imported_call_have_the_right_of_their_basis(house: House) -> None:
    words, caller, *tracks = house.keystore.prepare_several(4)
    provenance = ImportedCall(
        id="call_theirs",
        uuid="018f3b4e-7a7a-8b3c-9d4e-5f6071829304",
        sha256="00",
        issuer="",
        certificate="",
        trusted=False,
        bases=("consent",),
        track_keys=tuple(tracks),
        asserted=False,
        by="ann",
        notes=(),
        at_us=0,
    )
    await house.store.act(
        call_imported,
        sender="operator",
        provenance=provenance,
        remote=house.seal("sip:anna@example.org", caller),
        local=house.seal("sip:desk@example.org", caller),
        agent="Desk",
        words_key=words,
        start_us=1,
        end_us=2,
        chunks=[],
        segments=[],
        parts=[],
    )
    stray = house.keystore.prepare()
    await recovery.sweep(house)
    left = house.keystore.ids()
    assert {words, caller, *tracks} <= set(left)
    assert stray not in left
