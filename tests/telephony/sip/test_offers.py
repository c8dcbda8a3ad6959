"""Offers after the first: re-INVITE both ways, glare, UPDATE, late offers, and the row's state."""

from __future__ import annotations

import pytest

from telephony.flow import Hop, Transport
from telephony.sip import (
    Accepted,
    Acknowledged,
    HungUp,
    NotRenegotiated,
    Offered,
    Renegotiated,
)
from telephony.sip.dialog import DialogState
from telephony.sip.exchange import TABLE, Exchange, Step, offered_by_us
from telephony.sip.headers import Headers
from telephony.sip.message import Request, Response
from telephony.sip.outputs import Resolve
from telephony.sip.parser import parse

from .wire import ANSWER, CALLEE, OFFER, Side, Wire, answers, request

SDP = "Content-Type: application/sdp\r\n"
HOLD = OFFER.replace(b" 1 1 IN", b" 1 2 IN") + b"a=sendonly\r\n"
HELD = ANSWER.replace(b" 7 3 IN", b" 7 4 IN") + b"a=recvonly\r\n"


def up() -> tuple[Wire, str, str]:
    """A call; its id on the caller's side and on the callee's."""
    wire = Wire()
    ours = wire.answered()
    return wire, ours, wire.offered


def row(side: Side) -> DialogState:
    (state,) = side.rows.values()
    return state


def test_every_offer_can_be_answered_and_nothing_else_can() -> None:
    for state, steps in TABLE.items():
        is_waiting = state in (Exchange.LOCAL_OFFER, Exchange.REMOTE_OFFER)
        assert (Exchange.STABLE in steps.values()) is is_waiting
    assert Step.WE_OFFER not in TABLE[Exchange.LOCAL_OFFER]
    assert Step.THEY_OFFER not in TABLE[Exchange.LOCAL_OFFER]


def test_the_row_says_where_offer_and_answer_stand() -> None:
    wire = Wire()
    wire.invite()
    assert (row(wire.caller).exchange, row(wire.callee).exchange) == (
        "local offer",
        "remote offer",
    )
    wire.callee.agent.accept(wire.offered, ANSWER, wire.now)
    wire.flow()
    for side in (wire.caller, wire.callee):
        assert (row(side).exchange, row(side).pending_sdp) == ("stable", b"")
    assert (row(wire.caller).local_sdp, row(wire.caller).remote_sdp) == (OFFER, ANSWER)
    assert (row(wire.callee).local_sdp, row(wire.callee).remote_sdp) == (ANSWER, OFFER)
    with pytest.raises(AssertionError):
        offered_by_us(offered_by_us(row(wire.caller), HOLD), HOLD)


def test_our_reinvite_is_offered_answered_and_told() -> None:
    wire, ours, theirs = up()
    wire.caller.agent.reoffer(ours, HOLD, wire.now)
    wire.flow()
    assert wire.callee.events[-1] == Offered(theirs, HOLD)
    wire.callee.agent.accept(theirs, HELD, wire.now)
    wire.flow()
    assert wire.caller.events[-1] == Renegotiated(ours, HELD)
    assert wire.callee.events[-1:] == [Acknowledged(theirs, None)]
    assert (row(wire.caller).local_sdp, row(wire.callee).remote_sdp) == (HOLD, HOLD)


def test_the_callee_can_hold_as_well_and_the_caller_after_it() -> None:
    wire, ours, theirs = up()
    wire.callee.agent.reoffer(theirs, HOLD, wire.now)
    wire.flow()
    wire.caller.agent.accept(ours, HELD, wire.now)
    wire.flow()
    assert wire.callee.events[-1] == Renegotiated(theirs, HELD)
    wire.caller.agent.reoffer(ours, OFFER, wire.now)
    wire.flow()
    wire.callee.agent.accept(theirs, ANSWER, wire.now)
    wire.flow()
    assert wire.caller.events[-1] == Renegotiated(ours, ANSWER)


