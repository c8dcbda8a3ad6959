"""Transfers: asked for by us, asked of us, and calls which take another's place."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from telephony.address import Address
from telephony.flow import Hop, Transport
from telephony.sip import (
    Accepted,
    HungUp,
    Invited,
    Referred,
    Rejected,
    Save,
    Transferred,
    Transferring,
    Transmit,
)
from telephony.sip.errors import GrammarError
from telephony.sip.message import Request
from telephony.sip.name_addr import NameAddr
from telephony.sip.parser import parse
from telephony.sip.refer import NOTIFY_SECONDS_MAX, TRANSFER_SECONDS_MAX
from telephony.sip.replaces import Replaces
from telephony.sip.uri import Uri, with_header

from .wire import ANSWER, CALLEE, OFFER, STRANGER, Side, Wire, answers, request

TARGET = "sip:carol@192.0.2.3"
SIPFRAG = "Content-Type: message/sipfrag;version=2.0\r\n"


def referred(wire: Wire) -> tuple[str, str]:
    """A call whose caller has asked the callee to call Carol; both ids."""
    ours = wire.answered()
    wire.caller.agent.refer(ours, "step", TARGET, wire.now)
    wire.flow()
    return ours, wire.offered


def last_request(side: Side, method: str) -> Request:
    found = [m for m in side.sent if isinstance(m, Request) and m.method == method]
    return found[-1]


def test_a_blind_transfer_is_followed_to_its_end_and_hung_up_at_once() -> None:
    wire = Wire()
    ours, theirs = referred(wire)
    assert wire.callee.events[-1] == Referred(theirs, TARGET, "", "<sip:alice@192.0.2.1>")
    wire.callee.agent.accept_refer(theirs, wire.now)
    wire.flow()
    wire.callee.agent.notify_refer(theirs, 180, wire.now)
    wire.callee.agent.notify_refer(theirs, 200, wire.now)
    wire.flow()
    assert wire.caller.events[1:] == [
        Transferring(ours, "step", 100),
        Transferring(ours, "step", 180),
        Transferred(ours, "step", 200, "OK"),
        HungUp(ours, "transferred"),
    ]
    assert "202 REFER" in wire.callee.said
    assert wire.caller.said[-1] == "BYE"
    assert wire.caller.agent.dialog_count == wire.callee.agent.dialog_count == 0


def test_a_transfer_which_its_target_refuses_leaves_the_call_up() -> None:
    wire = Wire()
    ours, theirs = referred(wire)
    wire.callee.agent.accept_refer(theirs, wire.now)
    wire.callee.agent.notify_refer(theirs, 486, wire.now)
    wire.run(300)
    assert wire.caller.events[-1] == Transferred(ours, "step", 486, "Busy Here")
    assert "BYE" not in wire.caller.said
    assert wire.caller.rows[ours].status == "confirmed"
    notify = last_request(wire.callee, "NOTIFY")
    assert notify.headers.get("subscription-state") == "terminated;reason=noresource"


@pytest.mark.parametrize("status", [403, 603])
def test_a_peer_who_does_not_want_to_be_transferred_stays(status: int) -> None:
    wire = Wire()
    ours, theirs = referred(wire)
    wire.callee.agent.reject_refer(theirs, status, wire.now)
    wire.flow()
    outcome = wire.caller.events[-1]
    assert isinstance(outcome, Transferred) and outcome.status == status
    assert wire.caller.rows[ours].status == "confirmed"


def test_a_peer_which_says_nothing_after_its_202_is_left() -> None:
    wire = Wire()
    ours, theirs = referred(wire)
    wire.loses = lambda what: what == "NOTIFY"
    wire.callee.agent.accept_refer(theirs, wire.now)
    wire.run(NOTIFY_SECONDS_MAX - 1)
    assert "BYE" not in wire.caller.said
    wire.run(2)
    assert Transferred(ours, "step", 202, "Accepted") in wire.caller.events
    assert wire.caller.events[-1] == HungUp(ours, "transferred")


def test_a_refer_nobody_answers_leaves_the_call_up() -> None:
    wire = Wire()
    ours = wire.answered()
    wire.loses = lambda what: what == "REFER"
    wire.caller.agent.refer(ours, "step", TARGET, wire.now)
    wire.run(60)
    assert wire.caller.events[-1] == Transferred(ours, "step", 408, "Request Timeout")
    assert wire.caller.rows[ours].status == "confirmed"


def test_news_keep_a_transfer_alive() -> None:
    wire = Wire()
    ours, theirs = referred(wire)
    wire.callee.agent.accept_refer(theirs, wire.now)
    wire.run(NOTIFY_SECONDS_MAX + 5)
    wire.callee.agent.notify_refer(theirs, 180, wire.now)
    wire.run(TRANSFER_SECONDS_MAX - 40)
    assert wire.caller.rows[ours].status == "confirmed"


def test_the_same_order_again_is_not_sent_again_and_another_waits_its_turn() -> None:
    wire = Wire()
    ours, theirs = referred(wire)
    wire.caller.agent.refer(ours, "step", TARGET, wire.now)
    wire.caller.agent.refer(ours, "other", TARGET, wire.now)
    wire.callee.agent.reject_refer(theirs, 603, wire.now)
    wire.flow()
    wire.caller.agent.refer(ours, "step", TARGET, wire.now)
    wire.flow()
    assert wire.caller.said.count("REFER") == 1
    assert [e for e in wire.caller.events if isinstance(e, Transferred)] == [
        Transferred(ours, "other", 491, "Request Pending"),
        Transferred(ours, "step", 603, "Decline"),
        Transferred(ours, "step", 603, "Decline"),
    ]


def test_a_transfer_goes_on_after_a_restart_and_is_asked_for_once() -> None:
    wire = Wire()
    ours, theirs = referred(wire)
    before = bytes(last_request(wire.caller, "REFER"))
    wire.caller = wire.caller.restarted(77, wire.now)
    wire.flow()
    assert bytes(last_request(wire.caller, "REFER")) == before
    assert [e for e in wire.callee.events if isinstance(e, Referred)] != []
    assert len([e for e in wire.callee.events if isinstance(e, Referred)]) == 1
    wire.callee.agent.accept_refer(theirs, wire.now)
    wire.flow()
    wire.caller = wire.caller.restarted(78, wire.now)
    wire.callee.agent.notify_refer(theirs, 200, wire.now)
    wire.flow()
    assert wire.caller.events[0] == Transferred(ours, "step", 200, "OK")
    assert wire.caller.said[-1] == "BYE"


def test_a_referral_is_told_of_after_a_restart() -> None:
    wire = Wire()
    ours, theirs = referred(wire)
    wire.callee.agent.accept_refer(theirs, wire.now)
    wire.flow()
    wire.callee = wire.callee.restarted(78, wire.now)
    wire.callee.agent.notify_refer(theirs, 200, wire.now)
    wire.flow()
    assert wire.caller.events[-1] == HungUp(ours, "transferred")


def test_a_peer_who_need_not_tell_does_not() -> None:
    wire = Wire()
    ours = wire.answered()
    wire.caller.agent.refer(ours, "step", TARGET, wire.now, subscribe=False)
    wire.flow()
    wire.callee.agent.accept_refer(wire.offered, wire.now)
    wire.flow()
    assert "NOTIFY" not in wire.callee.said
    assert wire.caller.events[-1] == HungUp(ours, "transferred")


def test_a_refer_nobody_decides_about_is_answered_before_it_is_given_up() -> None:
    wire = Wire()
    ours, _ = referred(wire)
    wire.run(20)
    assert wire.callee.said[-1] == "480 REFER"
    assert wire.caller.rows[ours].status == "confirmed"


def up(side: Side) -> tuple[str, str]:
    """A stranger's call which is answered; its id and our tag."""
    extra = "Content-Type: application/sdp\r\n"
    answers(side, request("INVITE", extra=extra, body=OFFER))
    dialog_id = next(iter(side.rows))
    side.agent.accept(dialog_id, ANSWER, 0.0)
    side.drain()
    tag = side.rows[dialog_id].local_tag
    answers(side, request("ACK", branch="z9hG4bKa", to_tag=tag))
    return dialog_id, tag


