"""A18: a pause that is acknowledged and not done. Ours needs nobody's acknowledgement.

The recorder of another is given silence by our own gate, on our own frames: whether it agrees to
be told of a pause, or refuses, or does not answer at all.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from consent.machine import State
from tests.interop.forked import desk, passed
from tests.interop.recorder import Packet, Recorder, is_silent, pauses
from tests.interop.telephones import until

pytestmark = [
    pytest.mark.interop,
    pytest.mark.alone,
    pytest.mark.slow,
    pytest.mark.anyio,
    pytest.mark.timeout(120),
]

SOON_US = 200_000
"""From the commit to the wire, on a machine that is busy; a tick of the plane is 20 ms of it."""

WATCHED_S = 3.0
PACKETS_MIN = 0.7 * WATCHED_S * 50


@pytest.fixture
def recorders(tmp_path: Path) -> Iterator[Callable[[str], Recorder]]:
    made: list[Recorder] = []

    def make(behaviour: str) -> Recorder:
        made.append(Recorder(tmp_path / f"srs{len(made)}", behaviour))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.mark.parametrize(
    ("behaviour", "when_closed"),
    [("accept", "silence"), ("refuse-again:488", "silence"), ("accept", "inactive")],
)
async def test_from_the_commit_of_a_withdrawal_on_the_recorder_hears_nothing(
    tmp_path: Path, recorders: Callable[[str], Recorder], behaviour: str, when_closed: str
) -> None:
    recorder = recorders(behaviour)
    async with desk(tmp_path, recorder.config(when_closed)) as exchange:
        ann = await exchange.call("ann", 500.0, sounds=False)
        await exchange.agreed(ann)
        ann.sound()
        await until(lambda: _is_loud(recorder.packets("1")), "the recorder hears nothing")
        await exchange.act("sessions.consent_withdrawn", "ann")
        (withdrawn,) = [one for one in exchange.events("ann") if one.state is State.WITHDRAWN]
        await passed(ann, WATCHED_S)
        told = recorder.told("INVITE")
        for label in ("1", "2"):
            packets = recorder.packets(label)
            after = [one for one in packets if one.at_us > withdrawn.at_us + SOON_US]
            assert is_silent(after), f"{label}: {sum(one.samples.any() for one in after)} are loud"
            if when_closed == "silence":
                # Its clock goes on.
                assert len(after) > PACKETS_MIN
            else:
                agreed_us = told[1]["at_us"] + SOON_US
                assert [one for one in packets if one.at_us > agreed_us] == []
        assert [pauses(one) for one in told] == [0, 2]
        assert ("a=inactive" in told[1]["sdp"]) == (when_closed == "inactive")
        # The call goes on unharmed, and only says so.
        assert not ann.over.is_set()
        ann.hang_up()
        await exchange.sealed("ann")
        await until(lambda: bool(recorder.told("BYE")), "no BYE")


def _is_loud(packets: list[Packet]) -> bool:
    return len(packets) > 50 and any(one.samples.any() for one in packets[-10:])