def test_a_refused_reinvite_changes_nothing() -> None:
    wire, ours, theirs = up()
    wire.caller.agent.reoffer(ours, HOLD, wire.now)
    wire.flow()
    wire.callee.agent.reject(theirs, 488, wire.now)
    wire.flow()
    assert wire.caller.events[-1] == NotRenegotiated(ours, 488)
    for side, local in ((wire.caller, OFFER), (wire.callee, ANSWER)):
        assert (row(side).exchange, row(side).local_sdp) == ("stable", local)
    assert row(wire.caller).status == "confirmed"


def test_who_offer_at_once_both_wait_and_the_owner_of_the_call_waits_longer() -> None:
    wire, ours, theirs = up()
    wire.caller.agent.reoffer(ours, HOLD, wire.now)
    wire.callee.agent.reoffer(theirs, HELD, wire.now)
    wire.flow()
    assert "491 INVITE" in wire.caller.said and "491 INVITE" in wire.callee.said
    start = wire.now
    caller_at, callee_at = wire.caller.agent.wake_at, wire.callee.agent.wake_at
    assert caller_at is not None and callee_at is not None
    wire.run(2.05)
    assert wire.caller.events[-1] == Offered(ours, HELD)
    wire.caller.agent.accept(ours, ANSWER, wire.now)
    wire.run(2.0)
    assert wire.callee.events[-2:] == [Renegotiated(theirs, ANSWER), Offered(theirs, HOLD)]
    assert wire.now - start < 4.1


def test_an_offer_which_always_meets_another_is_given_up() -> None:
    wire, ours, _ = up()
    wire.loses = lambda what: what == "INVITE"
    wire.caller.agent.reoffer(ours, HOLD, wire.now)
    asked: list[int] = []
    while NotRenegotiated(ours, 491) not in wire.caller.events:
        for packet in wire.caller.drain():
            invite = parse(packet.data)
            if isinstance(invite, Request) and invite.method == "INVITE":
                asked.append(invite.cseq.number)
                wire.caller.receive(refusal(invite, 491), CALLEE, wire.now)
        wire.now = max(wire.now, wire.caller.agent.wake_at or wire.now)
        wire.caller.agent.wake(wire.now)
    assert asked == [2, 3, 4, 5, 6, 7]
    assert row(wire.caller).exchange == "stable"


def refusal(invite: Request, status: int) -> bytes:
    lines = invite.headers.only("via", "from", "to", "call-id", "cseq")
    return bytes(Response(lines, status=status, reason="No"))


def test_an_offer_made_while_theirs_waits_follows_it() -> None:
    wire, ours, theirs = up()
    wire.callee.agent.reoffer(theirs, HOLD, wire.now)
    wire.flow()
    wire.caller.agent.reoffer(ours, OFFER, wire.now)
    wire.flow()
    assert wire.caller.said.count("INVITE") == 1
    wire.caller.agent.accept(ours, HELD, wire.now)
    wire.run(4.1)
    assert wire.callee.events[-1] == Offered(theirs, OFFER)


def test_a_late_offer_within_a_call_is_answered_in_our_ack() -> None:
    wire, ours, theirs = up()
    wire.caller.agent.reoffer(ours, b"", wire.now)
    wire.flow()
    assert wire.callee.events[-1] == Offered(theirs, None)
    wire.callee.agent.accept(theirs, HOLD, wire.now)
    wire.flow()
    assert wire.caller.events[-1] == Offered(ours, HOLD, "ACK")
    wire.caller.agent.acknowledge(ours, HELD, wire.now)
    wire.flow()
    assert wire.callee.events[-1:] == [Acknowledged(theirs, HELD)]
    assert (row(wire.callee).local_sdp, row(wire.callee).remote_sdp) == (HOLD, HELD)


