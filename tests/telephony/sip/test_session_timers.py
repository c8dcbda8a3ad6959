"""Session timers: who refreshes, how short is too short, and what happens when nobody does."""

from __future__ import annotations

import pytest

from telephony.flow import Hop, Listener, Transport
from telephony.sip import HungUp, Offered, Policy, Rejected, Renegotiated, UserAgent
from telephony.sip.dialog import DialogState
from telephony.sip.message import Request, Response

from .wire import ANSWER, CALLEE, CALLER, OFFER, Side, Wire, answers, counting, request

SDP = "Content-Type: application/sdp\r\n"


def wired(caller: Policy, callee: Policy) -> Wire:
    wire = Wire()
    for side, policy, seed in ((wire.caller, caller, 1), (wire.callee, callee, 10**6)):
        listeners = [Listener.udp(side.address)]
        side.agent = UserAgent(listeners, "parley", counting(seed), policy=policy)
    return wire


def row(side: Side) -> DialogState:
    (state,) = side.rows.values()
    return state


def called(extra: str) -> tuple[Side, Response]:
    """A call to us with these headers, and the 2xx."""
    side = Side(CALLEE, 1)
    answers(side, request("INVITE", extra=SDP + extra, body=OFFER))
    (dialog_id,) = side.rows
    side.agent.accept(dialog_id, ANSWER, 0.0)
    side.drain()
    ok = side.sent[-1]
    assert isinstance(ok, Response)
    answers(side, request("ACK", branch="z9hG4bKa", to_tag=row(side).local_tag))
    return side, ok


@pytest.mark.parametrize(
    ("extra", "expires", "requires"),
    [
        ("", None, None),
        ("Supported: timer\r\n", "1800;refresher=uas", None),
        ("k: timer\r\nx: 120;refresher=uac\r\n", "120;refresher=uac", "timer"),
        ("Supported: timer\r\nSession-Expires: 120;refresher=uas\r\n", "120;refresher=uas", None),
        ("Supported: timer\r\nSession-Expires: 120\r\n", "120;refresher=uas", None),
        ("Session-Expires: 120;refresher=uac\r\n", "120;refresher=uas", None),
        ("Session-Expires: 9\r\n", "90;refresher=uas", None),
        ("Supported: timer\r\nSession-Expires: 99999\r\n", "1800;refresher=uas", None),
        (
            "Supported: timer\r\nSession-Expires: 99999\r\nMin-SE: 7200\r\n",
            "7200;refresher=uas",
            None,
        ),
        ("Supported: timer\r\nSession-Expires: soon\r\n", "1800;refresher=uas", None),
    ],
)
def test_what_a_caller_asks_for_is_agreed_to(
    extra: str, expires: str | None, requires: str | None
) -> None:
    _, ok = called(extra)
    assert (ok.headers.get("session-expires"), ok.headers.get("require")) == (expires, requires)


def test_too_short_an_interval_is_refused_to_who_understands_that() -> None:
    side = Side(CALLEE, 1)
    extra = SDP + "Supported: timer\r\nSession-Expires: 60\r\n"
    (refused,) = answers(side, request("INVITE", extra=extra, body=OFFER))
    assert (refused.status, refused.headers.get("min-se")) == (422, "90")
    assert side.agent.dialog_count == 0
    up, _ = called("")
    short = request(
        "UPDATE",
        branch="z9hG4bKu",
        cseq=2,
        to_tag=row(up).local_tag,
        extra="Supported: timer\r\nSession-Expires: 60\r\n",
    )
    assert [m.status for m in answers(up, short)] == [422]


def test_our_call_asks_again_for_as_long_as_they_want() -> None:
    wire = wired(Policy(120), Policy(session_expires_min_s=600))
    ours = wire.invite()
    assert wire.caller.said == ["INVITE", "ACK", "INVITE"]
    second = wire.caller.sent[-1]
    assert second.headers.get("session-expires") == "600"
    assert second.headers.get("min-se") == "600"
    assert second.cseq.number == 2
    wire.callee.agent.accept(next(iter(wire.callee.rows)), ANSWER, wire.now)
    wire.flow()
    assert wire.caller.rows[ours].session_expires_s == 600


def test_who_wants_ever_more_is_asked_only_once_more() -> None:
    wire = wired(Policy(120), Policy())
    ours = wire.caller.agent.invite(
        "sip:bob@192.0.2.2", OFFER, "sip:a@192.0.2.1", [Hop(Transport.UDP, CALLEE)], 0.0
    )
    for least in ("300", "400"):
        invites = [packet for packet in wire.caller.drain() if packet.data[:6] == b"INVITE"]
        assert len(invites) == 1
        sent = [m for m in wire.caller.sent if isinstance(m, Request) and m.method == "INVITE"]
        lines = sent[-1].headers.only("via", "from", "to", "call-id", "cseq").lines
        refused = Response(
            type(sent[-1].headers)((*lines, ("Min-SE", least))), status=422, reason="x"
        )
        wire.caller.receive(bytes(refused), CALLEE, 0.1)
    wire.caller.drain()
    assert wire.caller.events[-1] == Rejected(ours, 422, "x")


