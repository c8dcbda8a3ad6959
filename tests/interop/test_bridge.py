"""Telephones in one conversation: what each of them really hears."""

import pytest

from telephony.bridge import MEMBERS_MAX
from tests.interop import hosts
from tests.interop.speech import agent_speech
from tests.interop.telephones import Exchange, Telephone
from tests.listening import voiced

pytestmark = [pytest.mark.interop, pytest.mark.alone, pytest.mark.slow, pytest.mark.anyio]

TONES = (430.0, 610.0, 870.0, 1_130.0, 1_390.0, 1_710.0, 2_050.0, 2_390.0)


async def test_who_hears_whom_in_a_bridge(exchange: Exchange) -> None:
    for name, hertz in zip(("ann", "bob", "sue"), TONES, strict=False):
        await exchange.call(name, hertz)
    both = {"ann<bob", "bob<ann"}
    await exchange.act("sessions.calls_joined", "ann", other="bob")
    await exchange.hear(*both)
    await exchange.act("sessions.calls_joined", "ann", other="sue", part="listens")
    await exchange.hear(*both, "sue<ann", "sue<bob")
    whispers = {"other": "sue", "part": "whispers", "coached": "bob"}
    await exchange.act("sessions.part_changed", "ann", **whispers)
    await exchange.hear(*both, "sue<ann", "sue<bob", "bob<sue")
    await exchange.act("sessions.part_changed", "ann", other="sue", part="barges")
    await exchange.hear(*both, "sue<ann", "sue<bob", "bob<sue", "ann<sue")
    await exchange.act("sessions.part_changed", "ann", other="ann", part="held")
    await exchange.hear("bob<sue", "sue<bob")
    await exchange.act("sessions.call_parted", "ann", other="bob")
    await exchange.hear()


async def test_a_conference_of_eight_hears_the_seven_others(exchange: Exchange) -> None:
    names = [f"caller{n}" for n in range(MEMBERS_MAX)]
    for name, hertz in zip(names, TONES, strict=True):
        await exchange.call(name, hertz)
    for name in names[1:]:
        await exchange.act("sessions.calls_joined", names[0], other=name)
    await exchange.hear(*(f"{one}<{other}" for one in names for other in names if one != other))


async def test_the_agent_is_heard_by_all_while_it_is_present(exchange: Exchange) -> None:
    ann, bob = [await exchange.call(name, sounds=False) for name in ("ann", "bob")]
    await exchange.act("sessions.calls_joined", "ann", other="bob")
    assert await _said(ann, bob)
    await exchange.act("sessions.agent_presence_changed", "ann", presence="muted")
    assert not await _said(ann, bob)
    await exchange.act("sessions.agent_presence_changed", "ann", presence="present")
    assert await _said(ann, bob)
    await exchange.act("sessions.agent_presence_changed", "ann", presence="gone")
    assert not await _said(ann, bob)


async def _said(ann: Telephone, bob: Telephone) -> bool:
    """Have the agent speak; whether both hear it. They hear it or not together."""
    words = voiced(agent_speech(hosts.WORDS))
    since = ann.now_s, bob.now_s
    ann.press(hosts.SAY)
    for _ in range(int((len(words) / 8_000 + 3.0) * 50)):
        await ann.running.tick()
    both = zip((ann, bob), since, strict=True)
    found = [one.heard_words(hosts.WORDS, at) for one, at in both]
    assert found[0] == found[1], found
    return found[0]
