"""Next hops which have a name, and what large requests go by."""

from __future__ import annotations

from ipaddress import ip_network

from telephony.address import Address
from telephony.flow import Flow, Hop, Listener, Transport
from telephony.sip import DialogState, Resolve, Save, Transmit, UserAgent
from telephony.sip.dialog import read_hop, written_hop
from telephony.sip.message import Request
from telephony.sip.parser import parse

from .wire import ANSWER, CALLEE, CALLER, OFFER, STRANGER, Side, Wire, counting, request

HOME = Address("192.0.2.2", 5060)
NAMED = "sip:eve@pbx.example;transport=tcp"
PBX = Hop(Transport.TCP, Address("198.51.100.7", 5060))
LISTENERS = (Listener.udp(HOME), Listener(Transport.TCP, HOME, HOME))


def invited(contact: str, via: str = "203.0.113.9:4711", flow: Flow | None = None) -> Side:
    side = Side(HOME, 1)
    side.agent = UserAgent(LISTENERS, "parley", counting(1))
    data = request("INVITE", via=via, extra="Content-Type: application/sdp\r\n", body=OFFER)
    data = data.replace(b"<sip:eve@203.0.113.9:4711>", f"<{contact}>".encode())
    side.agent.receive(data, flow or Flow(Transport.UDP, HOME, STRANGER), 0.0)
    side.drain()
    return side


def asked(side: Side) -> list[Resolve]:
    return [output for output in side.outputs if isinstance(output, Resolve)]


def row_of(side: Side) -> DialogState:
    (row,) = side.rows.values()
    return row


def test_a_named_contact_is_asked_about_and_requests_go_where_it_is() -> None:
    side = invited(NAMED)
    (question,) = asked(side)
    assert question == Resolve(row_of(side).id, NAMED)
    assert row_of(side).flow.remote == STRANGER
    side.agent.resolved(question.dialog_id, question.uri, [PBX])
    side.drain()
    assert (row_of(side).flow.transport, row_of(side).flow.remote) == PBX[:2]


def test_where_a_name_leads_nowhere_requests_go_back_to_the_source() -> None:
    side = invited(NAMED)
    side.agent.resolved(row_of(side).id, NAMED, [])
    side.agent.resolved(row_of(side).id, "sip:other@pbx.example", [PBX])
    six = Hop(Transport.UDP, Address("2001:db8::1", 5060))
    side.agent.resolved(row_of(side).id, NAMED, [six])
    side.agent.resolved("nobody", NAMED, [PBX])
    side.drain()
    assert row_of(side).flow.remote == STRANGER


def test_where_we_talk_already_is_kept_though_another_would_be_better() -> None:
    flow = Flow(Transport.TCP, HOME, Address(PBX.address.host, 40_123))
    side = invited(NAMED, "198.51.100.7:5060", flow)
    side.agent.resolved(row_of(side).id, NAMED, [Hop(Transport.UDP, STRANGER), PBX])
    side.drain()
    assert row_of(side).flow == flow
    dialog = row_of(side).id
    side.agent.accept(dialog, ANSWER, 0.0)
    side.drain()
    ok = next(m for m in side.sent if m.to.tag)
    ack = request("ACK", branch="z9hG4bKa", to_tag=ok.to.tag)
    side.agent.receive(ack, flow, 0.1)
    side.agent.bye(dialog, 0.2)
    (bye,) = side.drain()
    assert (bye.flow, bye.otherwise) == (flow, PBX.address), "else where the name leads"


def test_a_target_which_moves_to_another_name_is_asked_about_anew() -> None:
    wire = Wire()
    wire.answered()
    row = wire.callee.rows[wire.offered]
    for number, method in enumerate(("UPDATE", "INVITE")):
        moved = request(
            method,
            call_id=row.call_id,
            cseq=10 + number,
            from_tag=row.remote_tag,
            to_tag=row.local_tag,
            branch=f"z9hG4bKm{number}",
            via="192.0.2.1:5060",
        ).replace(b"<sip:eve@203.0.113.9:4711>", f"<sip:a@new{number}.example>".encode())
        wire.callee.receive(moved, CALLER, wire.now)
        wire.callee.drain()
    assert [one.uri for one in asked(wire.callee)] == ["sip:a@new0.example", "sip:a@new1.example"]


