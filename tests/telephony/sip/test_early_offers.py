"""Offers before a call is answered: in a PRACK of theirs, in an UPDATE of ours."""

from __future__ import annotations

import pytest

from telephony.flow import Listener
from telephony.sip import (
    Accepted,
    Acknowledged,
    Cancelled,
    Event,
    NotRenegotiated,
    Offered,
    Policy,
    Renegotiated,
    UserAgent,
)
from telephony.sip.headers import Lines
from telephony.sip.message import Request, Response
from telephony.sip.responses import respond

from .wire import ANSWER, CALLEE, OFFER, STRANGER, Side, Wire, answers, counting, request

SDP = "Content-Type: application/sdp\r\n"
REQUIRED = SDP + "Require: 100rel\r\nAllow: INVITE, ACK, PRACK, UPDATE\r\n"
HOLD = OFFER.replace(b" 1 1 IN", b" 1 2 IN") + b"a=sendonly\r\n"
HELD = ANSWER.replace(b" 7 3 IN", b" 7 4 IN") + b"a=recvonly\r\n"
PAUSE = ANSWER.replace(b" 7 3 IN", b" 7 4 IN") + b"a=sendonly\r\n"
PAUSED = OFFER.replace(b" 1 1 IN", b" 1 2 IN") + b"a=recvonly\r\n"


class Early:
    """A caller who requires reliable responses, at ours; a 183 has answered their offer."""

    def __init__(self, extra: str = REQUIRED, *, is_pracked: bool = True) -> None:
        self.side = Side(CALLEE, 1)
        answers(self.side, request("INVITE", extra=extra, body=OFFER))
        ((self.id, row),) = self.side.rows.items()
        self.tag = row.local_tag
        self.side.agent.progress(self.id, ANSWER, 0.0)
        self.side.drain()
        first = self.side.sent[-1]
        assert isinstance(first, Response)
        self.rseq = int(first.headers.get("rseq") or 0)
        if is_pracked:
            answers(self.side, self.prack())

    def prack(self, body: bytes = b"", cseq: int = 2) -> bytes:
        return self.request("PRACK", body, cseq, f"RAck: {self.rseq} 1 INVITE\r\n")

    def request(self, method: str, body: bytes, cseq: int, extra: str = "") -> bytes:
        kind = SDP if body else ""
        return request(
            method,
            branch=f"z9hG4bKr{cseq}",
            cseq=cseq,
            to_tag=self.tag,
            extra=kind + extra,
            body=body,
        )

    def update(self, now: float = 0.0) -> Request:
        """The UPDATE which was sent last."""
        self.side.agent.wake(now)
        self.side.drain()
        sent = [one for one in self.side.sent if isinstance(one, Request)][-1]
        assert sent.method == "UPDATE"
        return sent

    def answered(
        self, update: Request, status: int, body: bytes = b"", more: Lines = (), now: float = 0.0
    ) -> list[str]:
        """What ours says once their answer to the UPDATE came."""
        before = len(self.side.said)
        response = respond(update, status, headers=more, body=body)
        self.side.receive(bytes(response), STRANGER, now)
        self.side.drain()
        return self.side.said[before:]

    @property
    def sdp(self) -> tuple[bytes, bytes, str]:
        row = self.side.rows[self.id]
        return row.local_sdp, row.remote_sdp, row.exchange


def last(side: Side) -> Event:
    return side.events[-1]


# --- theirs, in a PRACK -------------------------------------------------------------------------


def test_an_offer_in_a_prack_is_answered_in_its_200_and_the_call_after_it() -> None:
    early = Early(is_pracked=False)
    side = early.side
    assert answers(side, early.prack(HOLD)) == []
    assert last(side) == Offered(early.id, HOLD, "PRACK")
    side.agent.accept(early.id, ANSWER, 0.1)
    # It came: the 183 is not repeated, and what they offer is answered first.
    side.agent.wake(0.6)
    assert side.drain() == []
    side.agent.agree(early.id, "PRACK", HELD, 0.2)
    side.drain()
    prack, invite = side.sent[-2:]
    assert isinstance(prack, Response) and isinstance(invite, Response)
    assert (prack.cseq.method, prack.status, prack.body) == ("PRACK", 200, HELD)
    assert prack.headers.get("contact") is None
    assert (invite.cseq.method, invite.status, invite.body) == ("INVITE", 200, b"")
    assert early.sdp == (HELD, HOLD, "stable")
    assert answers(side, early.request("ACK", b"", 1)) == []
    assert last(side) == Acknowledged(early.id, None)


