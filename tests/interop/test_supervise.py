"""A supervisor is called into a call: what they hear, and who hears them."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from conversation.attendants import HINT
from tests.interop.server import Server
from tests.interop.speech import agent_speech
from tests.interop.telephones import Exchange, share, until
from tests.interop.test_bridge import NO_QUESTION
from tests.listening import find, voiced

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.anyio]

SOURCE = ("--basis", "contract", "--source", "the rota")
HEARD = 0.6
"""Likeness of words to what was heard beside tones."""
SHARE_SILENT = 0.0005
"""Of the energy of all that was heard: more than that at a voice's frequency is that voice."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server(tmp_path_factory.mktemp("desk"), "tests.interop.hosts:Host", NO_QUESTION)
    yield started
    started.stop()


@pytest.fixture
async def exchange(desk: Server, tmp_path: Path) -> AsyncIterator[Exchange]:
    made = Exchange(desk, tmp_path)
    yield made
    await made.close()


async def test_a_supervisor_is_what_their_keys_say(exchange: Exchange) -> None:
    ann, bob = [
        await exchange.call(name, hertz) for name, hertz in (("ann", 500.0), ("bob", 900.0))
    ]
    await exchange.act("sessions.calls_joined", "ann", other="bob")
    sue = exchange.add("sue", 1_400.0)
    watched = exchange.ids["ann"]
    told = await exchange.json("supervise", watched, "--phone", sue.uri, *SOURCE)
    exchange.ids["sue"] = told["call"]
    await sue.until(sue.answered.is_set, "not called")
    sue.sound()
    both, heard = {"ann<bob", "bob<ann"}, {"sue<ann", "sue<bob"}
    await exchange.hear(*both, *heard)
    hint = voiced(agent_speech(HINT))
    await sue.until(lambda: find(hint, sue.heard()).likeness > HEARD / 2, "no hint")
    assert max(find(hint, one.heard()).likeness for one in (ann, bob)) < HEARD / 4
    for one in (ann, bob):
        assert share(one.heard(), sue.hertz) < SHARE_SILENT
    sue.press("5")
    await exchange.hear(*both, *heard, "ann<sue")
    sue.press("6")
    await exchange.hear(*both, *heard, "ann<sue", "bob<sue")
    sue.press("4")
    await exchange.hear(*both, *heard)
    barges = {"other": "sue", "part": "barges"}
    await exchange.act("sessions.part_changed", "ann", **barges)
    await exchange.hear(*both, *heard, "ann<sue", "bob<sue")
    sue.hang_up()
    await until(lambda: exchange.hearing() >= both, "the others are parted")
    shown = await exchange.parley("show", watched)
    assert f"{told['call']}, from " in shown and "supervises, and is heard by all" in shown
