"""Before the answer: early media, responses which must arrive, forks, and required extensions."""

from __future__ import annotations

from dataclasses import replace

from telephony.flow import Hop, Listener, Transport
from telephony.sip import (
    Accepted,
    Acknowledged,
    Cancelled,
    Failed,
    HungUp,
    Policy,
    Progressed,
    Ringing,
    UserAgent,
)
from telephony.sip.headers import Headers
from telephony.sip.message import Message, Request, Response
from telephony.sip.parser import parse
from telephony.sip.transactions.timers import T1

from .wire import ANSWER, CALLEE, CALLER, OFFER, Side, Wire, answers, counting, request

SDP = "Content-Type: application/sdp\r\n"
REQUIRED = SDP + "Require: 100rel\r\n"


def callee(extra: str = REQUIRED, body: bytes = OFFER) -> tuple[Side, str, str]:
    side = Side(CALLEE, 1)
    answers(side, request("INVITE", extra=extra, body=body))
    (dialog_id,) = side.rows
    return side, dialog_id, side.rows[dialog_id].local_tag


def last(side: Side) -> Response:
    side.drain()
    message = side.sent[-1]
    assert isinstance(message, Response)
    return message


def prack(tag: str, rseq: int, cseq: int = 2, body: bytes = b"") -> bytes:
    kind = SDP if body else ""
    return request(
        "PRACK",
        branch=f"z9hG4bKp{cseq}",
        cseq=cseq,
        to_tag=tag,
        extra=f"RAck: {rseq} 1 INVITE\r\n{kind}",
        body=body,
    )


def test_early_media_is_described_in_a_183_and_again_in_the_2xx() -> None:
    wire = Wire()
    ours = wire.invite()
    wire.callee.agent.progress(wire.offered, ANSWER, wire.now)
    wire.flow()
    assert wire.caller.events[0] == Ringing(ours, 183)
    told = wire.caller.events[1]
    assert isinstance(told, Progressed) and (told.status, told.sdp) == (183, ANSWER)
    assert wire.callee.rows[wire.offered].exchange == "remote offer"
    wire.callee.agent.accept(wire.offered, ANSWER, wire.now)
    wire.flow()
    assert wire.caller.events[2:] == [Accepted(ours, ANSWER)]


def test_a_required_183_is_repeated_until_its_prack_and_the_2xx_waits_for_it() -> None:
    side, dialog_id, tag = callee()
    side.agent.progress(dialog_id, ANSWER, 0.0)
    first = last(side)
    rseq = int(first.headers.get("rseq") or 0)
    assert first.headers.get("require") == "100rel" and 1 <= rseq <= 2**31
    side.agent.accept(dialog_id, ANSWER, 0.1)
    assert side.drain() == []
    side.agent.wake(T1)
    assert bytes(last(side)) == bytes(first)
    answered = answers(side, prack(tag, rseq), now=0.6)
    assert [(m.status, m.cseq.method) for m in answered] == [(200, "PRACK"), (200, "INVITE")]
    # The 183 has answered the offer: there is nothing more to say.
    assert answered[1].body == b""
    assert (side.rows[dialog_id].exchange, side.rows[dialog_id].local_sdp) == ("stable", ANSWER)


def test_the_waiting_answer_outlives_a_restart() -> None:
    side, dialog_id, tag = callee()
    side.agent.progress(dialog_id, ANSWER, 0.0)
    rseq = int(last(side).headers.get("rseq") or 0)
    side.agent.accept(dialog_id, ANSWER, 0.1)
    side.drain()
    heir = side.restarted(50, 1.0)
    heir.agent.wake(1.0 + T1)
    heir.drain()
    assert [m.status for m in answers(heir, prack(tag, rseq), now=2.0)] == [200, 200]
    assert heir.said == ["183 INVITE", "200 PRACK", "200 INVITE"]


def test_a_180_which_must_arrive_holds_up_nothing_but_the_next() -> None:
    side, dialog_id, tag = callee()
    side.agent.ring(dialog_id, 0.0)
    ringing = last(side)
    side.agent.progress(dialog_id, ANSWER, 0.1)
    assert side.drain() == []
    rseq = int(ringing.headers.get("rseq") or 0)
    done, progress = answers(side, prack(tag, rseq), now=0.2)
    assert (done.status, progress.status, progress.headers.get("rseq")) == (200, 183, str(rseq + 1))
    assert [m.status for m in answers(side, prack(tag, rseq, 3), now=0.3)] == [481]