def test_a_call_without_an_offer_is_answered_in_our_ack() -> None:
    wire = Wire()
    ours = wire.caller.agent.invite(
        "sip:bob@192.0.2.2", b"", "sip:a@192.0.2.1", [Hop(Transport.UDP, CALLEE)], wire.now
    )
    wire.flow()
    wire.callee.agent.accept(wire.offered, OFFER, wire.now)
    wire.flow()
    assert wire.caller.events[-1] == Accepted(ours, OFFER)
    assert "ACK" not in wire.caller.said
    wire.caller.agent.acknowledge(ours, ANSWER, wire.now)
    wire.flow()
    assert wire.callee.events[-1] == Acknowledged(wire.offered, ANSWER)


def test_an_offer_in_a_2xx_which_nobody_answers_ends_the_call() -> None:
    wire = Wire()
    ours = wire.caller.agent.invite(
        "sip:bob@192.0.2.2", b"", "sip:a@192.0.2.1", [Hop(Transport.UDP, CALLEE)], wire.now
    )
    wire.flow()
    wire.callee.agent.accept(wire.offered, OFFER, wire.now)
    wire.loses = lambda what: what == "ACK"
    wire.run(11)
    assert wire.caller.events[-1] == HungUp(ours, "no answer to the offer")
    assert wire.caller.said[-2:] == ["ACK", "BYE"]


def test_an_ack_without_the_answer_it_owes_ends_the_call() -> None:
    side = Side(CALLEE, 1)
    answers(side, request("INVITE"))
    (dialog_id,) = side.rows
    side.agent.accept(dialog_id, OFFER, 0.0)
    side.drain()
    tag = row(side).local_tag
    answers(side, request("ACK", branch="z9hG4bKa", to_tag=tag))
    assert side.said[-1] == "BYE"


def test_nobody_who_never_answers_a_reinvite_keeps_us_waiting() -> None:
    wire, ours, _ = up()
    wire.caller.agent.reoffer(ours, HOLD, wire.now)
    wire.run(33)
    assert "CANCEL" in wire.caller.said
    assert wire.caller.events[-1] == NotRenegotiated(ours, 487)
    assert row(wire.callee).status == "confirmed"


def test_a_reinvite_to_nobody_ends_the_call() -> None:
    wire, ours, _ = up()
    wire.loses = lambda _: True
    wire.caller.agent.reoffer(ours, HOLD, wire.now)
    wire.run(70)
    assert wire.caller.events[-1] == HungUp(ours, "unreachable")


@pytest.mark.parametrize("is_answered", [True, False])
def test_our_reinvite_goes_on_after_a_restart(*, is_answered: bool) -> None:
    wire, ours, theirs = up()
    wire.caller.agent.reoffer(ours, HOLD, wire.now)
    wire.flow()
    if is_answered:
        wire.loses = lambda what: what == "200 INVITE"
        wire.callee.agent.accept(theirs, HELD, wire.now)
        wire.flow()
        wire.loses = lambda _: False
    wire.caller = wire.caller.restarted(500, wire.now)
    # Whoever had ordered it orders it once more: it is the same offer.
    wire.caller.agent.reoffer(ours, HOLD, wire.now)
    wire.flow()
    if not is_answered:
        wire.callee.agent.accept(theirs, HELD, wire.now)
    wire.run(2)
    assert wire.caller.events == [Renegotiated(ours, HELD)]
    assert wire.callee.events[-1] == Acknowledged(theirs, None)


# --- UPDATE -----------------------------------------------------------------------------------


def callee_up() -> tuple[Side, str, str]:
    side = Side(CALLEE, 1)
    answers(side, request("INVITE", extra=SDP, body=OFFER))
    (dialog_id,) = side.rows
    side.agent.accept(dialog_id, ANSWER, 0.0)
    side.drain()
    tag = row(side).local_tag
    answers(side, request("ACK", branch="z9hG4bKa", to_tag=tag))
    return side, dialog_id, tag


def update(tag: str, cseq: int, body: bytes = b"", extra: str = "") -> bytes:
    kind = SDP if body else ""
    return request(
        "UPDATE", branch=f"z9hG4bKu{cseq}", cseq=cseq, to_tag=tag, extra=kind + extra, body=body
    )


