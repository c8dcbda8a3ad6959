from __future__ import annotations

import random
from pathlib import Path

import pytest

from telephony.address import Address
from telephony.flow import Hop, Transport
from telephony.sip import (
    Accepted,
    Acknowledged,
    Cancelled,
    Failed,
    HungUp,
    InfoReceived,
    Invited,
    Offered,
    Rejected,
    Ringing,
    Save,
    Transmit,
    Unacknowledged,
)
from telephony.sip.message import Request, Response
from telephony.sip.parser import parse

from . import strange
from .wire import ANSWER, CALLEE, CALLER, OFFER, STRANGER, Side, Wire, answers, request

SDP_HEADER = "Content-Type: application/sdp\r\n"


def invite(**changes: str | int | bytes) -> bytes:
    made = {"extra": SDP_HEADER, "body": OFFER, **changes}
    return request("INVITE", **made)  # type: ignore[arg-type]


def callee() -> Side:
    return Side(CALLEE, 1)


def test_a_call_is_offered_rung_answered_and_hung_up() -> None:
    wire = Wire()
    ours = wire.invite()
    wire.callee.agent.ring(wire.offered, wire.now)
    wire.flow()
    wire.callee.agent.accept(wire.offered, ANSWER, wire.now)
    wire.flow()
    wire.callee.agent.bye(wire.offered, wire.now)
    wire.flow()
    assert wire.caller.said == ["INVITE", "ACK", "200 BYE"]
    assert wire.callee.said == ["100 INVITE", "180 INVITE", "200 INVITE", "BYE"]
    assert wire.caller.events == [
        Ringing(ours, 180),
        Accepted(ours, ANSWER),
        HungUp(ours, "remote"),
    ]
    invited = wire.callee.events[0]
    assert isinstance(invited, Invited)
    assert (invited.from_uri, invited.sdp, invited.flow.remote) == (
        "sip:alice@192.0.2.1",
        OFFER,
        CALLER,
    )
    assert wire.callee.events[1:] == [
        Acknowledged(wire.offered, None),
        HungUp(wire.offered, "local"),
    ]


def test_each_response_that_creates_or_ends_a_call_follows_its_save() -> None:
    wire = Wire()
    wire.answered()
    wire.caller.agent.bye(next(iter(wire.caller.rows)), wire.now)
    wire.flow()
    outputs = wire.callee.outputs
    for status, word in (("confirmed", b"200 OK"), ("terminated", b"BYE\r\n")):
        saved = next(
            n for n, o in enumerate(outputs) if isinstance(o, Save) and o.state.status == status
        )
        sent = next(n for n, o in enumerate(outputs) if isinstance(o, Transmit) and word in o.data)
        assert saved < sent


def test_after_the_call_nothing_is_left_in_memory() -> None:
    wire = Wire()
    wire.caller.agent.bye(wire.answered(), wire.now)
    wire.run(40)
    for side in (wire.caller, wire.callee):
        assert (side.agent.dialog_count, side.agent.transaction_count) == (0, 0)
        assert side.agent.wake_at is None


def test_a_lost_200_is_sent_again_until_its_ack_comes() -> None:
    wire = Wire()
    wire.invite()
    lost = iter([True, True])
    wire.loses = lambda what: what == "200 INVITE" and next(lost, False)
    wire.callee.agent.accept(wire.offered, ANSWER, wire.now)
    wire.run(5)
    assert wire.callee.said.count("200 INVITE") == 3
    assert wire.caller.said.count("ACK") == 1


def test_a_lost_ack_is_sent_again_for_each_200() -> None:
    wire = Wire()
    wire.invite()
    lost = iter([True, True])
    wire.loses = lambda what: what == "ACK" and next(lost, False)
    wire.callee.agent.accept(wire.offered, ANSWER, wire.now)
    wire.run(5)
    acks = [message for message in wire.caller.sent if isinstance(message, Request)][1:]
    assert len(acks) == 3
    assert len({bytes(ack) for ack in acks}) == 1
    assert wire.caller.events == [Accepted(next(iter(wire.caller.rows)), ANSWER)]