@pytest.mark.parametrize(
    ("refer_to", "status"),
    [
        ("Refer-To: <sip:x@y>\r\nRefer-To: <sip:z@y>\r\n", 400),
        ("", 400),
        ("Refer-To: <http://example.com>\r\n", 400),
        ("Refer-To: <sip:x@y;method=BYE>\r\n", 400),
        ("Refer-To: <sip:x@y?Replaces=a%0d%0aX:b>\r\n", 400),
        ("Refer-To: <sip:x@y?Replaces=a>\r\n", 400),
        (f"Refer-To: <sip:x@y?{'&'.join(['a=b'] * 17)}>\r\n", 400),
    ],
)
def test_a_refer_to_nobody_is_refused(refer_to: str, status: int) -> None:
    side = Side(CALLEE, 1)
    _, tag = up(side)
    data = request("REFER", branch="z9hG4bKr", cseq=2, to_tag=tag, extra=refer_to)
    assert [m.status for m in answers(side, data)] == [status]
    assert not [event for event in side.events if isinstance(event, Referred)]


def test_a_second_refer_waits_for_the_first() -> None:
    side = Side(CALLEE, 1)
    _, tag = up(side)
    extra = "Refer-To: <tel:+41790001122>\r\n"
    for branch, cseq, wanted in (("z9hG4bKr", 2, []), ("z9hG4bKs", 3, [491])):
        data = request("REFER", branch=branch, cseq=cseq, to_tag=tag, extra=extra)
        assert [m.status for m in answers(side, data)] == wanted


