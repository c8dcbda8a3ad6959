"""How messages travel: transports, hops which fail, and who may knock at all."""

from __future__ import annotations

import pytest

from telephony.address import Address
from telephony.flow import Flow, Hop, Listener, Transport
from telephony.sip import Accepted, Failed, Rejected, Responded, Transmit, UserAgent
from telephony.sip.core import OutOfDialog
from telephony.sip.errors import NoListener
from telephony.sip.gate import Admitted, Refused, Silent, Verdict
from telephony.sip.message import Request, Response
from telephony.sip.parser import parse
from telephony.sip.sender import Sender
from telephony.sip.transactions.timers import T1

from .wire import ANSWER, CALLEE, OFFER, STRANGER, Side, Wire, answers, counting, request

HOME = Address("192.0.2.2", 5060)
SECURE = Address("192.0.2.2", 5061)
LISTENERS = (
    Listener.udp(HOME),
    Listener(Transport.TCP, HOME, Address("203.0.113.5", 5060)),
    Listener(Transport.TLS, SECURE, SECURE),
    Listener.udp(Address("2001:db8::1", 5060)),
)
TCP = Flow(Transport.TCP, HOME, Address("198.51.100.1", 40_000))


def agent() -> UserAgent:
    return UserAgent(LISTENERS, "parley", counting(1))


def sent(agent: UserAgent) -> list[Transmit]:
    outputs = iter(agent.poll, None)
    return [output for output in outputs if isinstance(output, Transmit)]


def test_we_are_told_of_as_the_flow_is_reached() -> None:
    sender = Sender(LISTENERS, "us")
    assert sender.contact(TCP) == "<sip:us@203.0.113.5:5060;transport=tcp>"
    assert sender.via(TCP, "b") == "SIP/2.0/TCP 203.0.113.5:5060;branch=b;rport"
    six = sender.towards(Hop(Transport.UDP, Address("2001:db8::9", 5060)))
    assert sender.contact(six) == "<sip:us@[2001:db8::1]:5060>"
    # Nothing listens for TCP over IPv6: the connection is made, and they call back by UDP.
    assert "transport" not in sender.contact(
        sender.towards(Hop(Transport.TCP, Address("2001:db8::9", 5060)))
    )


def test_who_calls_securely_is_told_to_go_on_so() -> None:
    sender = Sender(LISTENERS, "us")
    tls = Flow(Transport.TLS, SECURE, Address("198.51.100.1", 40_000))
    assert sender.contact(tls, "sips:x@h") == "<sips:us@192.0.2.2:5061>"
    assert sender.contact(tls, "sip:x@h") == "<sip:us@192.0.2.2:5061;transport=tls>"
    side = agent()
    invite = request("INVITE", uri="sips:bob@h", extra="Content-Type: application/sdp\r\n")
    side.receive(invite, tls, 0.0)
    side.accept(next(iter(side._core._dialogs)), ANSWER, 0.0)
    assert b"Contact: <sips:parley@192.0.2.2:5061>" in sent(side)[-1].data


def test_what_nothing_leads_to_is_refused() -> None:
    only_tcp = Sender(LISTENERS[1:2], "us")
    with pytest.raises(NoListener, match=r"sip\.listen"):
        only_tcp.towards(Hop(Transport.UDP, STRANGER))


def test_responses_go_back_by_the_connection_or_to_where_the_peer_listens() -> None:
    side = agent()
    side.receive(request("OPTIONS", via="198.51.100.1:5070"), TCP, 0.0)
    (answer,) = sent(side)
    assert answer.flow == TCP
    assert answer.otherwise == Address("198.51.100.1", 5070)


def test_a_dialog_over_tcp_stays_on_its_connection_and_follows_a_new_one() -> None:
    side = agent()
    invite = request("INVITE", extra="Content-Type: application/sdp\r\n", body=OFFER)
    side.receive(invite, TCP, 0.0)
    dialog = next(iter(side._core._dialogs))
    side.accept(dialog, ANSWER, 0.0)
    tag = parse(sent(side)[-1].data).to.tag
    side.receive(request("ACK", branch="z9hG4bKa", to_tag=tag), TCP, 0.1)
    anew = TCP.to(Address("198.51.100.1", 40_001))
    side.receive(request("OPTIONS", branch="z9hG4bKo", cseq=2, to_tag=tag), anew, 0.2)
    side.bye(dialog, 0.3)
    bye = sent(side)[-1]
    assert bye.flow == anew
    assert b"SIP/2.0/TCP" in bye.data


def test_nothing_is_repeated_over_tcp_but_the_2xx() -> None:
    side = agent()
    ours = side.invite("sip:x@203.0.113.9", OFFER, "sip:y@a.example", [Hop(*TCP_HOP)], 0.0)
    assert len(sent(side)) == 1
    side.wake(32 * T1)
    assert sent(side) == []
    side.wake(64 * T1)
    assert Failed(ours, "timed out") in list(iter(side.poll, None))