def test_a_200_nobody_acknowledges_is_given_up_after_32_seconds_with_a_bye() -> None:
    wire = Wire()
    wire.invite()
    wire.loses = lambda what: what == "ACK"
    wire.callee.agent.accept(wire.offered, ANSWER, wire.now)
    start = wire.now
    wire.run(31.9)
    assert Unacknowledged(wire.offered) not in wire.callee.events
    wire.run(0.2)
    assert wire.now - start < 32.2
    assert wire.callee.events[1:] == [
        Unacknowledged(wire.offered),
        HungUp(wire.offered, "unacknowledged"),
    ]
    assert wire.callee.said.count("200 INVITE") == 11
    assert wire.callee.said[-1] == "BYE"


def test_a_callee_who_hangs_up_at_once_waits_for_the_ack_with_its_bye() -> None:
    wire = Wire()
    wire.invite()
    wire.callee.agent.accept(wire.offered, ANSWER, wire.now)
    wire.callee.agent.bye(wire.offered, wire.now)
    assert "BYE" not in [*wire.callee.said]
    wire.flow()
    assert wire.callee.said[-1] == "BYE"


def test_accepting_again_sends_the_same_200() -> None:
    wire = Wire()
    wire.answered()
    wire.callee.agent.accept(wire.offered, b"something else", wire.now)
    wire.flow()
    sent = [bytes(m) for m in wire.callee.sent if isinstance(m, Response) and m.status == 200]
    assert len(sent) == 2 and sent[0] == sent[1]


def test_a_rejection_nobody_acknowledges_is_given_up_after_32_seconds() -> None:
    wire = Wire()
    wire.invite()
    wire.loses = lambda what: what in ("ACK", "486 INVITE")
    wire.callee.agent.reject(wire.offered, 486, wire.now)
    wire.run(40)
    assert wire.callee.said.count("486 INVITE") == 11
    assert wire.callee.agent.transaction_count == 0


def test_a_rejected_caller_is_told_the_status() -> None:
    wire = Wire()
    ours = wire.invite()
    wire.callee.agent.reject(wire.offered, 486, wire.now)
    wire.flow()
    assert wire.caller.events == [Rejected(ours, 486, "Busy Here")]
    assert wire.caller.said == ["INVITE", "ACK"]
    assert wire.caller.rows[ours].status == "terminated"


def test_an_invite_nobody_answers_fails_after_32_seconds_and_7_packets() -> None:
    wire = Wire()
    wire.loses = lambda _: True
    ours = wire.invite()
    wire.run(33)
    assert wire.caller.said == ["INVITE"] * 7
    assert wire.caller.events == [Failed(ours, "timed out")]


def test_a_cancel_is_held_back_until_a_provisional_response() -> None:
    wire = Wire()
    wire.loses = lambda what: what == "100 INVITE"
    ours = wire.invite()
    wire.caller.agent.cancel(ours, wire.now)
    wire.flow()
    assert "CANCEL" not in wire.caller.said
    wire.callee.agent.ring(wire.offered, wire.now)
    wire.flow()
    assert wire.caller.said == ["INVITE", "CANCEL", "ACK"]
    assert wire.callee.said[-2:] == ["200 CANCEL", "487 INVITE"]
    assert wire.callee.events[-1] == Cancelled(wire.offered)
    assert wire.caller.events[-1] == Rejected(ours, 487, "Request Terminated")


def test_a_200_which_crosses_the_cancel_is_acknowledged_and_hung_up() -> None:
    wire = Wire()
    ours = wire.invite()
    wire.loses = lambda what: what == "CANCEL"
    wire.caller.agent.cancel(ours, wire.now)
    wire.flow()
    wire.callee.agent.accept(wire.offered, ANSWER, wire.now)
    wire.flow()
    assert wire.caller.said == ["INVITE", "CANCEL", "ACK", "BYE"]
    assert wire.caller.events == [HungUp(ours, "cancelled")]


