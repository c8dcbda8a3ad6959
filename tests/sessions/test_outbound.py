"""Calling somebody: only on a basis that holds, and once; as the rows tell it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from consent.bases import basis_recorded, basis_withdrawn
from consent.policy.terms import BasisKind
from consent.tables import Basis
from conversation.reducers import action_finished, action_started
from conversation.tables import Action, ActionState
from parley.calling import Calling, needs_a_server
from parley.operations import OPERATIONS, answer
from runtime import Refused, Sealed
from runtime.keystore import KeyDestroyed
from runtime.outbox import Effect, EffectState
from runtime.performer import Closing
from runtime.store import Store
from sessions import recovery
from sessions.callers import Callers
from sessions.dialling import Dialling
from sessions.house import CALLS_MAX, House
from sessions.lines import Lines
from sessions.live import LiveCall
from sessions.outbound import (
    call_dialled,
    call_placed,
    dial_failed,
    dial_rang,
    keys_pressed,
    transfer_asked,
)
from sessions.reducers import call_answered, call_ended
from sessions.routing import directly
from sessions.tables import Call, CallState, Dial, DialState
from sessions.voice import Voice
from tests.asked import ASK, due
from tests.sessions.test_callers import is_there

pytestmark = pytest.mark.anyio

WHO: Sealed[str] = Sealed("key_b", b"box", b"commitment")
URI = "sip:bob@192.0.2.2"


async def record(store: Store, **changes: Any) -> str:
    fields: dict[str, Any] = {
        "basis": "b1",
        "party": WHO,
        "kind": BasisKind.CONSENT,
        "source": WHO,
        "expires_us": None,
    }
    recorded: str = await store.act(basis_recorded, sender="operator", **(fields | changes))
    return recorded


async def dialled(store: Store) -> str:
    call: str = await store.act(call_dialled, sender="operator", basis="b1")
    return call


async def placed(store: Store, call: str) -> None:
    await store.act(
        call_placed,
        sender="node",
        scope=call,
        call=call,
        line="sip",
        remote=WHO,
        local=WHO,
        agent="x:Y",
        words_key="key_w",
    )


async def states(store: Store) -> list[tuple[DialState, str | None]]:
    return [(row.state, row.cause) for row in await store.reader.rows(Dial)]


async def test_a_call_is_ordered_on_a_basis_and_performed_by_one_effect(store: Store) -> None:
    await record(store)
    call = await dialled(store)
    assert await states(store) == [(DialState.ORDERED, None)]
    (effect,) = await store.reader.rows(Effect)
    assert (effect.kind, effect.state) == ("telephony.dial", EffectState.OPEN)
    assert call in effect.args
    assert await store.reader.rows(Call) == []


async def test_nobody_is_called_without_a_basis(store: Store) -> None:
    with pytest.raises(Refused, match="there is no basis 'b1'"):
        await dialled(store)


async def test_nobody_is_called_on_a_basis_that_was_withdrawn(store: Store) -> None:
    await record(store)
    await store.act(basis_withdrawn, sender="operator", basis="b1")
    with pytest.raises(Refused, match="was withdrawn"):
        await dialled(store)
    with pytest.raises(Refused, match="already withdrawn"):
        await store.act(basis_withdrawn, sender="operator", basis="b1")


async def test_nobody_is_called_on_a_basis_that_has_expired(
    store: Store, clock: Callable[[], int]
) -> None:
    await record(store, expires_us=clock() + 60_000)
    for _ in range(80):
        clock()
    with pytest.raises(Refused, match="has expired"):
        await dialled(store)
    with pytest.raises(Refused, match="name a later time"):
        await record(store, basis="b2", expires_us=clock() - 1)


async def test_a_basis_that_ends_before_the_invite_goes_out_ends_the_order(store: Store) -> None:
    await record(store)
    call = await dialled(store)
    await store.act(basis_withdrawn, sender="operator", basis="b1")
    with pytest.raises(Refused, match="was withdrawn"):
        await placed(store, call)
    await store.act(dial_failed, sender="node", call=call, cause="not_permitted")
    assert await states(store) == [(DialState.FAILED, "not_permitted")]
    assert await store.reader.rows(Call) == []


async def test_a_call_which_is_answered_goes_the_way_of_every_call(store: Store) -> None:
    await record(store)
    call = await dialled(store)
    await placed(store, call)
    with pytest.raises(Refused, match="not ordered"):
        await placed(store, call)
    await store.act(dial_rang, sender="node", scope=call, call=call)
    assert await states(store) == [(DialState.RINGING, None)]
    await store.act(call_answered, sender="node", scope=call, call=call, **ASK)
    assert await states(store) == [(DialState.ANSWERED, None)]
    (row,) = await store.reader.rows(Call)
    assert (row.id, row.direction, row.state) == (call, "outbound", CallState.ANSWERED)
    assert (await due(store, call)) is not None
    await store.act(call_ended, sender="node", scope=call, call=call, by="callee", cause="normal")
    assert await states(store) == [(DialState.ANSWERED, None)]


async def test_a_call_which_nobody_answers_says_why(store: Store) -> None:
    await record(store)
    call = await dialled(store)
    await placed(store, call)
    await store.act(
        call_ended, sender="node", scope=call, call=call, by="callee: busy", cause="busy"
    )
    assert await states(store) == [(DialState.FAILED, "busy")]
    (row,) = await store.reader.rows(Call)
    assert (row.state, row.cause) == (CallState.ENDED, "busy")


@pytest.mark.parametrize(
    ("reducer", "tool", "again"),
    [(transfer_asked, "transfer", True), (keys_pressed, "press", False)],
)
async def test_what_is_done_on_the_line_is_an_action_of_the_call(
    store: Store, reducer: Any, tool: str, again: bool
) -> None:
    await record(store)
    call = await dialled(store)
    await placed(store, call)
    asked: dict[str, Any] = {"sender": "node", "scope": call, "call": call}
    with pytest.raises(Refused, match="not answered"):
        await store.act(reducer, action="a1", args=WHO, **asked)
    await store.act(call_answered, **ASK, **asked)
    await store.act(reducer, action="a1", args=WHO, **asked)
    (row,) = await store.reader.rows(Action)
    assert (row.tool, row.state) == (tool, ActionState.PROPOSED)
    acts: dict[str, Any] = {"sender": "node", "scope": call, "action": "a1"}
    assert await store.act(action_started, **acts)
    # After a crash: the same transfer is the same REFER; keys may have been heard.
    assert await store.act(action_started, **acts) is again
    await store.act(action_finished, state=ActionState.FINISHED, result=WHO, **acts)


# --- what an operator can have done -----------------------------------------------------


def asked(**changes: Any) -> dict[str, Any]:
    given = {"op": "call.dial", "uri": URI, "basis": "consent", "source": "a form", "request": "r"}
    return given | changes


async def ask(house: House, **changes: Any) -> dict[str, Any]:
    doing = {**OPERATIONS, **Calling(house).operations}
    return await answer(house.store, asked(**changes), doing)


async def test_an_operator_records_a_basis_and_has_them_called_once(house: House) -> None:
    first, second = await ask(house), await ask(house)
    assert first == second
    (basis,) = await house.store.reader.rows(Basis)
    (order,) = await house.store.reader.rows(Dial)
    assert first == {"ok": {"call": order.id, "basis": basis.id}}
    assert house.unseal(basis.party) == URI
    assert house.unseal(basis.source) == "a form"
    entries = await house.store.reader.sql("SELECT entry FROM log")
    assert not [entry for (entry,) in entries if b"192.0.2.2" in bytes(entry)]


async def test_a_basis_serves_for_whom_it_names_however_they_are_written(house: House) -> None:
    told = await ask(house, uri="tel:+41-79-000-11-22")
    basis = told["ok"]["basis"]
    same = await ask(house, uri="sip:+41790001122@192.0.2.9", basis=basis, request="s")
    other = await ask(house, uri="sip:+41790001123@192.0.2.9", basis=basis, request="o")
    assert "ok" in same
    assert "somebody else" in other["why"]


@pytest.mark.parametrize(
    "changes",
    [
        {"uri": "http://example.com"},
        {"uri": "sip:bob@192.0.2.2?Replaces=x"},
        {"uri": "bob"},
        {"source": ""},
        {"days": 0},
        {"days": True},
        {"days": "3"},
    ],
)
async def test_an_order_that_makes_no_sense_is_a_misuse(
    house: House, changes: dict[str, Any]
) -> None:
    assert (await ask(house, **changes))["error"] == "bad_args"
    assert await house.store.reader.rows(Dial) == []


async def test_an_erased_basis_is_none(house: House) -> None:
    basis = (await ask(house))["ok"]["basis"]
    (row,) = await house.store.reader.rows(Basis)
    house.keystore.destroy(row.party.key_id)
    told = await ask(house, basis=basis, request="again")
    assert "was erased" in told["why"]


async def test_a_basis_is_recorded_without_a_call_and_withdrawn(house: House) -> None:
    basis = (await ask(house, op="basis.record"))["ok"]["basis"]
    assert (await ask(house, op="basis.record", basis="whim"))["error"] == "bad_args"
    assert await house.store.reader.rows(Dial) == []
    told = await ask(house, op="basis.withdraw", id=basis, request="w")
    assert told == {"ok": {"basis": basis}}
    assert "was withdrawn" in (await ask(house, basis=basis, request="d"))["why"]


async def test_without_a_server_nobody_is_called(store: Store) -> None:
    with pytest.raises(Refused, match="parley serve"):
        await needs_a_server(store, {})


async def test_the_sweep_leaves_the_key_of_a_basis(house: House) -> None:
    await ask(house)
    (row,) = await house.store.reader.rows(Basis)
    await recovery.sweep(house)
    assert is_there(house, row.party.key_id)


# --- the effect, as far as it comes without a line ---------------------------------------


def dialling(
    house: House, calls: dict[str, LiveCall], prepare: Callable[[str, str], str]
) -> Dialling:
    callers = Callers(house)
    lines = Lines(house, calls, {}, callers, Voice(house, calls))
    return Dialling(house, calls, {}, callers=callers, lines=lines, prepare_agent=prepare)


async def performed(
    house: House,
    prepare: Callable[[str, str], str] = lambda call, named: named or "x:Y",
    calls: dict[str, LiveCall] | None = None,
) -> Closing | None:
    (effect,) = await house.store.reader.rows(Effect)
    (order,) = await house.store.reader.rows(Dial)
    return await dialling(house, calls or {}, prepare).dial(effect, {"call": order.id})


def nobody(call: str, named: str) -> str:
    raise Refused("no agent")


async def test_an_order_is_refused_for_a_cause(house: House) -> None:
    await ask(house, uri="sip:bob@carrier.example")
    closing = await performed(house)
    assert closing is not None and closing.args["cause"] == "no_route"
    house.route = directly()
    full = {str(n): LiveCall(str(n), "k", house.new_agent("x")) for n in range(CALLS_MAX)}
    closing = await performed(house, calls=full)
    assert closing is not None and closing.args["cause"] == "congestion"


async def test_an_order_without_an_agent_or_a_basis_calls_nobody(house: House) -> None:
    await ask(house)
    closing = await performed(house, nobody)
    assert closing is not None and closing.args["cause"] == "failed"
    (basis,) = await house.store.reader.rows(Basis)
    await house.store.act(basis_withdrawn, sender="operator", basis=basis.id)
    closing = await performed(house)
    assert closing is not None and closing.args["cause"] == "not_permitted"
    assert await house.store.reader.rows(Call) == []
    house.keystore.destroy(basis.party.key_id)
    closing = await performed(house)
    assert closing is not None and closing.args["cause"] == "not_permitted"


async def test_who_is_called_is_sealed_under_a_key_of_the_call(
    house: House, tmp_path: Path
) -> None:
    await ask(house)
    assert await performed(house) is None
    (row,) = await house.store.reader.rows(Call)
    (basis,) = await house.store.reader.rows(Basis)
    assert house.unseal(row.remote) == URI
    assert row.caller_key == row.remote.key_id != basis.party.key_id
    house.keystore.destroy(row.caller_key)
    with pytest.raises(KeyDestroyed):
        house.unseal(row.remote)
    assert house.unseal(basis.party) == URI
    assert (tmp_path / "keys").is_dir()