def test_a_peer_who_does_not_answer_a_notify_is_told_no_more_and_keeps_its_call() -> None:
    side = Side(CALLEE, 1)
    dialog_id, tag = up(side)
    extra = "Refer-To: <tel:+41790001122>\r\n"
    answers(side, request("REFER", branch="z9hG4bKr", cseq=2, to_tag=tag, extra=extra))
    side.agent.accept_refer(dialog_id, 0.0)
    side.drain()
    while (at := side.agent.wake_at) is not None and at < 40:
        side.agent.wake(at)
        side.drain()
    assert side.rows[dialog_id].referred_cseq == 0
    assert side.rows[dialog_id].status == "confirmed"


@pytest.mark.parametrize(
    "extra",
    [
        "Event: refer\r\nSubscription-State: active\r\n",
        "Event: presence\r\nSubscription-State: active\r\n",
        "",
    ],
)
def test_news_of_nothing_we_asked_for_get_481(extra: str) -> None:
    side = Side(CALLEE, 1)
    _, tag = up(side)
    body = b"SIP/2.0 200 OK\r\n"
    data = request(
        "NOTIFY", branch="z9hG4bKn", cseq=2, to_tag=tag, extra=extra + SIPFRAG, body=body
    )
    assert [m.status for m in answers(side, data)] == [481]
    outside = request("NOTIFY", branch="z9hG4bKo", extra=extra + SIPFRAG, body=body)
    assert [m.status for m in answers(side, outside)] == [481]


@pytest.mark.parametrize(
    ("news", "status"),
    [
        ("terminated;reason=noresource", 202),
        ("terminated;reason=rejected", 603),
        ("TERMINATED", 202),
    ],
)
def test_a_transfer_which_ends_without_a_final_status_is_over(news: str, status: int) -> None:
    side = Side(CALLEE, 1)
    dialog_id, tag = up(side)
    side.agent.refer(dialog_id, "step", TARGET, 1.0)
    side.drain()
    extra = f"Event: refer;id={side.rows[dialog_id].refer_cseq}\r\nSubscription-State: {news}\r\n"
    body = b"SIP/2.0 100 Trying\r\n"
    data = request(
        "NOTIFY", branch="z9hG4bKn", cseq=2, to_tag=tag, extra=extra + SIPFRAG, body=body
    )
    assert [m.status for m in answers(side, data, now=2.0)] == [200]
    outcome = side.events[-1]
    assert isinstance(outcome, Transferred) and outcome.status == status
    assert ("BYE" in side.said) == (status < 300)


@pytest.mark.parametrize("body", [b"", b"hello", b"SIP/2.0 abc", b"x" * 5_000])
def test_a_notify_which_says_nothing_is_refused(body: bytes) -> None:
    side = Side(CALLEE, 1)
    dialog_id, tag = up(side)
    side.agent.refer(dialog_id, "step", TARGET, 1.0)
    side.drain()
    extra = "Event: refer\r\nSubscription-State: active\r\n" + SIPFRAG
    data = request("NOTIFY", branch="z9hG4bKn", cseq=2, to_tag=tag, extra=extra, body=body)
    assert [m.status for m in answers(side, data, now=2.0)] == [400]
    assert side.rows[dialog_id].refer_status == 0


# --- Replaces ---------------------------------------------------------------------------