def test_a_call_which_rings_for_ever_is_given_up_on_both_sides() -> None:
    wire = Wire()
    ours = wire.invite()
    wire.run(220)
    assert wire.caller.rows[ours].status == "terminated"
    assert wire.callee.rows[wire.offered].status == "terminated"
    assert wire.caller.agent.dialog_count == wire.callee.agent.dialog_count == 0


def test_the_2xx_of_another_fork_gets_ack_and_bye() -> None:
    wire = Wire()
    ours = wire.invite()
    wire.callee.agent.accept(wire.offered, ANSWER, wire.now)
    packets = wire.callee.drain()
    ok = packets[-1].data
    tag = wire.callee.rows[wire.offered].local_tag.encode()
    for data in (ok, ok.replace(tag, b"another"), ok.replace(tag, b"another")):
        wire.caller.receive(data, CALLEE, wire.now)
    wire.caller.drain()
    assert wire.caller.said == ["INVITE", "ACK", "ACK", "BYE", "ACK"]
    tags = [m.to.tag for m in wire.caller.sent if isinstance(m, Request)][2:]
    assert tags == ["another"] * 3
    assert wire.caller.events == [Accepted(ours, ANSWER)]


def test_a_late_offer_is_answered_in_the_ack() -> None:
    side = callee()
    (trying,) = answers(side, request("INVITE"))
    assert trying.status == 100
    (dialog_id,) = side.rows
    side.agent.accept(dialog_id, ANSWER, 0.0)
    side.drain()
    assert isinstance(side.events[0], Invited) and side.events[0].sdp is None
    tag = side.rows[dialog_id].local_tag
    ack = request("ACK", branch="z9hG4bKack", to_tag=tag, extra=SDP_HEADER, body=OFFER)
    assert answers(side, ack) == []
    assert side.events[-1] == Acknowledged(dialog_id, OFFER)
    assert side.rows[dialog_id].remote_sdp == OFFER


def up(side: Side) -> tuple[str, str]:
    """A call from a stranger which is answered; returns its id and our tag."""
    answers(side, invite())
    dialog_id = next(iter(side.rows))
    side.agent.accept(dialog_id, ANSWER, 0.0)
    side.drain()
    tag = side.rows[dialog_id].local_tag
    answers(side, request("ACK", branch="z9hG4bKa", to_tag=tag))
    return dialog_id, tag


def test_a_reinvite_is_offered_and_answered() -> None:
    side = callee()
    dialog_id, tag = up(side)
    hold = OFFER + b"a=sendonly\r\n"
    (trying,) = answers(side, invite(branch="z9hG4bKh", cseq=2, to_tag=tag, body=hold))
    assert trying.status == 100 and side.events[-1:] == [Offered(dialog_id, hold)]
    side.agent.accept(dialog_id, ANSWER, 0.0)
    side.drain()
    assert side.said[-1] == "200 INVITE"
    answers(side, request("ACK", branch="z9hG4bKb", cseq=2, to_tag=tag))
    assert side.events[-1:] == [Acknowledged(dialog_id, None)]
    assert side.rows[dialog_id].sdp_version == 3


def test_a_rejected_or_cancelled_reinvite_leaves_the_call_up() -> None:
    side = callee()
    dialog_id, tag = up(side)
    answers(side, invite(branch="z9hG4bKh", cseq=2, to_tag=tag))
    side.agent.reject(dialog_id, 488, 0.0)
    side.drain()
    assert side.said[-1] == "488 INVITE"
    answers(side, request("ACK", branch="z9hG4bKh", cseq=2, to_tag=tag))
    answers(side, invite(branch="z9hG4bKi", cseq=3, to_tag=tag))
    cancelled = answers(side, request("CANCEL", branch="z9hG4bKi", cseq=3, to_tag=tag))
    assert [message.status for message in cancelled] == [200, 487]
    assert side.rows[dialog_id].status == "confirmed"
    assert side.agent.dialog_count == 1