def test_an_update_without_an_offer_is_answered_at_once() -> None:
    side, _, tag = callee_up()
    (ok,) = answers(side, update(tag, 2))
    assert ok.status == 200 and ok.contact is not None and not ok.body
    assert "UPDATE" in (ok.headers.get("allow") or "")


def test_an_update_with_an_offer_is_answered_by_us_and_again_after_a_restart() -> None:
    side, dialog_id, tag = callee_up()
    assert answers(side, update(tag, 2, HOLD)) == []
    assert side.events[-1] == Offered(dialog_id, HOLD, "UPDATE")
    heir = side.restarted(77, 1.0)
    heir.drain()
    assert heir.events == [Offered(dialog_id, HOLD, "UPDATE")]
    heir.agent.answer_update(dialog_id, HELD, 1.0)
    heir.drain()
    ok = heir.sent[-1]
    assert isinstance(ok, Response) and (ok.status, ok.body) == (200, HELD)
    third = heir.restarted(78, 2.0)
    (again,) = answers(third, update(tag, 2, HOLD), now=2.0)
    assert (again.status, again.body) == (200, HELD)


def test_an_update_meets_offers_as_the_rfc_says() -> None:
    side, dialog_id, tag = callee_up()
    answers(side, update(tag, 2, HOLD))
    (second,) = answers(side, update(tag, 3, HOLD))
    assert second.status == 500 and 0 <= int(second.headers.get("retry-after") or "x") <= 10
    side.agent.refuse_update(dialog_id, 488, 0.0)
    side.drain()
    assert row(side).exchange == "stable" and side.said[-1] == "488 UPDATE"
    side.agent.reoffer(dialog_id, HOLD, 0.0)
    side.drain()
    (glare,) = answers(side, update(tag, 4, HOLD))
    assert glare.status == 491
    (bare,) = answers(side, update(tag, 5))
    assert bare.status == 200


def test_an_update_before_the_answer_only_refreshes() -> None:
    side = Side(CALLEE, 1)
    answers(side, request("INVITE", extra=SDP, body=OFFER))
    tag = row(side).local_tag
    (early,) = answers(side, update(tag, 2, HOLD))
    assert early.status == 500
    (bare,) = answers(side, update(tag, 3))
    assert bare.status == 200
    assert row(side).session_expires_s == 0


def test_an_update_nobody_answers_is_refused_before_its_sender_gives_up() -> None:
    side, dialog_id, tag = callee_up()
    answers(side, update(tag, 2, HOLD))
    side.agent.wake(5.0)
    side.drain()
    assert side.said[-1] == "500 UPDATE"
    assert (row(side).exchange, row(side).id) == ("stable", dialog_id)


def test_a_bye_ends_an_update_which_waits() -> None:
    side, _, tag = callee_up()
    answers(side, update(tag, 2, HOLD))
    done = answers(side, request("BYE", branch="z9hG4bKb", cseq=3, to_tag=tag))
    assert [m.status for m in done] == [487, 200]
    side.agent.wake(100.0)
    assert side.agent.transaction_count == 0


def test_a_name_which_an_answer_brings_is_resolved() -> None:
    wire, ours, _ = up()
    wire.loses = lambda what: what == "INVITE"
    wire.caller.agent.reoffer(ours, HOLD, wire.now)
    wire.flow()
    invite = wire.caller.sent[-1]
    lines = invite.headers.only("via", "from", "to", "call-id", "cseq").lines
    more = (("Contact", "<sip:bob@moved.example>"), ("Content-Type", "application/sdp"))
    ok = Response(Headers((*lines, *more)), status=200, reason="OK", body=HELD)
    wire.caller.receive(bytes(ok), CALLEE, wire.now)
    wire.flow()
    assert Resolve(ours, "sip:bob@moved.example") in wire.caller.outputs
    assert row(wire.caller).remote_target == "sip:bob@moved.example"
