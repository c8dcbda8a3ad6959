"""Bodies of several parts, ours and theirs; and what is told of sessions with recorders."""

from email import message_from_bytes

import pytest

from telephony.flow import Hop, Transport
from telephony.sip import MetadataAsked, NotRenegotiated, Offered, Renegotiated, TakenForRecorder
from telephony.sip.headers import Headers
from telephony.sip.message import Request
from telephony.sip.multipart import PARTS_MAX, composed, opened, part
from telephony.sip.parser import parse

from .wire import ANSWER, CALLEE, OFFER, STRANGER, Side, Wire, answers, request

FIRST = part("text/plain", "render", b"first")
SECOND = part("text/plain", "render", b"second")
HOLD = OFFER.replace(b" 1 1 IN", b" 1 2 IN") + b"a=inactive\r\n"
HELD = ANSWER.replace(b" 7 3 IN", b" 7 4 IN") + b"a=inactive\r\n"


def message(content_type: str, body: bytes) -> Request:
    lines = [("Content-Type", content_type)]
    return Request(Headers(lines), method="INVITE", uri="sip:a@b", body=body)


def test_what_is_composed_is_opened_again_and_read_by_another_reader() -> None:
    content_type, body = composed(OFFER, FIRST)
    read = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    assert [one.get_content_type() for one in read.walk()][1:] == ["application/sdp", "text/plain"]
    found, beside = opened(message(content_type, body))
    assert (found.body, found.content_type, beside) == (
        OFFER,
        "application/sdp",
        {"text/plain": b"first"},
    )
    assert composed(OFFER, FIRST) == (content_type, body)


def test_a_description_alone_is_sent_as_ever() -> None:
    assert composed(OFFER, b"") == ("application/sdp", OFFER)
    assert composed(b"", b"") == ("", b"")
    plain = message("application/sdp", OFFER)
    assert opened(plain) == (plain, {})


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/mixed", b"--x\r\n\r\na\r\n--x--"),
        ("multipart/mixed;boundary=", b"--\r\n\r\na\r\n----"),
        ("multipart/mixed;boundary=x", b""),
        ("multipart/mixed;boundary=x", b"--x\r\n\r\nnever closed"),
        ("multipart/mixed;boundary=" + "x" * 71, b"--" + b"x" * 71 + b"\r\n\r\na\r\n--x--"),
        ("multipart/mixed;boundary=x", b"--x\r\n\r\na\r\n" * (PARTS_MAX + 1) + b"--x--"),
    ],
)
def test_what_is_no_multipart_stays_as_it_is(content_type: str, body: bytes) -> None:
    given = message(content_type, body)
    assert opened(given) == (given, {})


def test_a_part_cannot_smuggle_a_second_description_in() -> None:
    body = (
        b"--x\r\nContent-Type: application/sdp\r\n\r\nfirst\r\n"
        b"--x\r\nContent-Type: application/sdp\r\n\r\nsecond\r\n--x--\r\n"
    )
    assert opened(message("multipart/mixed; boundary=x", body))[0].body == b"first"


def up() -> tuple[Wire, str]:
    """A call of ours with something enclosed, answered."""
    wire = Wire()
    ours = wire.caller.agent.invite(
        "sip:srs@192.0.2.2",
        OFFER,
        "sip:parley@192.0.2.1",
        [Hop(Transport.UDP, CALLEE)],
        wire.now,
        enclosed=FIRST,
        features=";+sip.src",
    )
    wire.flow()
    wire.callee.agent.accept(wire.offered, ANSWER, wire.now)
    wire.flow()
    return wire, ours


def invites(side: Side) -> list[Request]:
    return [one for one in side.sent if isinstance(one, Request) and one.method == "INVITE"]


def test_what_is_enclosed_goes_with_each_offer_and_is_kept_in_the_row() -> None:
    wire, ours = up()
    wire.caller.agent.reoffer(ours, HOLD, wire.now, enclosed=SECOND)
    wire.flow()
    assert isinstance(wire.callee.events[-1], Offered)
    wire.callee.agent.accept(wire.offered, HELD, wire.now)
    wire.flow()
    assert wire.caller.events[-1] == Renegotiated(ours, HELD)
    assert [opened(one)[1]["text/plain"] for one in invites(wire.caller)] == [b"first", b"second"]
    assert all("+sip.src" in one.required("contact") for one in invites(wire.caller))
    assert wire.caller.rows[ours].enclosed == SECOND
    # The offer itself stays a description: nobody else need know of parts.
    assert wire.caller.rows[ours].local_sdp == HOLD


