"""A chunk on its way from the disk into the record: held, silenced, refused, or shredded later."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conversation.agent import Agent
from conversation.speech.engines import SpokenWord
from media import recorder
from media.appending import Appender
from media.recorder import Track
from media.seal import seal_into, sealed_bytes
from media.segment import FRAME_BYTES
from media.units import Samples, from_pcm
from recordings import vault
from recordings.clearance import QUARANTINE_US, SETTLE_US, Span
from recordings.rules import CARD_NUMBER, standing
from recordings.segments import Range, read
from recordings.tables import Chunk, ChunkGap
from runtime.outbox import Effect
from sessions.house import House
from sessions.live import LiveCall
from sessions.referring import Referring
from sessions.sealing import Sealing
from sessions.turns import Turns
from tests.sessions.some_keys import KEY, SomeKeys
from tests.sessions.test_reducers import CALL
from tests.sessions.test_sweeping import recorded
from transcripts.redaction.finding import Found, What

pytestmark = pytest.mark.anyio

SECOND_US = 1_000_000
BEGIN_US = 2**52
BOOT = "0123456789abcdef"
RATE = 8_000
CARD = Found(What.CARD, 1, 2)
TURN = f"{CALL}:e1"


@dataclass
class Desk:
    """A call that is recorded, and its node's end of the audio."""

    house: House
    live: LiveCall
    sealing: Sealing
    appender: Appender
    now_us: int = BEGIN_US

    def on_disk(self, second: int, party: str = "caller") -> tuple[dict[str, Any], Samples]:
        """A second of noise, sealed as the media process does, and what it tells of it."""
        samples = np.random.default_rng(second).integers(-9_000, 9_000, RATE).astype(np.int16)
        key_id = {"caller": "key_c", "agent": "key_a"}[party]
        track, own = Track(party, key_id), os.urandom(32)
        chunk = recorder.Chunk(CALL, track, 1, second, RATE * second, samples)
        room = memoryview(bytearray(FRAME_BYTES + sealed_bytes(chunk)))
        sha256 = seal_into(chunk, own, room)
        path, begin = self.appender.append(room)
        header = {
            "event": "chunk",
            "id": f"boot-{second}",
            "call": CALL,
            "party": party,
            "epoch": 1,
            "n": second,
            "key_id": key_id,
            "key": own.hex(),
            "first_sample": RATE * second,
            "samples": RATE,
            "rate": RATE,
            "sha256": sha256,
            "bytes": sealed_bytes(chunk),
            "path": path,
            "offset": begin + FRAME_BYTES,
            "at_us": BEGIN_US + second * SECOND_US,
        }
        return header, samples

    def is_there(self, header: dict[str, Any]) -> bool:
        place = Range(header["path"], header["offset"], header["bytes"])
        return read(self.house.settings.recordings, place) is not None

    async def rows(self) -> list[Chunk]:
        await self.sealing.taken(CALL)
        return sorted(await self.house.store.reader.rows(Chunk), key=lambda row: row.n)

    async def gaps(self) -> list[ChunkGap]:
        return await self.house.store.reader.rows(ChunkGap)

    def sound(self, row: Chunk) -> Samples:
        """As a reader opens it, who has the key of the track."""
        names = [field.name for field in fields(vault.Chunk)]
        chunk = vault.Chunk(**{name: getattr(row, name) for name in names})
        ciphertext = vault.read_chunk(self.house.settings.recordings, chunk)
        assert ciphertext is not None
        assert hashlib.sha256(ciphertext).hexdigest() == row.sha256
        return from_pcm(vault.open_chunk(ciphertext, KEY, chunk))

    def later(self, by_us: int) -> None:
        """Time passes, and the quarantine is woken."""
        self.now_us += by_us
        self.live.quarantine.passed("nothing")

    def understood(self) -> None:
        """The second second: a word, and a number in two words from 1.4 s to 1.6 s."""
        words = [SpokenWord("is", 0, 300), SpokenWord("4", 700, 800), SpokenWord("2", 800, 900)]
        begin = BEGIN_US + SECOND_US
        self.live.quarantine.heard(TURN, begin, begin + SECOND_US)
        self.live.quarantine.understood(TURN, "is 4 2", words, begin)


@pytest.fixture
async def desk(house: House, tmp_path: Path) -> Desk:
    await recorded(house.store)
    calls: dict[str, LiveCall] = {}
    made: list[Desk] = []
    clock: Callable[[], int] = lambda: made[0].now_us  # noqa: E731
    house = replace(house, keystore=SomeKeys(tmp_path / "some"), clock=clock)
    sealing = Sealing(house, calls, Turns(house, calls, Referring(house)))
    live = calls[CALL] = LiveCall(CALL, "key_w", Agent())
    sealing.attend(live)
    made.append(Desk(house, live, sealing, Appender(house.settings.recordings, BOOT)))
    return made[0]


async def test_a_chunk_has_a_row_once_it_is_known_that_nobody_spoke(desk: Desk) -> None:
    header, samples = desk.on_disk(1)
    await desk.sealing.take(header)
    assert await desk.rows() == []
    desk.later(SETTLE_US)
    (row,) = await desk.rows()
    assert (desk.sound(row) == samples).all()
    assert (row.path, row.offset) == (header["path"], header["offset"])
    assert await desk.gaps() == []


async def test_what_is_said_waits_for_its_words(desk: Desk) -> None:
    desk.live.quarantine.speaks(BEGIN_US + SECOND_US)
    await desk.sealing.take(desk.on_disk(1)[0])
    desk.later(5 * SECOND_US)
    desk.understood()
    assert await desk.rows() == []
    desk.live.quarantine.decided(TURN, [])
    assert len(await desk.rows()) == 1