def test_a_required_response_nobody_acknowledges_ends_the_call_with_504() -> None:
    side, dialog_id, _ = callee()
    side.agent.progress(dialog_id, ANSWER, 0.0)
    side.drain()
    while side.agent.dialog_count:
        at = side.agent.wake_at
        assert at is not None and at <= 64 * T1
        side.agent.wake(at)
        side.drain()
    assert side.said.count("183 INVITE") == 7 and "504 INVITE" in side.said
    assert side.events[-1] == Failed(dialog_id, "unacknowledged")


def test_a_late_offer_is_made_in_a_183_and_answered_in_the_prack() -> None:
    side, dialog_id, tag = callee("Require: 100rel\r\n", b"")
    side.agent.progress(dialog_id, OFFER, 0.0)
    offered = last(side)
    assert offered.body == OFFER
    rseq = int(offered.headers.get("rseq") or 0)
    (ok,) = answers(side, prack(tag, rseq, body=ANSWER), now=0.1)
    assert ok.status == 200 and side.events[-1] == Acknowledged(dialog_id, ANSWER)
    side.agent.accept(dialog_id, OFFER, 0.2)
    assert last(side).body == b""


def test_a_cancel_ends_what_waits_for_a_prack() -> None:
    side, dialog_id, _ = callee()
    side.agent.progress(dialog_id, ANSWER, 0.0)
    side.drain()
    assert [m.status for m in answers(side, request("CANCEL"))] == [200, 487]
    assert side.events[-1] == Cancelled(dialog_id)
    answers(side, request("ACK", to_tag=side.rows[dialog_id].local_tag))
    side.agent.wake(100.0)
    assert (side.drain(), side.agent.wake_at) == ([], None)


def test_what_a_peer_only_supports_is_reliable_where_we_prefer_it() -> None:
    for prefers in (False, True):
        side = Side(CALLEE, 1)
        policy = Policy(reliable_progress=prefers)
        side.agent = UserAgent([Listener.udp(CALLEE)], "us", counting(1), policy=policy)
        answers(side, request("INVITE", extra=SDP + "Supported: 100rel\r\n", body=OFFER))
        (dialog_id,) = side.rows
        side.agent.ring(dialog_id, 0.0)
        assert bool(last(side).headers.get("rseq")) is prefers


# --- as the caller ----------------------------------------------------------------------------


def progress(
    invite: Message, tag: str, rseq: int | None = None, body: bytes = b"", status: int = 183
) -> bytes:
    """A response of somebody who was reached."""
    assert isinstance(invite, Request)
    kept = invite.headers.only("via", "from", "call-id", "cseq").lines
    lines = [*kept, ("To", f"<sip:bob@192.0.2.2>;tag={tag}")]
    lines.append(("Contact", "<sip:bob@192.0.2.2:5060>"))
    if rseq is not None:
        lines += [("Require", "100rel"), ("RSeq", str(rseq))]
    if body:
        lines.append(("Content-Type", "application/sdp"))
    return bytes(Response(Headers(lines), status=status, reason="x", body=body))


def calling() -> tuple[Side, str, Message]:
    wire = Wire()
    side = wire.caller
    ours = side.agent.invite(
        "sip:bob@192.0.2.2", OFFER, "sip:a@192.0.2.1", [Hop(Transport.UDP, CALLEE)], 0.0
    )
    (packet,) = side.drain()
    return side, ours, parse(packet.data)


def test_a_response_which_must_arrive_is_acknowledged_once_and_in_order() -> None:
    side, ours, invite = calling()
    for rseq in (7, 7, 9, 8):
        side.receive(progress(invite, "one", rseq, ANSWER), CALLEE, 0.1)
        side.drain()
    pracks = [m for m in side.sent if isinstance(m, Request) and m.method == "PRACK"]
    assert [m.headers.get("rack") for m in pracks] == ["7 1 INVITE", "8 1 INVITE"]
    assert [m.cseq.number for m in pracks] == [2, 3]
    assert pracks[0].to.tag == "one"
    # The 2xx need not repeat what a 183 has answered.
    side.receive(progress(invite, "one", status=200), CALLEE, 0.2)
    side.drain()
    assert side.events[-1] == Accepted(ours, ANSWER)
    state = side.rows[ours]
    assert (state.local_cseq, state.client_cseq, state.remote_sdp) == (3, 1, ANSWER)