def test_an_offer_in_a_prack_which_is_refused_changes_nothing() -> None:
    early = Early(is_pracked=False)
    answers(early.side, early.prack(HOLD))
    early.side.agent.disagree(early.id, "PRACK", 0.1)
    early.side.agent.accept(early.id, ANSWER, 0.2)
    early.side.drain()
    assert early.side.said[-2:] == ["488 PRACK", "200 INVITE"]
    assert early.sdp == (ANSWER, OFFER, "stable")


def test_an_offer_in_a_prack_outlives_a_restart_and_its_answer_another() -> None:
    early = Early(is_pracked=False)
    answers(early.side, early.prack(HOLD))
    early.side.agent.accept(early.id, ANSWER, 0.1)
    early.side.drain()
    heir = early.side.restarted(50, 1.0)
    heir.drain()
    assert heir.events == [Offered(early.id, HOLD, "PRACK")]
    heir.agent.agree(early.id, "PRACK", HELD, 1.0)
    heir.drain()
    assert heir.said == ["200 PRACK", "200 INVITE"]
    third = heir.restarted(70, 2.0)
    (again,) = [m for m in answers(third, early.prack(HOLD)) if m.cseq.method == "PRACK"]
    assert (again.status, again.body) == (200, HELD)


def test_an_answer_in_a_prack_is_not_answered_again_after_a_restart() -> None:
    side = Side(CALLEE, 1)
    answers(side, request("INVITE", extra="Require: 100rel\r\n"))
    ((dialog_id, row),) = side.rows.items()
    side.agent.progress(dialog_id, OFFER, 0.0)
    side.drain()
    first = side.sent[-1]
    assert isinstance(first, Response)
    rack = f"RAck: {first.headers.get('rseq')} 1 INVITE\r\n"
    prack = request("PRACK", cseq=2, to_tag=row.local_tag, extra=SDP + rack, body=ANSWER)
    answers(side, prack)
    (again,) = answers(side.restarted(50, 1.0), prack)
    assert (again.status, again.body) == (200, b"")


def test_who_hangs_up_before_their_offer_is_answered_is_answered_all_they_asked() -> None:
    early = Early(is_pracked=False)
    answers(early.side, early.prack(HOLD))
    said = [f"{m.status} {m.cseq.method}" for m in answers(early.side, request("CANCEL"))]
    assert said == ["200 CANCEL", "487 PRACK", "487 INVITE"]
    assert last(early.side) == Cancelled(early.id)
    answers(early.side, early.request("ACK", b"", 1))
    early.side.agent.wake(100.0)
    assert early.side.agent.transaction_count == 0


# --- ours, in an UPDATE -------------------------------------------------------------------------


def test_we_offer_by_update_before_we_answer_and_answer_after_it() -> None:
    early = Early()
    early.side.agent.reoffer(early.id, PAUSE, 0.0)
    update = early.update()
    assert update.body == PAUSE
    early.side.agent.accept(early.id, ANSWER, 0.1)
    assert early.side.drain() == []
    assert early.answered(update, 200, PAUSED) == ["200 INVITE"]
    assert last(early.side) == Renegotiated(early.id, PAUSED)
    assert early.sdp == (PAUSE, PAUSED, "stable")


def test_theirs_gets_491_while_ours_waits_and_the_same_offer_is_made_once() -> None:
    early = Early()
    early.side.agent.reoffer(early.id, PAUSE, 0.0)
    update = early.update()
    early.side.agent.reoffer(early.id, PAUSE, 0.1)
    (glare,) = answers(early.side, early.request("UPDATE", HOLD, 3))
    assert glare.status == 491
    early.answered(update, 200, PAUSED)
    early.side.agent.wake(10.0)
    early.side.drain()
    assert early.side.said.count("UPDATE") == 1


@pytest.mark.parametrize(
    ("status", "more", "least", "most"),
    [(491, (), 0.0, 2.0), (500, (("Retry-After", "7"),), 7.0, 7.0), (500, (), 0.0, 2.0)],
)
def test_an_offer_which_comes_at_the_wrong_time_is_made_again(
    status: int, more: Lines, least: float, most: float
) -> None:
    early = Early()
    early.side.agent.reoffer(early.id, PAUSE, 0.0)
    first = early.update()
    early.answered(first, status, more=more)
    early.side.agent.wake(least - 0.01)
    early.side.drain()
    second = early.update(most)
    assert (second.body, second.cseq.number) == (PAUSE, first.cseq.number + 1)
    early.answered(second, 200, PAUSED, now=most)
    assert last(early.side) == Renegotiated(early.id, PAUSED)