def test_a_caller_behind_a_nat_is_not_looked_for() -> None:
    assert asked(invited(NAMED, via="10.0.0.5:5060")) == []


def test_an_address_needs_no_asking() -> None:
    assert asked(invited("sip:eve@198.51.100.7")) == []


def test_a_callee_with_a_name_is_asked_about() -> None:
    wire = Wire()
    wire.callee.agent = UserAgent(
        [Listener(Transport.UDP, CALLEE, Address("b.example", 5060))], "parley", counting(77)
    )
    dialog = wire.answered()
    assert asked(wire.caller) == [Resolve(dialog, "sip:parley@b.example:5060")]
    elsewhere = Hop(Transport.UDP, Address("192.0.2.77", 5070))
    wire.caller.agent.resolved(dialog, "sip:parley@b.example:5060", [elsewhere])
    wire.caller.agent.bye(dialog, wire.now)
    assert wire.caller.drain()[-1].flow.remote == elsewhere.address


def large() -> tuple[tuple[str, str], ...]:
    return (("X-Filler", "x" * 1_300),)


def test_a_large_invite_goes_by_tcp_and_by_udp_where_nobody_takes_that() -> None:
    agent = UserAgent(LISTENERS, "parley", counting(1))
    udp, tcp = Hop(Transport.UDP, STRANGER), Hop(Transport.TCP, STRANGER)
    agent.invite("sip:x@h", OFFER, "sip:y@h", [udp, tcp], 0.0, headers=large())
    (first,) = sent(agent)
    assert first.flow.transport is Transport.TCP
    assert parse(first.data).via.transport == "TCP"
    agent.unreachable(first.flow, 0.1)
    (second,) = sent(agent)
    assert (second.flow.transport, parse(second.data).via.transport) == (Transport.UDP, "UDP")
    agent.invite("sip:x@h", OFFER, "sip:y@h", [udp], 0.0, headers=large())
    agent.invite("sip:x@h", OFFER, "sip:y@h", [udp, tcp], 0.0)
    assert [packet.flow.transport for packet in sent(agent)] == [Transport.UDP] * 2


def sent(agent: UserAgent) -> list[Transmit]:
    return [output for output in iter(agent.poll, None) if isinstance(output, Transmit)]


def test_a_hop_and_the_name_which_it_proves_outlive_a_restart() -> None:
    hop = Hop(Transport.TLS, Address("2001:db8::1", 5061), "carrier.example")
    assert read_hop(written_hop(hop)) == hop
    assert read_hop("udp 5060 192.0.2.1") == Hop(Transport.UDP, CALLER)
    agent = UserAgent([Listener(Transport.TLS, Address("::", 5061), HOME)], "parley", counting(1))
    agent.invite("sips:x@carrier.example", OFFER, "sip:y@h", [hop], 0.0)
    (saved,) = [output for output in iter(agent.poll, None) if isinstance(output, Save)]
    heir = UserAgent([Listener(Transport.TLS, Address("::", 5061), HOME)], "parley", counting(9))
    heir.restore(saved.state, 1.0)
    (again,) = sent(heir)
    assert (again.flow.remote, again.flow.name) == (hop.address, hop.name)


def test_those_on_our_side_of_a_nat_are_told_our_own_address() -> None:
    both = Listener(Transport.UDP, HOME, Address("203.0.113.5", 5060), HOME)
    for host, expected in (("10.1.2.3", "192.0.2.2"), ("198.51.100.9", "203.0.113.5")):
        agent = UserAgent([both], "parley", counting(1), local_networks=[ip_network("10.0.0.0/8")])
        agent.invite("sip:x@h", OFFER, "sip:y@h", [Hop(Transport.UDP, Address(host, 5060))], 0.0)
        (packet,) = sent(agent)
        invite = parse(packet.data)
        assert isinstance(invite, Request) and invite.contact is not None
        assert (invite.via.host, invite.contact.uri.host) == (expected, expected)
