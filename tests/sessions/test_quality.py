"""What a leg's media was like: a row, once."""

from dataclasses import replace

import pytest

from runtime.store import Store
from sessions.quality_reducers import leg_measured
from sessions.reducers import leg_changed
from sessions.tables import Leg, LegQuality
from tests.sessions.test_holds import CALL, WHO, act, moved, up

pytestmark = pytest.mark.anyio

QUALITY = LegQuality(CALL, CALL, 900, 10, 2, 1, 2_000, None, 4_200, 60, 5, 1_000, 0)


async def test_it_is_a_row_once_and_later_words_change_nothing(store: Store) -> None:
    await up(store)
    await act(store, leg_measured, quality=QUALITY)
    await act(store, leg_measured, quality=replace(QUALITY, received=1))
    (row,) = await store.reader.rows(LegQuality)
    assert (row.received, row.lost, row.mos_milli) == (900, 10, 4_200)
    assert row.at_us > 0


async def test_a_leg_of_nobody_leaves_none(store: Store) -> None:
    await act(store, leg_measured, quality=QUALITY)
    assert await store.reader.rows(LegQuality) == []


async def test_a_leg_that_moves_takes_its_reports_and_keys_along(store: Store) -> None:
    await up(store)
    leg = await moved(store, "sendrecv", rtcp_port=5_001, rtcp_mux=True, dtmf_clock_rate=48_000)
    assert (leg.rtcp_port, leg.rtcp_mux, leg.dtmf_clock_rate) == (5_001, True, 48_000)
    to = {"remote_host": WHO, "remote_port": 9, "payload_type": 0, "dtmf_payload_type": 101}
    await act(store, leg_changed, call=CALL, **to)
    (leg,) = await store.reader.rows(Leg)
    assert (leg.rtcp_port, leg.rtcp_mux, leg.dtmf_clock_rate) == (None, False, 8_000)
