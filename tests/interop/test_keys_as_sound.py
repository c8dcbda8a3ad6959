"""A caller whose trunk knows no telephone events answers by key, and no key is in the recording."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from consent.tables import ConsentEvent
from media.tones import NO_KEY, judged, tone, window_samples
from recordings.tables import Recording
from sessions.tables import Leg
from tests.interop.agents import BOOK_KEY, BOOKED, WELCOME
from tests.interop.server import Server
from tests.interop.telephones import Exchange, until
from tests.listening import sides

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.anyio, pytest.mark.timeout(180)]

PRESSED_MS = 120


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    started = Server(tmp_path)
    yield started
    started.stop()


async def test_consent_is_given_and_a_table_booked_by_sound_alone(
    server: Server, tmp_path: Path
) -> None:
    exchange = Exchange(server, tmp_path)
    try:
        phone = exchange.add("ann")
        phone.dial(server.target, server.port, events=False)
        await phone.until(phone.answered.is_set, "not answered")
        await until(lambda: bool(exchange.rows(Leg)), "no leg")
        (leg,) = exchange.rows(Leg)
        assert leg.dtmf_payload_type is None
        # Not before the question was heard does an answer count: whoever is eager presses again.
        eager = 0
        while not exchange.rows(Recording):
            eager += 1
            assert eager < 40, "the key is not heard"
            phone.say(tone("1", PRESSED_MS))
            for _ in range(50):
                await phone.running.tick()
        await phone.until(lambda: phone.heard_words(WELCOME), "not welcome")
        phone.say(tone(BOOK_KEY, PRESSED_MS))
        await phone.until(phone.over.is_set, "nothing booked")
        assert phone.heard_words(BOOKED)
        exchange.ids["ann"] = leg.call
        await exchange.sealed("ann")
        assert "dtmf:1" in {event.method for event in exchange.rows(ConsentEvent)}
        folder = tmp_path / "pack"
        await exchange.parley("export", leg.call, "--to", str(folder))
        kept, _ = sides(folder / "data/call.wav")
        every = np.lib.stride_tricks.sliding_window_view(kept, window_samples(8_000))[::8]
        assert not np.count_nonzero(judged(every, 8_000) != NO_KEY)
    finally:
        await exchange.close()