def test_a_second_reinvite_before_the_answer_is_refused_with_500() -> None:
    side = callee()
    _, tag = up(side)
    answers(side, invite(branch="z9hG4bKh", cseq=2, to_tag=tag))
    (refused,) = answers(side, invite(branch="z9hG4bKi", cseq=3, to_tag=tag))
    assert refused.status == 500 and refused.headers.get("retry-after")


def test_info_is_told_once_however_often_it_comes() -> None:
    side = callee()
    dialog_id, tag = up(side)
    extra = "Content-Type: application/dtmf-relay\r\n"
    info = request("INFO", branch="z9hG4bKi", cseq=2, to_tag=tag, extra=extra, body=b"Signal=5\r\n")
    assert [m.status for m in answers(side, info) + answers(side, info)] == [200, 200]
    told = InfoReceived(dialog_id, "application/dtmf-relay", b"Signal=5\r\n")
    assert side.events.count(told) == 1


def test_our_info_reaches_the_other_side() -> None:
    wire = Wire()
    ours = wire.answered()
    wire.caller.agent.info(ours, "application/dtmf", b"7", wire.now)
    wire.flow()
    assert wire.callee.events[-1] == InfoReceived(wire.offered, "application/dtmf", b"7")


def test_a_dialog_the_other_side_does_not_know_is_over() -> None:
    wire = Wire()
    ours = wire.answered()
    wire.callee = Side(CALLEE, 5)
    wire.caller.agent.info(ours, "application/dtmf", b"7", wire.now)
    wire.flow()
    assert wire.callee.said == ["481 INFO"]
    assert wire.caller.events[-1] == HungUp(ours, "gone")


@pytest.mark.parametrize("method", ["BYE", "INFO", "OPTIONS", "INVITE"])
def test_a_request_in_a_dialog_nobody_knows_gets_481(method: str) -> None:
    assert [m.status for m in answers(callee(), request(method, to_tag="nobody"))] == [481]


def test_a_cseq_which_goes_back_gets_500() -> None:
    side = callee()
    _, tag = up(side)
    answers(side, request("OPTIONS", branch="z9hG4bK5", cseq=5, to_tag=tag))
    (late,) = answers(side, request("INFO", branch="z9hG4bK4", cseq=4, to_tag=tag))
    assert late.status == 500


def test_a_cancel_for_nothing_gets_481() -> None:
    assert [m.status for m in answers(callee(), request("CANCEL"))] == [481]


def test_the_same_invite_by_another_path_gets_482() -> None:
    side = callee()
    answers(side, invite(branch="z9hG4bK1"))
    (merged,) = answers(side, invite(branch="z9hG4bK2"))
    assert merged.status == 482
    assert side.agent.dialog_count == 1


@pytest.mark.parametrize(
    ("data", "status", "header"),
    [
        (request("INVITE", extra="Require: 100rel, tdialog\r\n"), 420, "unsupported"),
        (request("INVITE", extra="Content-Type: text/x\r\n", body=b"x"), 415, "accept"),
        (request("SUBSCRIBE"), 489, "allow-events"),
        (request("MESSAGE"), 405, "allow"),
        (request("OPTIONS", uri="isbn:1"), 416, "to"),
        (request("OPTIONS").replace(b"SIP/2.0\r\nVia", b"SIP/3.0\r\nVia"), 505, "to"),
        (request("OPTIONS").replace(b"CSeq: 1 OPTIONS", b"CSeq: 1 BYE"), 400, "to"),
        (request("OPTIONS").replace(b"Length: 0", b"Length: 9"), 400, "to"),
        (request("OPTIONS"), 200, "allow"),
        (request("INVITE").replace(b"Contact", b"X-None"), 400, "to"),
    ],
)
def test_what_is_not_a_call_is_answered_once_and_forgotten(
    data: bytes, status: int, header: str
) -> None:
    side = callee()
    (response,) = answers(side, data)
    assert response.status == status and response.headers.get(header)
    assert response.to.tag
    assert (side.agent.dialog_count, side.agent.transaction_count) == (0, 0)
    assert side.agent.wake_at is None


