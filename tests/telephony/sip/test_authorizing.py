"""Requests of ours that are challenged; trunks that fail over."""

from __future__ import annotations

from collections.abc import Callable

from telephony.address import Address
from telephony.flow import Flow, Hop, Listener, Transport
from telephony.sip import Accepted, HungUp, Rejected, Responded, UserAgent
from telephony.sip.challenges import Answer, Challenger
from telephony.sip.core import OutOfDialog
from telephony.sip.credentials import Credentials
from telephony.sip.gate import Admitted, Refused, Verdict
from telephony.sip.message import Request, Response
from telephony.sip.ways import WayOut

from .wire import ANSWER, CALLEE, CALLER, OFFER, Wire, counting

ALICE = Credentials("alice", "secret")


class DigestGate:
    """Lets in who knows the password; each request needs a nonce of its own."""

    def __init__(self, always_stale: bool = False) -> None:
        self._challenger = Challenger(bytes(32), counting(77))
        self._always_stale = always_stale

    def knows(self, flow: Flow) -> bool:
        return True

    def admit(self, request: Request, flow: Flow, now: float) -> Verdict:
        answer, _ = self._challenger.check(request, "parley", {"alice": "secret"}, now)
        if answer is Answer.RIGHT and not self._always_stale:
            return Admitted("alices")
        return Refused(401, self._challenger.challenge("parley", now, stale=self._always_stale))

    def limit(self, trunk: str, calls: int, now: float) -> Refused | None:
        return None


def wire(gate: DigestGate, credentials: Callable[[str], Credentials | None]) -> Wire:
    made = Wire()
    made.caller.agent = UserAgent(
        [Listener.udp(CALLER)], "parley", counting(1), credentials=credentials
    )
    made.callee.agent = UserAgent([Listener.udp(CALLEE)], "parley", counting(10_000), gate=gate)
    return made


def call(wire: Wire, *ways: WayOut) -> str:
    dialog_id = wire.caller.agent.invite(
        "sip:bob@192.0.2.2",
        OFFER,
        "sip:alice@192.0.2.1",
        [Hop(Transport.UDP, CALLEE)],
        wire.now,
        trunk="carrier",
        otherwise=ways,
    )
    wire.flow()
    return dialog_id


def test_a_challenged_invite_is_sent_again_with_credentials_and_so_is_its_ack() -> None:
    line = wire(DigestGate(), {"carrier": ALICE}.get)
    ours = call(line)
    assert line.caller.said[:3] == ["INVITE", "ACK", "INVITE"]
    line.callee.agent.accept(line.offered, ANSWER, line.now)
    line.flow()
    assert line.caller.events[-1] == Accepted(ours, ANSWER)
    first, _, second, ack = [m for m in line.caller.sent if isinstance(m, Request)]
    assert (first.call_id, first.cseq.number + 1) == (second.call_id, second.cseq.number)
    assert first.via.branch != second.via.branch
    assert second.headers.get("authorization") == ack.headers.get("authorization")
    assert line.callee.rows[line.offered].trunk == "alices"


def test_an_answered_challenge_outlives_a_restart() -> None:
    line = wire(DigestGate(), {"carrier": ALICE}.get)
    call(line)
    line.caller = line.caller.restarted(500, line.now)
    line.run(1.0)
    (again,) = [m for m in line.caller.sent if isinstance(m, Request)]
    assert again.headers.get("authorization")


def test_a_wrong_password_is_a_rejection() -> None:
    line = wire(DigestGate(), {"carrier": Credentials("alice", "wrong")}.get)
    call(line)
    assert line.caller.said.count("INVITE") == 2
    (event,) = line.caller.events
    assert isinstance(event, Rejected) and event.status == 401


def test_without_credentials_a_challenge_is_a_rejection() -> None:
    line = wire(DigestGate(), lambda _: None)
    call(line)
    assert line.caller.said.count("INVITE") == 1
    assert isinstance(line.caller.events[-1], Rejected)


def test_a_server_which_finds_every_nonce_stale_is_given_up() -> None:
    line = wire(DigestGate(always_stale=True), {"carrier": ALICE}.get)
    call(line)
    assert line.caller.said.count("INVITE") == 5
    assert isinstance(line.caller.events[-1], Rejected)


def test_a_request_outside_of_dialogs_is_authorized_and_answered_under_its_id() -> None:
    line = wire(DigestGate(), {"carrier": ALICE}.get)
    asked = OutOfDialog(
        "OPTIONS", "sip:192.0.2.2", "<sip:a@a.example>", "<sip:b@b.example>", trunk="carrier"
    )
    request_id = line.caller.agent.request(asked, Hop(Transport.UDP, CALLEE), line.now)
    line.flow()
    (event,) = line.caller.events
    assert isinstance(event, Responded)
    assert (event.request_id, event.response.status) == (request_id, 200)
    assert event.response.cseq.number == 2


def refused_by(side_sent: Request, status: int, header: str = "") -> bytes:
    names = ("via", "from", "to", "call-id", "cseq")
    lines = side_sent.headers.only(*names)
    made = Response(lines, status=status, reason="No")
    return (
        bytes(made).replace(b"\r\n\r\n", f"\r\n{header}\r\n\r\n".encode())
        if header
        else bytes(made)
    )


