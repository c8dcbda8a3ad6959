"""Why calls end, in words: from what SIP and the telephone network say."""

from __future__ import annotations

import pytest

from telephony import causes
from telephony.causes import Cause
from telephony.sip import Cancelled, HungUp, Rejected
from telephony.sip.message import Request
from telephony.sip.parser import parse
from telephony.sip.reason import Reason, read
from telephony.sip.responses import respond

from .sip.wire import CALLEE, Wire, request


@pytest.mark.parametrize(
    ("header", "reasons"),
    [
        ('Reason: Q.850;cause=17;text="User; busy, really"', (Reason("Q.850", 17),)),
        ("Reason: SIP ;cause=200 , q.850;cause=26", (Reason("SIP", 200), Reason("Q.850", 26))),
        ("Reason: X;cause=1\r\nReason: Q.850;cause=1", (Reason("Q.850", 1),)),
        ("Reason: Q.850", ()),
        ("Reason: Q.850;cause=-1", ()),
        ("Reason: Q.850;cause=99999999999999999999", ()),
        ('Reason: Q.850;cause=1;text="', ()),
        (f"Reason: {','.join(['SIP;cause=1'] * 30)}", ()),
    ],
)
def test_a_reason_is_read_if_it_is_one(header: str, reasons: tuple[Reason, ...]) -> None:
    assert read(parse(request("BYE", extra=f"{header}\r\n"))) == reasons


@pytest.mark.parametrize(
    ("status", "reasons", "cause"),
    [
        (486, (), Cause.BUSY),
        (404, (), Cause.NOT_IN_SERVICE),
        (480, (Reason("Q.850", 20),), Cause.UNAVAILABLE),
        (503, (Reason("Q.850", 1),), Cause.NOT_IN_SERVICE),
        (486, (Reason("Q.850", 16),), Cause.BUSY),
        (480, (Reason("Q.850", 31),), Cause.NO_ANSWER),
        (499, (), Cause.FAILED),
        (302, (), Cause.FAILED),
        (500, (Reason("Q.850", 126),), Cause.FAILED),
    ],
)
def test_a_refusal_has_one_cause(status: int, reasons: tuple[Reason, ...], cause: Cause) -> None:
    assert causes.of_refusal(status, reasons) is cause


def test_the_end_of_a_call_has_one() -> None:
    assert causes.of_hanging_up() is Cause.NORMAL
    assert causes.of_hanging_up((Reason("Q.850", 38),)) is Cause.FAILED
    assert causes.of_giving_up((Reason("SIP", 200),)) is Cause.ELSEWHERE
    assert causes.of_giving_up((Reason("Q.850", 16),)) is Cause.CANCELLED
    assert causes.of_ours("transferred") is Cause.TRANSFERRED
    assert {*causes.WORDS} == {*Cause}


def test_we_say_why_we_hang_up_or_give_up() -> None:
    wire = Wire()
    wire.caller.agent.bye(wire.answered(), wire.now)
    wire.flow()
    (told,) = [event for event in wire.callee.events if isinstance(event, HungUp)]
    assert told.reasons == (Reason("Q.850", 16),)
    wire = Wire()
    ours = wire.invite()
    wire.callee.agent.ring(wire.offered, wire.now)
    wire.flow()
    wire.caller.agent.cancel(ours, wire.now)
    wire.flow()
    (given_up,) = [event for event in wire.callee.events if isinstance(event, Cancelled)]
    assert given_up.reasons == (Reason("Q.850", 16),)


def test_a_call_which_rang_too_long_says_so() -> None:
    wire = Wire()
    wire.invite()
    wire.callee.agent.ring(wire.offered, wire.now)
    wire.flow()
    while "CANCEL" not in wire.caller.said:
        wire.run(1)
    (cancel,) = [m for m in wire.caller.sent if isinstance(m, Request) and m.method == "CANCEL"]
    assert read(cancel) == (Reason("Q.850", 19),)


def test_why_we_were_refused_is_told() -> None:
    wire = Wire()
    wire.invite()
    invite = wire.caller.sent[0]
    assert isinstance(invite, Request)
    refusal = respond(invite, 503, "t", headers=(("Reason", "Q.850;cause=1"),))
    wire.caller.receive(bytes(refusal), CALLEE, wire.now)
    wire.caller.drain()
    (rejected,) = [event for event in wire.caller.events if isinstance(event, Rejected)]
    assert causes.of_refusal(rejected.status, rejected.reasons) is Cause.NOT_IN_SERVICE


def test_every_cause_is_told_as_a_failure() -> None:
    assert causes.status_of(Cause.BUSY) == 486
    assert all(400 <= causes.status_of(cause) <= 699 for cause in Cause)
    assert causes.of_refusal(causes.status_of(Cause.DECLINED)) is Cause.DECLINED
