"""A colleague is asked, introduced and left with the caller, whatever dies meanwhile."""

import pytest

from sessions.consult_reducers import Consultation, ConsultState
from telephony.bridge import Bridge, Presence
from tests.interop import hosts
from tests.interop.telephones import Exchange, Telephone, until

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.anyio]

ANN, CAROL = 500.0, 900.0
SOURCE = ("--kind", "contract", "--source", "the rota")


async def asked(exchange: Exchange, *, answers: bool = True) -> tuple[Telephone, Telephone]:
    """Ann hears music, and Carol is called."""
    carol = exchange.add("carol", CAROL)
    carol.answers = answers
    ann = await exchange.call("ann", ANN, sounds=False)
    basis = (await exchange.json("basis", "record", carol.uri, *SOURCE))["basis"]
    exchange.server.ledger.write_text(f"{carol.uri} {basis}")
    ann.press(hosts.CONSULT)
    await until(lambda: bool(consultations(exchange)), "nobody is asked")
    exchange.ids["carol"] = consultations(exchange)[0].id
    await ann.until(ann.hears_sound, "no music")
    return ann, carol


def consultations(exchange: Exchange) -> list[Consultation]:
    return exchange.rows(Consultation, call=exchange.ids["ann"])


def state(exchange: Exchange) -> ConsultState:
    return consultations(exchange)[0].state


async def over(exchange: Exchange) -> None:
    """All is sealed, and comes out the same once more."""
    await exchange.sealed(*exchange.ids)
    for what in (*exchange.ids.values(), "--all"):
        if what in (*exchange.calls(), "--all"):
            assert (await exchange.parley("replay", what)).startswith("replay: identical")


@pytest.mark.parametrize(
    ("role", "stage"),
    [
        ("", ""),
        ("node", "consulting"),
        ("media", "consulting"),
        ("node", "joined"),
        ("media", "joined"),
    ],
)
async def test_a_colleague_accepts_is_introduced_and_left_with_the_caller(
    exchange: Exchange, role: str, stage: str
) -> None:
    ann, carol = await asked(exchange)
    await carol.until(carol.answered.is_set, "not called")
    await carol.until(carol.hears_sound, "no brief")
    if stage == "consulting":
        exchange.server.kill(role)
    await carol.running.wait_for_silence()
    assert ann.hears_sound()
    carol.press("1")
    await until(lambda: state(exchange) is ConsultState.ACCEPTED, "not accepted")
    if stage == "joined":
        exchange.server.kill(role)

    def is_left() -> bool:
        rows = exchange.rows(Bridge, call=exchange.ids["ann"])
        return [row.agent for row in rows] == [Presence.GONE]

    await until(is_left, "the agent stays")
    ann.sound()
    carol.sound()
    await exchange.hear("ann<carol", "carol<ann")
    assert role or all(one.heard_words(hosts.INTRODUCTION) for one in (ann, carol))
    shown = await exchange.json("show", exchange.ids["ann"])
    assert shown["consultations"][0]["context"] == hosts.CONTEXT
    carol.hang_up()
    await ann.until(ann.over.is_set, "left alone on the line")
    await over(exchange)
    print(f"longest gaps {ann.running.longest_gap_ms} and {carol.running.longest_gap_ms} ms")


async def test_who_declines_gives_the_caller_back(exchange: Exchange) -> None:
    ann, carol = await asked(exchange)
    await carol.until(carol.answered.is_set, "not called")
    await carol.running.wait_for_silence()
    carol.press("2")
    await until(lambda: state(exchange) is ConsultState.DECLINED, "not declined")
    await ann.until(lambda: not ann.hears_sound(), "the music goes on")
    await carol.until(carol.over.is_set, "the colleague is kept on the line")
    ann.press(hosts.SAY)
    await ann.until(lambda: ann.heard_words(hosts.WORDS), "the agent is silent")
    ann.hang_up()
    await over(exchange)


@pytest.mark.parametrize("answers", [True, False])
async def test_a_colleague_who_hangs_up_gives_the_caller_back(
    exchange: Exchange, answers: bool
) -> None:
    ann, carol = await asked(exchange, answers=answers)
    if answers:
        await carol.until(carol.answered.is_set, "not called")
        await carol.until(carol.hears_sound, "no brief")
        carol.hang_up()
    else:
        await carol.until(carol.rang.is_set, "does not ring")
        carol.hang_up()
    await until(lambda: state(exchange) is ConsultState.OVER, "still asked")
    await ann.until(lambda: not ann.hears_sound(), "the music goes on")
    ann.hang_up()
    await over(exchange)


async def test_a_caller_who_leaves_frees_the_colleague(exchange: Exchange) -> None:
    ann, carol = await asked(exchange)
    await carol.until(carol.answered.is_set, "not called")
    ann.hang_up()
    await carol.until(carol.over.is_set, "the colleague is kept on the line")
    assert state(exchange) is ConsultState.OVER
    await over(exchange)


async def test_a_held_caller_hears_music_and_is_offered_sendonly(exchange: Exchange) -> None:
    ann = await exchange.call("ann", ANN, sounds=False)
    ann.press(hosts.HOLD)
    await ann.until(lambda: ann.directions == ["recvonly"], "not held")
    await ann.until(ann.hears_sound, "no music")
    exchange.server.kill("node")
    ann.press(hosts.RESUME)
    await ann.until(lambda: ann.directions[-1:] == ["sendrecv"], "not resumed")
    await ann.until(lambda: not ann.hears_sound(), "the music goes on")
    ann.press(hosts.SAY)
    await ann.until(lambda: ann.heard_words(hosts.WORDS), "the agent is silent")
    ann.hang_up()
    await over(exchange)