@pytest.mark.parametrize(
    "data",
    [b"", b"\r\n\r\n", b"\0" * 100, request("ACK"), request("ACK", uri="isbn:1"), b"SIP/2.0"],
)
def test_what_cannot_be_answered_is_ignored(data: bytes) -> None:
    assert answers(callee(), data) == []


def test_a_response_goes_to_the_source_when_rport_is_asked_for() -> None:
    side = callee()
    source = Address("198.51.100.7", 9999)
    (response,) = answers(side, request("OPTIONS"), source)
    assert (response.via.response_address, response.via.host) == (source, "203.0.113.9")


def test_without_rport_a_response_goes_to_the_port_of_the_via_at_the_source() -> None:
    side = callee()
    data = request("OPTIONS").replace(b";rport", b";received=192.0.2.66;maddr=192.0.2.67")
    side.receive(data, Address("198.51.100.7", 9999), 0.0)
    assert [packet.flow.remote for packet in side.drain()] == [Address("198.51.100.7", 4711)]


def test_record_route_is_handed_back_and_becomes_the_route_set() -> None:
    side = callee()
    routes = "Record-Route: <sip:192.0.2.50;lr>\r\nRecord-Route: <sip:192.0.2.51:5070;lr>\r\n"
    answers(side, invite(extra=SDP_HEADER + routes))
    (dialog_id,) = side.rows
    side.agent.accept(dialog_id, ANSWER, 0.0)
    side.drain()
    ok = side.sent[-1]
    assert ok.headers.all("record-route") == ("<sip:192.0.2.50;lr>", "<sip:192.0.2.51:5070;lr>")
    tag = side.rows[dialog_id].local_tag
    answers(side, request("ACK", branch="z9hG4bKa", to_tag=tag))
    side.agent.bye(dialog_id, 0.0)
    (bye,) = side.drain()
    assert bye.flow.remote == Address("192.0.2.50", 5060)
    assert parse(bye.data).headers.all("route") == ok.headers.all("record-route")


def test_a_caller_behind_a_nat_is_reached_where_it_called_from() -> None:
    side = callee()
    source = Address("198.51.100.7", 9999)
    answers(side, invite(), source)
    (row,) = side.rows.values()
    assert row.destination == source


def test_past_the_limit_of_dialogs_a_call_gets_503_with_retry_after() -> None:
    side = Side(CALLEE, 1, dialogs_max=1)
    answers(side, invite())
    (refused,) = answers(side, invite(branch="z9hG4bK2", call_id="c2"))
    assert refused.status == 503 and refused.headers.get("retry-after")


def test_past_the_limit_of_transactions_a_call_gets_503_but_a_bye_its_200() -> None:
    side = Side(CALLEE, 1, transactions_max=1)
    _, tag = up(side)
    (refused,) = answers(side, invite(branch="z9hG4bK2", call_id="c2"))
    assert refused.status == 503
    (done,) = answers(side, request("BYE", branch="z9hG4bKb", cseq=2, to_tag=tag))
    assert done.status == 200


def test_a_flood_of_calls_leaves_memory_bounded_and_is_forgotten() -> None:
    side = Side(CALLEE, 1, dialogs_max=50)
    for n in range(500):
        answers(side, invite(branch=f"z9hG4bK{n}", call_id=f"c{n}"), now=float(n) / 1000)
    assert side.agent.dialog_count == 50
    now = 0.0
    while (at := side.agent.wake_at) is not None:
        now = at
        side.agent.wake(now)
        side.drain()
    assert now < 300
    assert (side.agent.dialog_count, side.agent.transaction_count) == (0, 0)


def test_a_command_for_a_call_which_is_gone_is_ignored() -> None:
    side = callee()
    for command in (side.agent.ring, side.agent.bye, side.agent.cancel):
        command("gone", 0.0)
    side.agent.accept("gone", ANSWER, 0.0)
    side.agent.reject("gone", 486, 0.0)
    assert side.drain() == []


