"""A supervisor is called into a call: what they hear, and who hears them."""

import pytest

from conversation.attendants import HINT
from tests.interop.telephones import HEARD, Exchange, share, until

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.anyio]

SOURCE = ("--basis", "contract", "--source", "the rota")
SHARE_SILENT = 0.0005
"""Of the energy of all that was heard: more than that at a voice's frequency is that voice."""


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
    await sue.until(lambda: sue.likeness(HINT) > HEARD / 2, "no hint")
    assert max(one.likeness(HINT) for one in (ann, bob)) < HEARD / 4
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