def test_what_was_acknowledged_before_a_restart_counts_after_it() -> None:
    side, ours, invite = calling()
    side.receive(progress(invite, "one", 7, ANSWER), CALLEE, 0.1)
    side.drain()
    heir = side.restarted(60, 1.0)
    heir.drain()
    heir.receive(progress(invite, "one", status=200), CALLEE, 1.2)
    heir.drain()
    assert heir.events == [Accepted(ours, ANSWER)]
    assert heir.rows[ours].exchange == "stable"


def test_eight_forks_are_told_apart_and_no_more() -> None:
    side, ours, invite = calling()
    for n in range(12):
        side.receive(progress(invite, f"t{n}", body=ANSWER + b"%d" % n), CALLEE, 0.1)
        side.drain()
    told = [event for event in side.events if isinstance(event, Progressed)]
    assert [(event.fork, event.sdp) for event in told] == [
        (f"t{n}", ANSWER + b"%d" % n) for n in range(8)
    ]
    side.receive(progress(invite, "t3", status=200, body=ANSWER), CALLEE, 0.2)
    side.drain()
    assert side.rows[ours].remote_tag == "t3"
    # Another fork answers too: it is acknowledged, and hung up on.
    side.receive(progress(invite, "t11", status=200, body=ANSWER), CALLEE, 0.3)
    side.drain()
    assert side.said[-2:] == ["ACK", "BYE"]
    assert isinstance(side.sent[-1], Request) and side.sent[-1].to.tag == "t11"
    assert not [event for event in side.events if isinstance(event, HungUp)]


def test_a_prack_nobody_knows_does_not_end_the_call() -> None:
    side, ours, invite = calling()
    side.receive(progress(invite, "one", 7), CALLEE, 0.1)
    side.drain()
    sent = side.sent[-1]
    assert isinstance(sent, Request)
    lines = sent.headers.only("via", "from", "to", "call-id", "cseq")
    side.receive(bytes(Response(lines, status=481, reason="x")), CALLEE, 0.2)
    side.drain()
    side.receive(progress(invite, "one", status=200, body=ANSWER), CALLEE, 0.3)
    side.drain()
    assert side.events[-1] == Accepted(ours, ANSWER)


# --- extensions ---------------------------------------------------------------------------------


def test_what_is_required_and_not_understood_is_named() -> None:
    side = Side(CALLEE, 1)
    extra = "Require: 100rel, tdialog\r\nRequire: timer,path\r\n"
    (refused,) = answers(side, request("INVITE", extra=extra))
    assert (refused.status, refused.headers.get("unsupported")) == (420, "tdialog, path")


def test_nothing_required_is_overlooked_and_not_all_that_is_supported_is_kept() -> None:
    many = ",".join(f"x{n}" for n in range(100))
    side = Side(CALLEE, 1)
    extra = SDP + f"Supported: {'y' * 65}, {many}\r\nAllow: UPDATE\r\n"
    answers(side, request("INVITE", extra=extra, body=OFFER))
    (state,) = side.rows.values()
    assert state.peer_supported == ", ".join(f"x{n}" for n in range(32))
    (refused,) = answers(
        side,
        request(
            "INVITE", branch="z9hG4bK2", call_id="c2", extra="Require: " + "100rel," * 40 + "z\r\n"
        ),
    )
    assert (refused.status, refused.headers.get("unsupported")) == (420, "z")


def test_the_row_knows_what_the_peer_can() -> None:
    wire = Wire()
    ours = wire.answered()
    for state in (wire.caller.rows[ours], wire.callee.rows[wire.offered]):
        assert "UPDATE" in state.peer_allow.split(", ")
        assert "timer" in state.peer_supported.split(", ")
        assert replace(state, peer_allow="") != state
    assert wire.caller.address == CALLER


def test_who_was_reached_may_say_that_they_are_there_and_offer_nothing_yet() -> None:
    side, _, invite = calling()
    side.receive(progress(invite, "one", body=ANSWER), CALLEE, 0.1)
    side.drain()
    for body, status in ((b"", 200), (OFFER, 491)):
        kind = SDP if body else ""
        update = request(
            "UPDATE",
            branch=f"z9hG4bKu{status}",
            call_id=invite.call_id,
            from_tag="one",
            to_tag=invite.from_.tag,
            extra=kind,
            body=body,
        )
        assert [m.status for m in answers(side, update, CALLEE)] == [status]
