"""The four machines against the figures of RFC 3261 section 17 and RFC 6026."""

import pytest

from telephony.sip.message import Request, Response
from telephony.sip.parser import parse
from telephony.sip.responses import respond
from telephony.sip.transactions import (
    InviteClient,
    InviteServer,
    NonInviteClient,
    NonInviteServer,
    Report,
    State,
)
from telephony.sip.transactions.machine import Machine

from .wire import request


def sent_until(machine: Machine, end: float) -> list[tuple[float, bytes | Report]]:
    """What the timers bring about until then, with the time of each."""
    emitted: list[tuple[float, bytes | Report]] = []
    while (at := machine.wake_at) is not None and at <= end:
        emitted += [(at, item) for item in machine.wake(at)]
    return emitted


def after_its_timers(machine: Machine) -> State:
    """The state once every timer has fired, none of which sends anything."""
    assert sent_until(machine, 1_000) == []
    return machine.state


def made(method: str) -> Request:
    message = parse(request(method))
    assert isinstance(message, Request)
    return message


def answer(method: str, status: int) -> Response:
    return respond(made(method), status, "tag")


def test_a_busy_nobody_acknowledges_is_given_up_after_32_seconds() -> None:
    server = InviteServer()
    assert server.respond(486, b"busy", 0.0) == [b"busy"]
    emitted = sent_until(server, 100)
    assert [at for at, _ in emitted] == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5, 32]
    assert emitted[-1] == (32, Report.TIMED_OUT)
    assert server.state is State.TERMINATED


def test_an_ack_ends_the_repetition_and_is_absorbed_for_t4() -> None:
    server = InviteServer()
    server.respond(486, b"busy", 0.0)
    assert server.receive("ACK", 0.1) == []
    assert server.state is State.CONFIRMED
    assert server.receive("INVITE", 0.2) == []
    assert server.wake_at == 5.1
    assert after_its_timers(server) is State.TERMINATED


def test_a_repeated_invite_gets_the_last_provisional_response() -> None:
    server = InviteServer()
    server.respond(100, b"trying", 0.0)
    server.respond(180, b"ringing", 0.1)
    assert server.receive("INVITE", 0.5) == [b"ringing"]


def test_an_ack_before_the_final_response_changes_nothing() -> None:
    server = InviteServer()
    assert server.receive("ACK", 0.0) == []
    assert server.state is State.PROCEEDING


def test_after_a_2xx_the_invite_is_absorbed_for_32_seconds() -> None:
    server = InviteServer()
    server.respond(200, b"ok", 0.0)
    assert server.state is State.ACCEPTED
    assert server.receive("INVITE", 1.0) == []
    assert server.respond(200, b"ok", 1.0) == [b"ok"]
    assert server.respond(486, b"busy", 1.0) == []
    assert server.wake_at == 32.0
    assert after_its_timers(server) is State.TERMINATED


def test_an_invite_is_repeated_at_doubling_intervals_until_32_seconds() -> None:
    client = InviteClient(made("INVITE"))
    assert client.start(0.0) == [bytes(client.request)]
    emitted = sent_until(client, 100)
    assert [at for at, _ in emitted] == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5, 32]
    assert emitted[-1][1] is Report.TIMED_OUT


def test_a_provisional_response_ends_the_repetition_of_an_invite() -> None:
    client = InviteClient(made("INVITE"))
    client.start(0.0)
    assert client.receive(answer("INVITE", 180), 0.1) == [Report.DELIVERED]
    assert client.wake_at is None


def test_each_failure_of_an_invite_is_acknowledged_but_told_once() -> None:
    client = InviteClient(made("INVITE"))
    client.start(0.0)
    ack, report = client.receive(answer("INVITE", 486), 0.1)
    assert isinstance(ack, bytes) and report is Report.DELIVERED
    message = parse(ack)
    assert (message.via, message.cseq) == (client.request.via, (1, "ACK"))
    assert message.to.tag == "tag"
    assert client.receive(answer("INVITE", 486), 0.2) == [ack]
    assert client.wake_at == pytest.approx(32.1)
    assert sent_until(client, 40) == [] and client.state is State.TERMINATED


def test_every_2xx_of_an_invite_is_told_for_32_seconds() -> None:
    client = InviteClient(made("INVITE"))
    client.start(0.0)
    for now in (0.1, 5.0):
        assert client.receive(answer("INVITE", 200), now) == [Report.DELIVERED]
    assert client.receive(answer("INVITE", 486), 6.0) == []
    assert client.wake_at == pytest.approx(32.1)


def test_a_request_is_repeated_up_to_every_4_seconds_until_32_seconds() -> None:
    client = NonInviteClient(made("BYE"))
    client.start(0.0)
    times = [at for at, _ in sent_until(client, 100)]
    assert times == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5, 32]
    assert client.state is State.TERMINATED


def test_after_a_provisional_response_a_request_is_repeated_every_t2() -> None:
    client = NonInviteClient(made("BYE"))
    client.start(0.0)
    client.receive(answer("BYE", 100), 0.1)
    assert [at for at, _ in sent_until(client, 9)] == [0.5, 4.5, 8.5]


def test_further_final_responses_are_absorbed_for_t4() -> None:
    client = NonInviteClient(made("BYE"))
    client.start(0.0)
    assert client.receive(answer("BYE", 200), 1.0) == [Report.DELIVERED]
    assert client.receive(answer("BYE", 200), 2.0) == []
    assert sent_until(client, 6.0) == [] and client.state is State.TERMINATED


def test_a_repeated_request_gets_the_same_final_response_for_32_seconds() -> None:
    server = NonInviteServer()
    assert server.receive("BYE", 0.0) == []
    assert server.respond(200, b"ok", 0.1) == [b"ok"]
    assert server.receive("BYE", 1.0) == [b"ok"]
    assert server.respond(500, b"no", 1.0) == []
    assert sent_until(server, 33) == [] and server.state is State.TERMINATED
    assert server.receive("BYE", 34) == []


def test_every_state_has_its_row_and_its_timers() -> None:
    for machine in (InviteClient, InviteServer, NonInviteClient, NonInviteServer):
        assert set(machine.TABLE) == set(machine.TIMERS)
        reached = {state for row in machine.TABLE.values() for state, _ in row.values()}
        assert reached <= set(machine.TABLE)