def test_an_attended_transfer_names_the_other_call_as_its_peer_knows_it() -> None:
    wire = Wire()
    ours = wire.answered()
    wire.caller.agent.refer(ours, "step", TARGET, wire.now, replaces=ours)
    wire.flow()
    row = wire.caller.rows[ours]
    event = wire.callee.events[-1]
    assert isinstance(event, Referred) and event.refer_to == TARGET
    assert Replaces.parse(event.replaces) == Replaces(row.call_id, row.remote_tag, row.local_tag)


def replacing(wire: Wire, header: str) -> Side:
    """Carol calls the callee with a Replaces header."""
    carol = Side(Address("192.0.2.3", 5060), 9_000)
    carol.agent.invite(
        "sip:bob@192.0.2.2",
        OFFER,
        "sip:carol@192.0.2.3",
        [Hop(Transport.UDP, CALLEE)],
        wire.now,
        headers=(("Require", "replaces"), ("Replaces", header)),
    )
    exchange(wire, carol)
    return carol


def exchange(wire: Wire, carol: Side) -> None:
    sides = {side.address: side for side in (wire.caller, wire.callee, carol)}
    moved = True
    while moved:
        moved = False
        for side in sides.values():
            for packet in side.drain():
                moved = True
                sides[packet.flow.remote].receive(packet.data, side.address, wire.now)


def test_a_call_takes_the_place_of_another() -> None:
    wire = Wire()
    ours = wire.answered()
    theirs = wire.offered
    carol = replacing(wire, str(Replaces.of(wire.caller.rows[ours])))
    invited = wire.callee.events[-1]
    assert isinstance(invited, Invited) and invited.replaces == theirs
    wire.callee.agent.accept(invited.dialog_id, ANSWER, wire.now)
    exchange(wire, carol)
    assert isinstance(carol.events[-1], Accepted)
    assert wire.caller.events[-1] == HungUp(ours, "remote")
    assert HungUp(theirs, "replaced") in wire.callee.events


def test_a_replacement_which_is_refused_leaves_the_call_as_it_was() -> None:
    wire = Wire()
    ours = wire.answered()
    carol = replacing(wire, str(Replaces.of(wire.caller.rows[ours])))
    invited = wire.callee.events[-1]
    assert isinstance(invited, Invited)
    wire.callee.agent.reject(invited.dialog_id, 486, wire.now)
    exchange(wire, carol)
    assert isinstance(carol.events[-1], Rejected)
    assert wire.caller.rows[ours].status == "confirmed"


def test_a_restart_between_the_two_hangs_up_what_was_replaced() -> None:
    wire = Wire()
    ours = wire.answered()
    carol = replacing(wire, str(Replaces.of(wire.caller.rows[ours])))
    theirs, new = wire.callee.rows
    old_row = wire.callee.rows[theirs]
    wire.callee.agent.accept(new, ANSWER, wire.now)
    exchange(wire, carol)
    for order in ((old_row, wire.callee.rows[new]), (wire.callee.rows[new], old_row)):
        heir = Side(CALLEE, 5)
        for row in order:
            heir.agent.restore(replace(row, acknowledged=True), wire.now)
        heir.drain()
        (bye,) = [m for m in heir.sent if isinstance(m, Request) and m.method == "BYE"]
        assert bye.call_id == old_row.call_id


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ("{call_id};to-tag={to_tag};from-tag=other", 481),
        ("{call_id};to-tag=other;from-tag={from_tag}", 481),
        ("{call_id};to-tag={to_tag};from-tag={from_tag};early-only", 486),
        ("{call_id};to-tag={to_tag}", 400),
        ("{call_id};to-tag={to_tag};to-tag={to_tag};from-tag={from_tag}", 400),
        (";to-tag={to_tag};from-tag={from_tag}", 400),
    ],
)
def test_what_does_not_name_a_call_of_ours_replaces_none(changed: str, status: int) -> None:
    wire = Wire()
    ours = wire.answered()
    named = Replaces.of(wire.caller.rows[ours])
    header = changed.format(call_id=named.call_id, to_tag=named.to_tag, from_tag=named.from_tag)
    carol = replacing(wire, header)
    rejected = carol.events[-1]
    assert isinstance(rejected, Rejected) and rejected.status == status
    assert wire.caller.rows[ours].status == "confirmed"


def test_a_call_we_are_offered_is_not_taken_over_before_it_is_answered() -> None:
    wire = Wire()
    wire.invite()
    row = wire.callee.rows[wire.offered]
    carol = replacing(wire, f"{row.call_id};to-tag={row.local_tag};from-tag={row.remote_tag}")
    rejected = carol.events[-1]
    assert isinstance(rejected, Rejected) and rejected.status == 481