def test_after_glare_the_latest_is_offered_with_what_belongs_to_it() -> None:
    wire, ours = up()
    wire.callee.agent.reoffer(wire.offered, HELD, wire.now)
    wire.caller.agent.reoffer(ours, HOLD, wire.now, enclosed=SECOND)
    wire.flow()
    assert "491 INVITE" in wire.caller.said
    # They come first, for it is our call; then it is our turn.
    wire.run(2.05)
    wire.caller.agent.accept(ours, OFFER, wire.now)
    wire.run(5)
    assert isinstance(wire.callee.events[-1], Offered)
    assert opened(invites(wire.caller)[-1])[1]["text/plain"] == b"second"


def test_a_restarted_process_sends_the_same_bytes_again() -> None:
    wire = Wire()
    wire.loses = lambda what: True
    wire.caller.agent.invite(
        "sip:srs@192.0.2.2",
        OFFER,
        "sip:parley@192.0.2.1",
        [Hop(Transport.UDP, CALLEE)],
        wire.now,
        enclosed=FIRST,
        features=";+sip.src",
    )
    wire.flow()
    heir = wire.caller.restarted(9, wire.now)
    heir.drain()
    assert bytes(invites(heir)[0]) == bytes(invites(wire.caller)[0])


def test_a_recorder_that_refuses_to_be_told_stays() -> None:
    wire, ours = up()
    wire.caller.agent.reoffer(ours, HOLD, wire.now, enclosed=SECOND)
    wire.flow()
    wire.callee.agent.reject(wire.offered, 488, wire.now)
    wire.flow()
    assert wire.caller.events[-1] == NotRenegotiated(ours, 488)
    assert wire.caller.rows[ours].status == "confirmed"


def test_a_recorder_that_does_not_know_the_session_any_more_is_found_out() -> None:
    wire, ours = up()
    wire.callee.agent = Side(CALLEE, 77).agent
    wire.caller.agent.probe(ours, wire.now)
    wire.flow()
    assert wire.caller.rows[ours].status == "terminated"


@pytest.mark.parametrize(
    ("extra", "body"),
    [
        ("Require: siprec\r\nContent-Type: application/sdp\r\n", OFFER),
        (
            "Content-Type: multipart/mixed;boundary=x\r\n",
            b"--x\r\nContent-Type: application/sdp\r\n\r\n" + OFFER + b"\r\n"
            b"--x\r\nContent-Type: application/rs-metadata+xml\r\n\r\n<recording/>\r\n--x--\r\n",
        ),
    ],
)
def test_who_takes_us_for_a_recorder_is_refused_and_told_of(extra: str, body: bytes) -> None:
    side = Side(CALLEE, 1)
    (response,) = answers(side, request("INVITE", extra=extra, body=body))
    assert (response.status, response.headers.get("unsupported")) == (420, "siprec")
    assert side.events == [TakenForRecorder("c1", "sip:eve@203.0.113.9")]


def test_a_description_in_parts_is_a_call_like_any() -> None:
    side = Side(CALLEE, 1)
    content_type, body = composed(OFFER, FIRST)
    extra = f"Content-Type: {content_type}\r\n"
    (response,) = answers(side, request("INVITE", extra=extra, body=body), STRANGER)
    assert response.status == 100


@pytest.mark.parametrize(
    "kind", ["application/rs-metadata-request+xml", "application/rs-metadata-request"]
)
def test_a_recorder_may_ask_to_be_told_all(kind: str) -> None:
    wire, ours = up()
    callee = wire.callee.rows[wire.offered]
    asks = (
        f"UPDATE sip:parley@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKask\r\n"
        f"From: {callee.local_uri};tag={callee.local_tag}\r\n"
        f"To: {callee.remote_uri};tag={callee.remote_tag}\r\n"
        f"Call-ID: {callee.call_id}\r\nCSeq: 7 UPDATE\r\nContact: <sip:srs@192.0.2.2>\r\n"
        f"Content-Type: {kind}\r\nContent-Disposition: recording-session\r\n"
        "Content-Length: 4\r\n\r\n<a/>"
    ).encode()
    (response,) = answers(wire.caller, asks, CALLEE, wire.now)
    assert response.status == 200
    assert wire.caller.events[-1] == MetadataAsked(ours)
    assert isinstance(parse(asks), Request)