async def test_a_pause_does_not_cost_what_is_held(desk: Desk) -> None:
    """Its epoch is over with the pause: a row that came after it would be refused."""
    desk.live.quarantine.speaks(BEGIN_US + SECOND_US)
    await desk.sealing.take(desk.on_disk(1)[0])
    assert await desk.rows() == []
    desk.live.quarantine.release()
    assert len(await desk.rows()) == 1
    assert await desk.gaps() == []


@pytest.mark.parametrize("times", [1, 2])
async def test_a_chunk_with_a_number_is_sealed_again_without_it(desk: Desk, times: int) -> None:
    header, samples = desk.on_disk(1)
    desk.understood()
    await desk.sealing.take(header)
    desk.live.quarantine.decided(TURN, [CARD])
    for _ in range(times):  # It may be told again.
        await desk.sealing.take(header)
        desk.later(SETTLE_US)
    (row,) = await desk.rows()
    begin, end = 400 * RATE // 1_000, RATE
    sound = desk.sound(row)
    assert (sound[:begin] == samples[:begin]).all() and not sound[begin:end].any()
    assert row.path != header["path"]
    assert not desk.is_there(header)
    (gap,) = await desk.gaps()
    at = BEGIN_US + SECOND_US
    assert (gap.id, gap.from_us, gap.until_us, gap.why) == (
        f"{row.id}/cut0",
        at + 400_000,
        at + SECOND_US,
        CARD_NUMBER,
    )
    assert standing([row], [gap]) == [row]


async def test_a_chunk_that_is_a_number_all_through_is_not_taken(desk: Desk) -> None:
    header, _ = desk.on_disk(1)
    desk.live.quarantine.heard(TURN, BEGIN_US, BEGIN_US + 3 * SECOND_US)
    desk.live.quarantine.understood(TURN, "4 2", [], BEGIN_US)
    await desk.sealing.take(header)
    desk.live.quarantine.decided(TURN, [Found(What.CARD, 0, 1)])
    desk.later(SETTLE_US)
    assert await desk.rows() == []
    assert not desk.is_there(header)
    (gap,) = await desk.gaps()
    assert (gap.until_us - gap.from_us, gap.why) == (SECOND_US, CARD_NUMBER)


async def test_a_chunk_that_cannot_be_silenced_is_not_taken(desk: Desk) -> None:
    header, _ = desk.on_disk(1)
    desk.understood()
    await desk.sealing.take({**header, "key": "00" * 32})
    desk.live.quarantine.decided(TURN, [CARD])
    desk.later(SETTLE_US)
    assert await desk.rows() == []
    assert not desk.is_there(header)
    assert [gap.why for gap in await desk.gaps()] == [CARD_NUMBER]


async def test_a_number_that_is_found_too_late_takes_what_was_kept_with_it(desk: Desk) -> None:
    (first, _), (other, _), (agents, _) = desk.on_disk(1), desk.on_disk(3), desk.on_disk(1, "agent")
    desk.understood()
    for header in (first, other, agents):
        await desk.sealing.take(header)
    desk.later(QUARANTINE_US)
    rows = await desk.rows()
    assert len(rows) == 3 and await desk.gaps() == []
    desk.live.quarantine.decided(TURN, [CARD])
    await desk.sealing.settled()
    (gap,) = await desk.gaps()
    assert (gap.id, gap.why) == (f"{CALL}/caller/1/1", CARD_NUMBER)
    (order,) = await desk.house.store.reader.rows(Effect, kind="recordings.shred")
    assert await desk.sealing.shred(order, {"chunk": gap.id}) is None
    assert [desk.is_there(header) for header in (first, other, agents)] == [False, True, True]
    assert len(standing(rows, [gap])) == 2
    # Decided again, there is nothing left to do.
    desk.live.quarantine.decided(TURN, [CARD])
    await desk.sealing.settled()
    assert await desk.gaps() == [gap]


async def test_what_the_agent_reads_back_is_silent_in_its_own_track(desk: Desk) -> None:
    (header, samples), (callers, _) = desk.on_disk(1, "agent"), desk.on_disk(1)
    found = [Found(What.CARD, 1, 1)]
    desk.now_us += SECOND_US
    desk.live.quarantine.speaking("u", 900)
    for each in (header, callers):
        await desk.sealing.take(each)
    desk.later(SECOND_US)
    assert [row.party for row in await desk.rows()] == ["caller"]
    words = [SpokenWord("is", 0, 200), SpokenWord("4242424242424242", 500, 700)]
    begin = BEGIN_US + SECOND_US
    desk.live.quarantine.spoke(
        "u", "is 4242424242424242", words, found, Span(begin, begin + 700_000)
    )
    row = next(row for row in await desk.rows() if row.party == "agent")
    sound, at = desk.sound(row), 200 * RATE // 1_000
    assert (sound[:at] == samples[:at]).all() and not sound[at:].any()


async def test_a_call_that_ends_waits_for_what_is_said_in_it(desk: Desk) -> None:
    desk.understood()
    await desk.sealing.take(desk.on_disk(1)[0])
    asked: list[int] = []

    async def close() -> None:
        asked.append(1)
        desk.live.quarantine.decided(TURN, [])
        desk.now_us += SETTLE_US

    await desk.live.quarantine.emptied(close)
    assert asked == [1] and len(await desk.rows()) == 1