def test_a_call_which_we_are_making_is_given_up_for_another() -> None:
    wire = Wire()
    ours = wire.invite()
    wire.callee.agent.ring(wire.offered, wire.now)
    wire.flow()
    row = wire.caller.rows[ours]
    theirs = wire.callee.rows[wire.offered].local_tag
    header = f"{row.call_id};to-tag={row.local_tag};from-tag={theirs}"
    answers(
        wire.caller,
        request(
            "INVITE", extra=f"Replaces: {header}\r\nContent-Type: application/sdp\r\n", body=OFFER
        ),
        STRANGER,
        wire.now,
    )
    invited = wire.caller.events[-1]
    assert isinstance(invited, Invited) and invited.replaces == ours
    wire.caller.agent.accept(invited.dialog_id, ANSWER, wire.now)
    wire.flow()
    assert wire.caller.rows[ours].status == "terminated"
    assert "CANCEL" in wire.caller.said


# --- headers in URIs --------------------------------------------------------------------


def test_headers_of_a_uri_come_back_as_they_were() -> None:
    value = "a%b@c;to-tag=1;from-tag=\u00e9 &?"
    uri = Uri.parse(NameAddr.parse(f"<{with_header(TARGET, 'Replaces', value)}>").uri.text)
    assert uri.header_lines == (("Replaces", value),)
    assert (uri.host, uri.without_headers) == ("192.0.2.3", TARGET)


@pytest.mark.parametrize("headers", ["a", "a=%0d", "a%20b=c", "=b", "&".join(["a=b"] * 17)])
def test_headers_of_a_uri_which_are_none_are_refused(headers: str) -> None:
    with pytest.raises(GrammarError):
        _ = Uri.parse(f"{TARGET}?{headers}").header_lines


def test_an_order_is_saved_before_it_is_sent() -> None:
    wire = Wire()
    ours = wire.answered()
    wire.caller.drain()
    at = len(wire.caller.outputs)
    wire.caller.agent.refer(ours, "step", TARGET, wire.now)
    wire.caller.drain()
    saved, sent = wire.caller.outputs[at:]
    assert isinstance(saved, Save) and saved.state.refer_request
    assert isinstance(sent, Transmit) and parse(sent.data) == parse(saved.state.refer_request)


def test_no_damage_to_a_transfer_hurts_us() -> None:
    """Bytes changed at random in REFER, NOTIFY and Replaces: answered or not, never an error."""
    chance = random.Random(4711)
    side = Side(CALLEE, 1)
    dialog_id, tag = up(side)
    row = side.rows[dialog_id]
    side.agent.refer(dialog_id, "step", TARGET, 1.0)
    replaces = f"Replaces: {row.call_id};to-tag={tag};from-tag={row.remote_tag}\r\n"
    refer_to = '"C; \\"x" <sip:carol@[::1]:5070;lr?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2>;q=1'
    news = "Event: refer;id=2\r\nSubscription-State: active;expires=60\r\n" + SIPFRAG
    body = b"SIP/2.0 180 Ringing\r\n"
    seeds: tuple[tuple[str, dict[str, Any]], ...] = (
        ("REFER", {"to_tag": tag, "extra": f"Refer-To: {refer_to}\r\nReferred-By: <sip:e@f>\r\n"}),
        ("NOTIFY", {"to_tag": tag, "extra": news, "body": body}),
        ("INVITE", {"extra": f"{replaces}Require: replaces\r\n", "call_id": "other"}),
        ("BYE", {"to_tag": "none", "extra": 'Reason: Q.850;cause=16;text="x"\r\n'}),
    )
    for turn in range(4_000):
        method, fields = seeds[turn % len(seeds)]
        made = request(method, branch=f"z9hG4bK{turn}", cseq=turn + 2, **fields)
        damaged = bytearray(made)
        for _ in range(chance.randrange(4)):
            damaged[chance.randrange(len(damaged))] = chance.choice(b'\x00\xff"<>;,=?%@\r\n: a9')
        side.receive(bytes(damaged), STRANGER, 2.0)
        side.drain()
        for invited in [e for e in side.events if isinstance(e, Invited)]:
            side.agent.reject(invited.dialog_id, 486, 2.0)
        side.agent.reject_refer(dialog_id, 603, 2.0)
        side.drain()
        side.outputs.clear()
    assert side.agent.dialog_count <= 1