TCP_HOP = (Transport.TCP, Address("203.0.113.9", 5060))


def test_a_broken_connection_fails_what_waits_on_it_and_the_next_hop_is_tried() -> None:
    side = agent()
    hops = [Hop(*TCP_HOP), Hop(Transport.UDP, STRANGER)]
    ours = side.invite("sip:x@203.0.113.9", OFFER, "sip:y@a.example", hops, 0.0)
    (first,) = sent(side)
    side.unreachable(first.flow, 1.0)
    (second,) = sent(side)
    assert (second.flow.transport, second.flow.remote) == (Transport.UDP, STRANGER)
    one, other = parse(first.data), parse(second.data)
    assert one.via.branch != other.via.branch
    assert (one.call_id, one.cseq.number + 1) == (other.call_id, other.cseq.number)
    side.unreachable(second.flow, 2.0)
    assert Failed(ours, "timed out") in list(iter(side.poll, None))


def test_503_tries_the_next_hop_and_486_does_not() -> None:
    for status, expected in ((503, 2), (486, 1)):
        wire = Wire()
        hops = [Hop(Transport.UDP, STRANGER), Hop(Transport.UDP, CALLEE)]
        ours = wire.caller.agent.invite(
            "sip:bob@192.0.2.2", OFFER, "sip:a@192.0.2.1", hops, wire.now
        )
        (first,) = wire.caller.drain()
        refused = _refused(parse(first.data), status)
        wire.caller.receive(bytes(refused), STRANGER, wire.now)
        wire.flow()
        assert wire.caller.said.count("INVITE") == expected
        if status == 503:
            wire.callee.agent.accept(wire.offered, ANSWER, wire.now)
            wire.flow()
            assert wire.caller.events[-1] == Accepted(ours, ANSWER)
        else:
            assert isinstance(wire.caller.events[-1], Rejected)


def test_hops_left_outlive_a_restart() -> None:
    wire = Wire()
    hops = [Hop(Transport.UDP, STRANGER), Hop(Transport.UDP, CALLEE)]
    wire.caller.agent.invite("sip:bob@192.0.2.2", OFFER, "sip:a@192.0.2.1", hops, wire.now)
    wire.caller.drain()
    wire.caller = wire.caller.restarted(500, wire.now)
    wire.run(64 * T1 + 1)
    assert wire.callee.said[0] == "100 INVITE"


def _refused(message: object, status: int) -> Response:
    assert isinstance(message, Request)
    names = ("via", "from", "to", "call-id", "cseq")
    return Response(message.headers.only(*names), status=status, reason="No")


class Door:
    """Knows one address."""

    def knows(self, flow: Flow) -> bool:
        return flow.remote == CALLEE

    def admit(self, request: Request, flow: Flow, now: float) -> Verdict:
        return Admitted("carrier") if self.knows(flow) else Silent()

    def limit(self, trunk: str, calls: int, now: float) -> Refused | None:
        return None


def test_strangers_hear_nothing() -> None:
    side = Side(HOME, 1)
    side.agent = UserAgent(LISTENERS, "parley", counting(1), gate=Door())
    broken = request("OPTIONS").replace(b"CSeq: 1 OPTIONS", b"CSeq: x OPTIONS")
    for data in (
        request("OPTIONS"),
        request("INVITE"),
        request("REGISTER"),
        request("BYE", to_tag="t"),
        request("CANCEL"),
        request("INVITE", uri="mailto:x@y"),
        broken,
    ):
        assert answers(side, data) == []
    (answer,) = answers(side, request("OPTIONS", via="192.0.2.2:5060"), CALLEE)
    assert answer.status == 200


def test_the_row_of_a_call_names_its_trunk() -> None:
    side = Side(HOME, 1)
    side.agent = UserAgent(LISTENERS, "parley", counting(1), gate=Door())
    answers(side, request("INVITE", extra="Content-Type: application/sdp\r\n", body=OFFER), CALLEE)
    (row,) = side.rows.values()
    assert row.trunk == "carrier"


def test_a_request_outside_of_dialogs_is_answered_or_given_up() -> None:
    wire = Wire()
    asked = OutOfDialog("OPTIONS", "sip:192.0.2.2", "<sip:us@a.example>", "<sip:192.0.2.2>")
    first = wire.caller.agent.request(asked, Hop(Transport.UDP, CALLEE), wire.now)
    wire.flow()
    wire.loses = lambda _: True
    second = wire.caller.agent.request(asked, Hop(Transport.UDP, CALLEE), wire.now)
    wire.run(64 * T1 + 1)
    told = [event for event in wire.caller.events if isinstance(event, Responded)]
    assert [(event.request_id, event.response.status) for event in told] == [
        (first, 200),
        (second, 408),
    ]
