"""Redirections: followed in order, once each, within limits."""

from __future__ import annotations

import pytest

from telephony.address import Address
from telephony.flow import Hop, Transport
from telephony.sip import Accepted, Failed, Rejected, Transmit
from telephony.sip.message import Request, Response
from telephony.sip.parser import parse
from telephony.sip.redirect import REDIRECTS_MAX, TARGETS_MAX
from telephony.sip.responses import respond

from .wire import ANSWER, CALLEE, CALLER, OFFER, Side

TARGET = "sip:bob@192.0.2.2"


class Caller:
    """A caller, and whoever it calls, who answers as told."""

    def __init__(self, redirects_max: int = REDIRECTS_MAX, target: str = TARGET) -> None:
        self.side = Side(CALLER, 1)
        self.ours = self.side.agent.invite(
            target,
            OFFER,
            "sip:alice@192.0.2.1",
            [Hop(Transport.UDP, CALLEE)],
            0.0,
            redirects_max=redirects_max,
        )
        self.uris: list[str] = []
        self.addresses: list[Address] = []
        self._last: Transmit | None = None
        self.drain()

    def drain(self) -> None:
        for packet in self.side.drain():
            message = parse(packet.data)
            if isinstance(message, Request) and message.method == "INVITE":
                self.uris.append(message.uri)
                self.addresses.append(packet.flow.remote)
                self._last = packet

    def answered(self, status: int, *contacts: str) -> None:
        """The INVITE sent last is answered."""
        assert self._last is not None
        invite = parse(self._last.data)
        assert isinstance(invite, Request)
        headers = tuple(("Contact", contact) for contact in contacts)
        body = ANSWER if status < 300 else b""
        response = respond(invite, status, "theirs", headers=headers, body=body)
        self.side.receive(bytes(response), self._last.flow.remote, 0.0)
        self.drain()


def test_contacts_are_tried_in_the_order_of_their_preference_until_one_answers() -> None:
    call = Caller()
    call.answered(
        302,
        "<sip:a@198.51.100.1>;q=0.3, <mailto:bob@example.com>, <sip:b@198.51.100.2:5070>;q=0.75",
        "<sip:c@198.51.100.3>",
    )
    call.answered(486)
    call.answered(404)
    call.answered(200, "<sip:a@198.51.100.1>")
    assert call.uris == [
        TARGET,
        "sip:c@198.51.100.3",
        "sip:b@198.51.100.2:5070",
        "sip:a@198.51.100.1",
    ]
    assert call.addresses[2] == Address("198.51.100.2", 5070)
    assert call.side.events == [Accepted(call.ours, ANSWER)]


def test_the_same_call_goes_on_with_a_new_number() -> None:
    call = Caller()
    call.answered(301, "<sip:a@198.51.100.1>")
    first, second = [m for m in call.side.sent if isinstance(m, Request) and m.method == "INVITE"]
    assert (first.call_id, str(first.to), first.from_.tag) == (
        second.call_id,
        str(second.to),
        second.from_.tag,
    )
    assert second.cseq.number == first.cseq.number + 1
    assert second.via.branch != first.via.branch
    assert call.side.rows[call.ours].remote_target == "sip:a@198.51.100.1"


def test_a_number_or_a_name_goes_where_the_call_went() -> None:
    call = Caller()
    call.answered(302, "<tel:+41790001122>", "<sip:bob@carrier.example?X=1>")
    call.answered(404)
    assert call.uris == [TARGET, "tel:+41790001122", "sip:bob@carrier.example"]
    assert set(call.addresses) == {CALLEE}


def test_a_loop_ends() -> None:
    call = Caller()
    call.answered(302, "<sip:a@198.51.100.1>")
    call.answered(302, f"<{TARGET}>", "<sip:a@198.51.100.1>")
    assert call.side.events == [Rejected(call.ours, 302, "Redirected")]
    assert len(call.uris) == 2


def test_redirections_without_end_are_given_up() -> None:
    call = Caller()
    for n in range(REDIRECTS_MAX + 3):
        if not call.side.events:
            call.answered(302, f"<sip:{n}@198.51.100.1>")
    assert len(call.uris) == 1 + REDIRECTS_MAX
    assert isinstance(call.side.events[-1], Rejected)


def test_a_long_list_is_cut() -> None:
    call = Caller()
    call.answered(300, *(f"<sip:{n}@198.51.100.1>" for n in range(15)))
    while not call.side.events:
        call.answered(404)
    assert len(call.uris) == TARGETS_MAX


@pytest.mark.parametrize(
    ("status", "contact"),
    [
        (305, "<sip:a@198.51.100.1>"),
        (380, "<sip:a@198.51.100.1>"),
        (302, "<http://example.com>"),
        (302, "*"),
        (302, '"'),
        (302, ",".join(["<sip:a@198.51.100.1>"] * 60)),
        (302, f"<sip:{'a' * 600}@198.51.100.1>"),
    ],
)
def test_what_names_nobody_to_call_is_a_refusal(status: int, contact: str) -> None:
    call = Caller()
    call.answered(status, contact)
    assert isinstance(call.side.events[-1], Rejected)
    assert call.uris == [TARGET]


def test_a_secure_call_stays_secure() -> None:
    call = Caller(target="sips:bob@192.0.2.2")
    call.answered(302, "<sip:a@198.51.100.1>")
    assert isinstance(call.side.events[-1], Rejected)


def test_a_policy_which_follows_nobody_does_not() -> None:
    call = Caller(redirects_max=0)
    call.answered(302, "<sip:a@198.51.100.1>")
    assert call.side.events == [Rejected(call.ours, 302, "Redirected")]


def test_a_6xx_is_final_for_every_place() -> None:
    call = Caller()
    call.answered(302, "<sip:a@198.51.100.1>", "<sip:b@198.51.100.2>")
    call.answered(603)
    assert call.side.events == [Rejected(call.ours, 603, "Decline")]


def test_a_place_where_nobody_answers_is_left_for_the_next() -> None:
    call = Caller()
    call.answered(302, "<sip:a@198.51.100.1>", "<sip:b@198.51.100.2>")
    while len(set(call.uris)) < 3 and (at := call.side.agent.wake_at) is not None:
        call.side.agent.wake(at)
        call.drain()
    assert call.uris[-1] == "sip:b@198.51.100.2"
    assert not [event for event in call.side.events if isinstance(event, Failed)]


def test_a_call_which_was_given_up_is_not_made_elsewhere() -> None:
    call = Caller()
    call.side.agent.cancel(call.ours, 0.0)
    call.answered(302, "<sip:a@198.51.100.1>")
    assert call.uris == [TARGET]


def test_a_restart_goes_on_where_the_call_was_sent() -> None:
    call = Caller()
    call.answered(302, "<sip:a@198.51.100.1>", "<sip:b@198.51.100.2>")
    heir = call.side.restarted(5, 0.0)
    (packet,) = heir.drain()
    invite = parse(packet.data)
    assert isinstance(invite, Request) and invite.uri == "sip:a@198.51.100.1"
    heir.receive(bytes(respond(invite, 404, "t")), packet.flow.remote, 0.0)
    sent = [parse(each.data) for each in heir.drain()]
    assert [m.uri for m in sent if isinstance(m, Request) and m.method == "INVITE"] == [
        "sip:b@198.51.100.2"
    ]
    assert not [m for m in sent if isinstance(m, Response)]