def test_an_offer_which_always_comes_at_the_wrong_time_is_given_up() -> None:
    early = Early()
    early.side.agent.reoffer(early.id, PAUSE, 0.0)
    for second in range(6):
        early.answered(early.update(2.0 * second), 491, now=2.0 * second)
    assert last(early.side) == NotRenegotiated(early.id, 491)
    assert early.sdp == (ANSWER, OFFER, "stable")


@pytest.mark.parametrize("status", [405, 501, 504])
def test_who_takes_no_offer_by_update_gets_a_reinvite_after_the_answer(status: int) -> None:
    early = Early()
    early.side.agent.reoffer(early.id, PAUSE, 0.0)
    assert early.answered(early.update(), status) == []
    by_reinvite_after_the_answer(early)


def test_who_does_not_name_update_gets_a_reinvite_after_the_answer() -> None:
    early = Early(REQUIRED.replace(", UPDATE", ""))
    early.side.agent.reoffer(early.id, PAUSE, 0.0)
    by_reinvite_after_the_answer(early)


def by_reinvite_after_the_answer(early: Early) -> None:
    """However long it rings."""
    side = early.side
    for second in range(40):
        side.agent.wake(1.0 * second)
    side.drain()
    side.agent.accept(early.id, ANSWER, 40.0)
    side.drain()
    answers(side, early.request("ACK", b"", 1), now=40.1)
    side.agent.wake(44.0)
    side.drain()
    invite = side.sent[-1]
    assert isinstance(invite, Request)
    assert (invite.method, invite.body) == ("INVITE", PAUSE)


def test_an_update_nobody_answers_changes_nothing_and_the_call_is_answered() -> None:
    early = Early()
    early.side.agent.reoffer(early.id, PAUSE, 0.0)
    early.side.agent.accept(early.id, ANSWER, 0.1)
    early.side.drain()
    while early.side.said[-1] != "200 INVITE":
        at = early.side.agent.wake_at
        assert at is not None and at <= 33.0
        early.side.agent.wake(at)
        early.side.drain()
    assert NotRenegotiated(early.id, 408) in early.side.events
    assert early.sdp == (ANSWER, OFFER, "stable")


def test_a_restart_forgets_an_offer_but_not_to_answer() -> None:
    early = Early()
    early.side.agent.reoffer(early.id, PAUSE, 0.0)
    early.side.agent.accept(early.id, ANSWER, 0.1)
    early.side.drain()
    heir = early.side.restarted(50, 1.0)
    heir.drain()
    assert heir.said == ["200 INVITE"]


# --- both ends ours -----------------------------------------------------------------------------


def calling() -> tuple[Wire, str]:
    """A call between two who like reliable responses; its id at the caller."""
    wire = Wire()
    for seed, side in ((1, wire.caller), (10**6, wire.callee)):
        policy = Policy(reliable_progress=True)
        listeners = [Listener.udp(side.address)]
        side.agent = UserAgent(listeners, "parley", counting(seed), policy=policy)
    return wire, wire.invite()


def ringing() -> tuple[Wire, str]:
    """One whose callee has answered the offer, and not the call."""
    wire, ours = calling()
    wire.callee.agent.progress(wire.offered, ANSWER, wire.now)
    wire.flow()
    return wire, ours


def test_the_caller_offers_by_update_and_the_2xx_says_no_more() -> None:
    wire, ours = ringing()
    wire.caller.agent.reoffer(ours, HOLD, wire.now)
    wire.flow()
    assert last(wire.callee) == Offered(wire.offered, HOLD, "UPDATE")
    wire.callee.agent.agree(wire.offered, "UPDATE", HELD, wire.now)
    wire.flow()
    assert last(wire.caller) == Renegotiated(ours, HELD)
    wire.callee.agent.accept(wire.offered, ANSWER, wire.now)
    wire.flow()
    assert last(wire.caller) == Accepted(ours, HELD)
    row, theirs = wire.caller.rows[ours], wire.callee.rows[wire.offered]
    assert (row.local_sdp, row.remote_sdp, row.exchange) == (HOLD, HELD, "stable")
    assert (theirs.local_sdp, theirs.remote_sdp) == (HELD, HOLD)
    wire.callee.agent.reoffer(wire.offered, ANSWER, wire.now)
    wire.flow()
    assert last(wire.caller) == Offered(ours, ANSWER)


def test_the_caller_waits_with_its_offer_until_their_answer_and_prack_have_arrived() -> None:
    wire, ours = calling()
    wire.caller.agent.reoffer(ours, HOLD, wire.now)
    wire.loses = lambda what: what == "200 PRACK"
    wire.callee.agent.progress(wire.offered, ANSWER, wire.now)
    wire.run(10.0)
    assert "UPDATE" not in wire.caller.said
    wire.loses = lambda _: False
    wire.run(10.0)
    assert last(wire.callee) == Offered(wire.offered, HOLD, "UPDATE")


