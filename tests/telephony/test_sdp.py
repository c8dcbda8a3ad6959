import pytest

from telephony import sdp
from telephony.address import Address
from telephony.sdp import AudioParameters, SdpError

LOCAL = Address("192.0.2.9", 20_000)
OURS = ("PCMU", "PCMA")


def offer(*lines: str, connection: str = "c=IN IP4 192.0.2.1") -> bytes:
    head = ["v=0", "o=- 5 6 IN IP4 192.0.2.1", "s=-", connection, "t=0 0"]
    return "".join(f"{line}\r\n" for line in [*head, *lines]).encode()


def test_static_payload_types_need_no_rtpmap() -> None:
    _, chosen = sdp.answer(offer("m=audio 4000 RTP/AVP 8 0"), OURS, LOCAL, 1, 1)
    assert chosen == AudioParameters("PCMU", 0, None, Address("192.0.2.1", 4000), "sendrecv")


def test_dtmf_and_ptime_are_taken_over_and_answered() -> None:
    lines = ("m=audio 4000 RTP/AVP 8 96", "a=rtpmap:96 Telephone-Event/8000", "a=ptime:30")
    body, chosen = sdp.answer(offer(*lines), OURS, LOCAL, 7, 2)
    assert (chosen.codec, chosen.dtmf_payload_type, chosen.ptime_ms) == ("PCMA", 96, 30)
    assert b"m=audio 20000 RTP/AVP 8 96\r\n" in body
    assert sdp.origin(body) == (7, 2)
    assert sdp.parse(body).remote == LOCAL


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("sendonly", "recvonly"), ("inactive", "inactive"), ("recvonly", "sendonly")],
)
def test_hold_is_answered_with_its_counterpart(theirs: str, ours: str) -> None:
    body, chosen = sdp.answer(offer("m=audio 4000 RTP/AVP 0", f"a={theirs}"), OURS, LOCAL, 1, 1)
    assert chosen.direction == ours
    assert f"a={ours}\r\n".encode() in body


def test_hold_by_a_null_address_is_understood() -> None:
    held = offer("m=audio 4000 RTP/AVP 0", connection="c=IN IP4 0.0.0.0")
    assert sdp.answer(held, OURS, LOCAL, 1, 1)[1].direction == "recvonly"


def test_the_connection_of_the_stream_goes_before_that_of_the_session() -> None:
    body = offer("m=video 1 RTP/AVP 31", "c=IN IP4 192.0.2.3", "m=audio 2 RTP/AVP 0")
    assert sdp.parse(body).remote == Address("192.0.2.1", 2)
    assert sdp.parse(body + b"c=IN IP6 2001:db8::1\r\n").remote == Address("2001:db8::1", 2)


def test_every_stream_is_answered_and_all_but_one_refused() -> None:
    body, _ = sdp.answer(
        offer("m=video 9 RTP/AVP 31", "m=audio 2 RTP/AVP 0", "m=audio 4 RTP/AVP 0"),
        OURS,
        LOCAL,
        1,
        1,
    )
    media = [line for line in body.decode().split("\r\n") if line.startswith("m=")]
    assert media == ["m=video 0 RTP/AVP 31", "m=audio 20000 RTP/AVP 0", "m=audio 0 RTP/AVP 0"]


def test_our_offer_is_answered_by_ourselves() -> None:
    theirs = sdp.build_offer(("PCMA", "PCMU"), Address("::1", 4), 3, 4)
    _, chosen = sdp.answer(theirs, OURS, LOCAL, 1, 1)
    assert chosen == AudioParameters("PCMU", 0, 101, Address("::1", 4), "sendrecv")


def test_an_answer_to_our_offer_is_chosen_from() -> None:
    taken = sdp.choose(sdp.parse(offer("m=audio 4 RTP/AVP 8")), OURS)
    assert taken.codec == "PCMA"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (offer(), "SDP has no audio"),
        (offer("m=audio 0 RTP/AVP 0"), "SDP has no audio"),
        (offer("m=audio 4 RTP/SAVP 0"), "SDP has no audio"),
        (offer("m=audio 4 RTP/AVP 18"), "SDP has no codec we know"),
        (offer("m=audio 4 RTP/AVP x"), "SDP has a bad number"),
        (offer("m=audio 4 RTP/AVP 0", connection="c=IN IP4 h"), "SDP has no IP address to send to"),
        (offer("m=audio 4 RTP/AVP" + " 0" * 65), "SDP has too many payload types"),
        (b"a=b\n" * 401, "SDP has too many lines"),
        (b"v" * 16_385, "SDP too large"),
        (b"\xff\0", "SDP has no audio"),
    ],
)
def test_what_cannot_be_used_is_an_error(body: bytes, reason: str) -> None:
    with pytest.raises(SdpError, match=reason):
        sdp.answer(body, OURS, LOCAL, 1, 1)