# --- restart ------------------------------------------------------------------------------


def test_a_call_goes_on_after_a_restart_of_either_side() -> None:
    wire = Wire()
    ours = wire.answered()
    theirs = wire.offered
    wire.callee = wire.callee.restarted(2_000_000, wire.now)
    wire.caller = wire.caller.restarted(3_000_000, wire.now)
    wire.caller.agent.info(ours, "application/dtmf", b"1", wire.now)
    wire.flow()
    wire.callee.agent.bye(theirs, wire.now)
    wire.flow()
    assert wire.callee.said == ["200 INFO", "BYE"]
    assert wire.caller.events == [HungUp(ours, "remote")]


def test_a_200_which_was_not_acknowledged_is_sent_again_after_a_restart() -> None:
    wire = Wire()
    wire.invite()
    wire.callee.agent.accept(wire.offered, ANSWER, wire.now)
    lost = wire.callee.drain()
    offered = wire.offered
    wire.callee = wire.callee.restarted(2_000_000, wire.now)
    wire.flow()
    assert bytes(wire.callee.sent[0]) == lost[-1].data
    assert wire.callee.events == [Acknowledged(offered, None)]


def test_a_repeated_invite_gets_the_same_200_after_a_restart() -> None:
    side = callee()
    answers(side, invite())
    (dialog_id,) = side.rows
    side.agent.accept(dialog_id, ANSWER, 0.0)
    (ok,) = side.drain()
    heir = side.restarted(9, 1.0)
    heir.drain()
    (again,) = answers(heir, invite(), now=1.1)
    assert bytes(again) == ok.data
    assert heir.events == []


def test_a_call_which_rings_can_be_answered_after_a_restart() -> None:
    side = callee()
    answers(side, invite())
    (dialog_id,) = side.rows
    heir = side.restarted(9, 1.0)
    assert answers(heir, invite(), now=1.0) == []
    heir.agent.accept(dialog_id, ANSWER, 1.0)
    (ok,) = heir.drain()
    assert parse(ok.data).to.tag == side.rows[dialog_id].local_tag


def test_a_call_which_rings_can_be_cancelled_after_a_restart() -> None:
    side = callee()
    answers(side, invite())
    (dialog_id,) = side.rows
    heir = side.restarted(9, 1.0)
    assert [m.status for m in answers(heir, request("CANCEL"), now=1.0)] == [200, 487]
    assert heir.events == [Cancelled(dialog_id)]


def test_our_call_is_answered_after_our_restart() -> None:
    wire = Wire()
    ours = wire.invite()
    wire.caller = wire.caller.restarted(3_000_000, wire.now)
    wire.flow()
    wire.callee.agent.accept(wire.offered, ANSWER, wire.now)
    wire.flow()
    assert wire.caller.events == [Accepted(ours, ANSWER)]
    assert [e for e in wire.callee.events if isinstance(e, Invited)] == wire.callee.events[:1]


def test_a_refused_call_is_not_offered_again_after_a_restart() -> None:
    side = callee()
    answers(side, invite())
    (dialog_id,) = side.rows
    side.agent.reject(dialog_id, 486, 0.0)
    (busy,) = side.drain()
    heir = side.restarted(9, 1.0)
    (again,) = answers(heir, invite(), now=1.0)
    assert bytes(again) == busy.data and heir.events == []


# --- hostile input --------------------------------------------------------------------------


def _mutated(chance: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(changed))
        match chance.randrange(4):
            case 0:
                changed[at] = chance.choice(b'\r\n\0";<>:,= @\xff9z')
            case 1:
                del changed[at : at + chance.randint(1, 12)]
            case 2:
                changed[at:at] = changed[at : at + chance.randint(1, 60)] * chance.randint(1, 4)
            case _:
                changed[at] = chance.randrange(256)
        if not changed:
            break
    return bytes(changed)