def test_an_update_which_meets_the_answer_of_the_call_still_counts() -> None:
    wire, ours = ringing()
    wire.loses = lambda what: what == "UPDATE"
    wire.caller.agent.reoffer(ours, HOLD, wire.now)
    wire.flow()
    wire.callee.agent.accept(wire.offered, ANSWER, wire.now)
    wire.flow()
    assert last(wire.caller) == Accepted(ours, ANSWER)
    # Whatever they offer meanwhile meets ours.
    wire.callee.agent.reoffer(wire.offered, PAUSE, wire.now)
    wire.flow()
    assert "491 INVITE" in wire.caller.said
    wire.loses = lambda _: False
    wire.run(0.5)
    wire.callee.agent.agree(wire.offered, "UPDATE", HELD, wire.now)
    wire.flow()
    row = wire.caller.rows[ours]
    assert (row.local_sdp, row.remote_sdp, row.status) == (HOLD, HELD, "confirmed")
    wire.run(4.1)
    assert last(wire.caller) == Offered(ours, PAUSE)


def test_the_callee_offers_by_update_and_the_2xx_says_no_more() -> None:
    wire, ours = ringing()
    wire.callee.agent.reoffer(wire.offered, PAUSE, wire.now)
    wire.flow()
    assert last(wire.caller) == Offered(ours, PAUSE, "UPDATE")
    # Theirs waits for its answer: ours is made after it.
    wire.caller.agent.reoffer(ours, OFFER, wire.now)
    wire.caller.agent.agree(ours, "UPDATE", PAUSED, wire.now)
    wire.flow()
    assert last(wire.callee) == Renegotiated(wire.offered, PAUSED)
    row = wire.caller.rows[ours]
    assert (row.local_sdp, row.remote_sdp) == (PAUSED, PAUSE)
    wire.run(4.1)
    assert last(wire.callee) == Offered(wire.offered, OFFER, "UPDATE")
    wire.callee.agent.disagree(wire.offered, "UPDATE", wire.now)
    wire.callee.agent.accept(wire.offered, ANSWER, wire.now)
    wire.flow()
    assert wire.caller.events[-2:] == [NotRenegotiated(ours, 488), Accepted(ours, PAUSE)]
    row = wire.caller.rows[ours]
    assert (row.local_sdp, row.remote_sdp, row.exchange) == (PAUSED, PAUSE, "stable")


@pytest.mark.parametrize("ending", ["refused", "nobody", "answered", "rejected"])
def test_an_offer_of_the_callee_which_is_not_answered_changes_nothing(ending: str) -> None:
    wire, ours = ringing()
    before = wire.caller.rows[ours]
    wire.callee.agent.reoffer(wire.offered, PAUSE, wire.now)
    wire.flow()
    if ending == "refused":
        wire.caller.agent.disagree(ours, "UPDATE", wire.now)
    elif ending == "nobody":
        wire.run(5.0)
    else:
        # They answer, or refuse, the call without waiting for it.
        invite = next(m for m in wire.caller.sent if isinstance(m, Request))
        status, body = (200, ANSWER) if ending == "answered" else (486, b"")
        response = respond(invite, status, wire.callee.rows[wire.offered].local_tag, body=body)
        wire.caller.receive(bytes(response), CALLEE, wire.now)
    wire.flow()
    refusals = [said for said in wire.caller.said if said.endswith(" UPDATE")]
    assert refusals == ["488 UPDATE" if ending == "refused" else "500 UPDATE"]
    if ending != "rejected":
        row = wire.caller.rows[ours]
        assert (row.local_sdp, row.remote_sdp) == (before.local_sdp, before.remote_sdp)


def test_who_offer_at_once_while_it_rings_both_wait_and_then_both_are_heard() -> None:
    wire, ours = ringing()
    wire.caller.agent.reoffer(ours, HOLD, wire.now)
    wire.callee.agent.reoffer(wire.offered, PAUSE, wire.now)
    wire.flow()
    assert "491 UPDATE" in wire.caller.said and "491 UPDATE" in wire.callee.said
    wire.run(2.05)
    assert last(wire.caller) == Offered(ours, PAUSE, "UPDATE")
    wire.caller.agent.agree(ours, "UPDATE", PAUSED, wire.now)
    wire.run(2.0)
    assert last(wire.callee) == Offered(wire.offered, HOLD, "UPDATE")