@pytest.mark.parametrize("role", ["uac", "uas"])
def test_a_session_is_refreshed_by_update_at_half_time(role: str) -> None:
    wire = wired(Policy(120), Policy(120))
    wire.caller.agent.invite(
        "sip:bob@192.0.2.2", OFFER, "sip:a@192.0.2.1", [Hop(Transport.UDP, CALLEE)], wire.now
    )
    for packet in wire.caller.drain():
        asked = b"Session-Expires: 120;refresher=" + role.encode()
        wire.callee.receive(packet.data.replace(b"Session-Expires: 120", asked), CALLER, wire.now)
    wire.flow()
    wire.callee.agent.accept(wire.offered, ANSWER, wire.now)
    wire.flow()
    assert row(wire.caller).is_refresher is (role == "uac")
    side = wire.caller if role == "uac" else wire.callee
    wire.run(59)
    assert "UPDATE" not in side.said
    wire.run(2)
    assert side.said[-1] == "UPDATE"
    update = side.sent[-1]
    assert update.headers.get("session-expires") == "120;refresher=uac"
    assert update.contact is not None and not update.body
    wire.run(1_000)
    assert row(wire.caller).status == row(wire.callee).status == "confirmed"
    assert 16 <= side.said.count("UPDATE") <= 18


def test_a_peer_without_update_is_refreshed_by_an_unchanged_reinvite() -> None:
    side, _ = called("Supported: timer\r\nSession-Expires: 120\r\nAllow: INVITE, ACK, BYE\r\n")
    side.agent.wake(60.0)
    side.drain()
    invite = side.sent[-1]
    assert isinstance(invite, Request) and invite.method == "INVITE"
    assert invite.body == ANSWER
    assert invite.headers.get("session-expires") == "120;refresher=uac"
    lines = invite.headers.only("via", "from", "to", "call-id", "cseq").lines
    more = (("Session-Expires", "120;refresher=uac"), ("Content-Type", "application/sdp"))
    ok = Response(type(invite.headers)((*lines, *more)), status=200, reason="OK", body=OFFER)
    side.receive(bytes(ok), CALLER, 61.0)
    side.drain()
    assert side.said[-1] == "ACK" and side.events[-1] == Renegotiated(row(side).id, OFFER)
    assert row(side).session_from_us == 61_000_000


def test_update_refused_for_good_is_followed_by_a_reinvite() -> None:
    wire = wired(Policy(120), Policy(120))
    wire.answered()
    wire.run(59.9)
    wire.loses = lambda what: what == "UPDATE"
    wire.run(0.2)
    update = wire.callee.sent[-1]
    assert isinstance(update, Request) and update.method == "UPDATE"
    lines = update.headers.only("via", "from", "to", "call-id", "cseq")
    wire.callee.receive(bytes(Response(lines, status=405, reason="x")), CALLER, wire.now)
    wire.flow()
    assert wire.callee.said[-1] == "INVITE"
    assert isinstance(wire.caller.events[-1], Offered)


def test_a_session_nobody_refreshes_is_ended_shortly_before_its_end() -> None:
    side, _ = called("Supported: timer\r\nSession-Expires: 90;refresher=uac\r\n")
    side.agent.wake(59.9)
    assert side.drain() == []
    side.agent.wake(60.0)
    side.drain()
    assert side.said[-1] == "BYE"
    side.receive(_ok(side), CALLER, 60.1)
    side.drain()
    assert side.events[-1] == HungUp(row(side).id, "session expired")


def _ok(side: Side) -> bytes:
    bye = side.sent[-1]
    lines = bye.headers.only("via", "from", "to", "call-id", "cseq")
    return bytes(Response(lines, status=200, reason="OK"))


def test_a_refresh_of_theirs_begins_the_interval_anew() -> None:
    side, _ = called("Supported: timer\r\nSession-Expires: 90;refresher=uac\r\n")
    refresh = request(
        "UPDATE",
        branch="z9hG4bKu",
        cseq=2,
        to_tag=row(side).local_tag,
        extra="Supported: timer\r\nSession-Expires: 90;refresher=uac\r\n",
    )
    (ok,) = answers(side, refresh, now=50.0)
    assert ok.headers.get("session-expires") == "90;refresher=uac"
    side.agent.wake(109.0)
    assert side.drain() == []
    side.agent.wake(110.0)
    assert side.drain() != []


def test_a_refresh_which_came_due_while_we_were_down_is_sent_at_once() -> None:
    side, _ = called("Supported: timer\r\nSession-Expires: 120\r\nAllow: UPDATE\r\n")
    heir = side.restarted(44, 100.0)
    heir.agent.wake(100.0)
    heir.drain()
    assert heir.said == ["UPDATE"]


def test_a_refresh_of_theirs_which_may_come_again_after_our_restart_is_waited_for() -> None:
    side, _ = called("Supported: timer\r\nSession-Expires: 90;refresher=uac\r\n")
    heir = side.restarted(44, 70.0)
    heir.agent.wake(70.0)
    assert heir.drain() == []
    heir.agent.wake(102.0)
    heir.drain()
    assert heir.said == ["BYE"]


def test_a_refresh_nobody_answers_ends_the_call() -> None:
    wire = wired(Policy(120), Policy(120))
    wire.answered()
    wire.run(59)
    wire.loses = lambda _: True
    wire.run(100)
    assert wire.callee.events[-1] == HungUp(row(wire.callee).id, "unreachable")


def test_without_a_policy_of_ours_none_is_asked_for() -> None:
    wire = wired(Policy(0), Policy(0))
    ours = wire.answered()
    assert wire.caller.sent[0].headers.get("session-expires") is None
    assert wire.caller.rows[ours].session_expires_s == 0
    wire.run(40)
    assert (wire.caller.agent.wake_at, wire.callee.agent.wake_at) == (None, None)