def test_a_challenged_bye_is_sent_again() -> None:
    line = Wire()
    line.caller.agent = UserAgent(
        [Listener.udp(CALLER)], "parley", counting(1), credentials={"carrier": ALICE}.get
    )
    ours = call(line)
    line.callee.agent.accept(line.offered, ANSWER, line.now)
    line.flow()
    line.loses = lambda what: what == "BYE"
    line.caller.agent.bye(ours, line.now)
    line.flow()
    bye = line.caller.sent[-1]
    assert isinstance(bye, Request)
    challenge = 'Proxy-Authenticate: Digest realm="p", nonce="n", qop="auth"'
    line.loses = lambda _: False
    line.caller.receive(refused_by(bye, 407, challenge), CALLEE, line.now)
    line.flow()
    again = [m for m in line.caller.sent if isinstance(m, Request)][-1]
    assert again.method == "BYE" and again.headers.get("proxy-authorization")
    assert (again.to.tag, again.cseq.number) == (bye.to.tag, bye.cseq.number + 1)
    assert line.caller.events[-1] == HungUp(ours, "local")


def test_a_challenged_refer_is_the_same_order_under_its_new_number() -> None:
    line = Wire()
    line.caller.agent = UserAgent(
        [Listener.udp(CALLER)], "parley", counting(1), credentials={"carrier": ALICE}.get
    )
    ours = call(line)
    line.callee.agent.accept(line.offered, ANSWER, line.now)
    line.flow()
    line.loses = lambda what: what == "REFER"
    line.caller.agent.refer(ours, "order", "sip:carol@192.0.2.9", line.now)
    line.flow()
    refer = line.caller.sent[-1]
    assert isinstance(refer, Request)
    challenge = 'WWW-Authenticate: Digest realm="p", nonce="n", qop="auth"'
    line.caller.receive(refused_by(refer, 401, challenge), CALLEE, line.now)
    line.flow()
    row, again = line.caller.rows[ours], line.caller.sent[-1]
    assert isinstance(again, Request) and again.headers.get("authorization")
    assert row.refer_cseq == again.cseq.number == refer.cseq.number + 1
    assert row.refer_request == bytes(again)


SECOND = WayOut(
    "second",
    "sip:0049@second.example",
    "sip:us@second.example",
    (Hop(Transport.UDP, Address("198.51.100.7", 5060)),),
    (("P-Asserted-Identity", "<sip:us@second.example>"),),
)


def test_another_trunk_is_tried_as_that_trunk_wants_it() -> None:
    for status in (408, 503):
        line = Wire()
        ours = call(line, SECOND)
        (first,) = [m for m in line.caller.sent if isinstance(m, Request)]
        assert line.caller.agent.calls_of("carrier") == 1
        line.caller.receive(refused_by(first, status), CALLEE, line.now)
        line.flow()
        again = [m for m in line.caller.sent if isinstance(m, Request)][-1]
        assert again.uri == "sip:0049@second.example"
        assert again.from_.uri.host == again.to.uri.host == "second.example"
        assert again.headers.get("p-asserted-identity") == "<sip:us@second.example>"
        assert line.caller.rows[ours].trunk == "second"
        agent = line.caller.agent
        assert (agent.calls_of("carrier"), agent.calls_of("second")) == (0, 1)


def test_once_it_rang_no_other_trunk_is_tried() -> None:
    line = Wire()
    call(line, SECOND)
    line.callee.agent.ring(line.offered, line.now)
    line.flow()
    line.callee.agent.reject(line.offered, 503, line.now)
    line.flow()
    assert line.caller.said.count("INVITE") == 1
    assert isinstance(line.caller.events[-1], Rejected)


def test_the_other_trunk_is_known_after_a_restart() -> None:
    line = Wire()
    line.loses = lambda _: True
    call(line, SECOND)
    line.caller = line.caller.restarted(500, line.now)
    line.run(33.0)
    uris = {m.uri for m in line.caller.sent if isinstance(m, Request)}
    assert "sip:0049@second.example" in uris


def test_while_draining_new_calls_are_sent_elsewhere_and_those_that_are_up_go_on() -> None:
    line = Wire()
    ours = line.answered()
    line.callee.agent.drain(line.now)
    line.invite()
    event = line.caller.events[-1]
    assert isinstance(event, Rejected) and event.status == 503
    assert any(isinstance(m, Response) and m.headers.get("retry-after") for m in line.callee.sent)
    asked = OutOfDialog("OPTIONS", "sip:192.0.2.2", "<sip:a@a.example>", "<sip:b@b.example>")
    line.caller.agent.request(asked, Hop(Transport.UDP, CALLEE), line.now)
    line.flow()
    event = line.caller.events[-1]
    assert isinstance(event, Responded) and event.response.status == 503
    line.caller.agent.info(ours, "application/dtmf", b"1", line.now)
    line.flow()
    assert line.callee.said[-1] == "200 INFO"


def test_what_they_say_of_the_caller_stands_in_the_row() -> None:
    line = Wire()
    headers = (("P-Asserted-Identity", "<tel:+4930>"), ("Subject", "x"))
    line.caller.agent.invite(
        "sip:bob@192.0.2.2",
        OFFER,
        "sip:a@192.0.2.1",
        [Hop(Transport.UDP, CALLEE)],
        line.now,
        headers=headers,
    )
    line.flow()
    assert line.callee.rows[line.offered].caller_headers == "P-Asserted-Identity: <tel:+4930>"