def test_10000_mutated_datagrams_do_no_harm() -> None:
    chance = random.Random(4711)
    side = Side(CALLEE, 1, dialogs_max=100, transactions_max=300)
    _, tag = up(side)
    ours = side.agent.invite(
        "sip:x@203.0.113.9", OFFER, "sip:y@192.0.2.2", [Hop(Transport.UDP, STRANGER)], 0.0
    )
    sent = side.drain()[0].data
    ok = sent.replace(b"INVITE sip:x@203.0.113.9 SIP/2.0", b"SIP/2.0 200 OK")
    within = [
        request(m, branch=f"z9hG4bK{m}", cseq=7, to_tag=tag) for m in ("OPTIONS", "INFO", "ACK")
    ]
    seeds = [invite(), request("CANCEL"), request("BYE"), ok, invite(to_tag=tag), *within]
    now = 0.0
    for n in range(10_000):
        now += 0.01
        side.receive(_mutated(chance, seeds[n % len(seeds)]), STRANGER, now)
        side.agent.wake(now)
        side.drain()
    assert ours in side.rows
    assert side.agent.dialog_count <= 100
    assert side.agent.transaction_count <= 500
    assert [m.status for m in answers(side, request("OPTIONS", branch="z9hG4bKend"))] == [200]


def test_torture_messages_are_survived() -> None:
    folder = Path(__file__).parents[3].parent / "shared" / "rfc4475"
    if not folder.is_dir():
        pytest.skip("the RFC 4475 messages are not here")
    side = callee()
    for path in sorted(folder.glob("*.dat")):
        side.receive(path.read_bytes(), STRANGER, 0.0)
        side.drain()
    sent = [item.data for item in side.outputs if isinstance(item, Transmit)]
    statuses = {data.split()[1] for data in sent}
    assert statuses == {
        b"100",
        b"200",
        b"400",
        b"405",
        b"406",
        b"415",
        b"416",
        b"420",
        b"481",
        b"505",
    }


@pytest.mark.parametrize(
    "tail",
    [
        b"Contact: " + b'"\\' * 4_000,
        b"X: y\r\n" * 150,
        b"Record-Route: " + b"<sip:a;lr>," * 700,
        (b"X: " + b",;=<" * 2_000 + b"\r\n") * 7,
        b" " * 60_000,
        b"P: " + b"a" * 8_000 + b"\r\n" + b" x\r\n" * 10_000,
    ],
)
def test_a_datagram_made_to_be_slow_gets_at_most_one_final_response(tail: bytes) -> None:
    data = request("INVITE")[:-2] + tail + b"\r\n\r\n"
    assert len([m for m in answers(callee(), data) if m.status >= 200]) <= 1


@pytest.mark.parametrize("seed", range(5))
def test_5000_strange_messages_do_no_harm(seed: int) -> None:
    """Made by the grammar, and against it; a third of them within a dialog that is up."""
    side = Side(CALLEE, seed, dialogs_max=50, transactions_max=200)
    dialog, tag = up(side)
    now = 0.0
    for message in strange.messages(seed, 5_000, call_id=side.rows[dialog].call_id, tag=tag):
        now += 0.01
        side.receive(message, STRANGER, now)
        side.agent.wake(now)
        side.drain()
    assert side.agent.dialog_count <= 50
    assert side.agent.transaction_count <= 400
    (answer,) = answers(side, request("OPTIONS", branch="z9hG4bKend", call_id="end"))
    assert answer.status in (200, 503)


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("Accept: application/SDP;charset=utf-8, text/plain\r\n", 100),
        ("Accept: text/plain\r\nAccept: application/*;q=0.5\r\n", 100),
        ("Accept: */*\r\n", 100),
        ("Accept: text/plain\r\n", 406),
        ("Accept:\r\n", 406),
    ],
)
def test_who_takes_no_description_is_not_given_one(accept: str, status: int) -> None:
    (answer,) = answers(callee(), request("INVITE", extra=accept))
    assert answer.status == status
