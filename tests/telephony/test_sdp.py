import itertools
import random

import pytest

from telephony import sdp
from telephony.address import Address
from telephony.sdp import AudioParameters, SdpError, Srtp, Terms

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
    there = Address("::1", 4)
    assert chosen == AudioParameters("PCMU", 0, 101, there, "sendrecv", 20, 13)


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


# --- codecs -----------------------------------------------------------------------------------


def test_opus_keeps_its_number_and_its_clock_for_keys() -> None:
    theirs = offer(
        "m=audio 4000 RTP/AVP 9 96 97 98",
        "a=rtpmap:96 OPUS/48000/2",
        "a=rtpmap:97 telephone-event/8000",
        "a=rtpmap:98 telephone-event/48000",
    )
    body, chosen = sdp.answer(theirs, ("opus", "G722"), LOCAL, 1, 1)
    assert (chosen.codec, chosen.payload_type, chosen.dtmf_payload_type) == ("opus", 96, 98)
    assert b"a=rtpmap:96 opus/48000/2\r\n" in body and b"a=fmtp:96 maxplaybackrate=16000" in body
    _, plain = sdp.answer(theirs, ("G722",), LOCAL, 1, 1)
    assert (plain.codec, plain.payload_type, plain.dtmf_payload_type) == ("G722", 9, 97)


def test_opus_in_one_channel_is_not_opus() -> None:
    theirs = offer("m=audio 4000 RTP/AVP 96", "a=rtpmap:96 opus/48000")
    with pytest.raises(SdpError, match="no codec"):
        sdp.answer(theirs, ("opus",), LOCAL, 1, 1)


def test_our_offer_has_keys_for_every_clock() -> None:
    body = sdp.build_offer(("opus", "PCMU"), LOCAL, 1, 1)
    assert b"m=audio 20000 RTP/AVP 111 0 13 102 101\r\n" in body
    assert b"a=rtpmap:102 telephone-event/48000\r\n" in body


def test_maxptime_bounds_ptime_and_rtcp_is_where_they_say() -> None:
    lines = ("a=ptime:60", "a=maxptime:40", "a=rtcp:53020 IN IP4 192.0.2.7", "a=rtcp-mux")
    _, chosen = sdp.answer(offer("m=audio 4000 RTP/AVP 0", *lines), OURS, LOCAL, 1, 1)
    assert (chosen.ptime_ms, chosen.rtcp) == (40, Address("192.0.2.7", 53_020))
    assert not chosen.rtcp_mux
    terms = Terms(rtcp_mux=True)
    body, muxed = sdp.answer(
        offer("m=audio 4000 RTP/AVP 0", *lines), OURS, LOCAL, 1, 1, terms=terms
    )
    assert muxed.rtcp_mux and b"a=rtcp-mux\r\n" in body


# --- directions and versions ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "theirs", "agreed"),
    [
        ("sendonly", "sendrecv", "sendonly"),
        ("sendonly", "sendonly", "inactive"),
        ("sendrecv", "recvonly", "sendonly"),
        ("inactive", "sendrecv", "inactive"),
    ],
)
def test_both_sides_can_hold(wanted: str, theirs: str, agreed: str) -> None:
    held = offer("m=audio 4000 RTP/AVP 0", f"a={theirs}")
    _, chosen = sdp.answer(held, OURS, LOCAL, 1, 1, terms=Terms(direction=wanted))
    assert chosen.direction == agreed


def test_the_version_rises_by_one_where_something_changed() -> None:
    first = sdp.build_offer(OURS, LOCAL, 7, 3)
    assert sdp.revised(first, sdp.build_offer(OURS, LOCAL, 0, 0)) == first
    held = sdp.revised(first, sdp.build_offer(OURS, LOCAL, 0, 0, terms=Terms("sendonly")))
    assert sdp.origin(held) == (7, 4)
    assert sdp.revised(b"", first) == first


# --- keys ---------------------------------------------------------------------------------------


def keys(seed: int) -> tuple[sdp.Crypto, ...]:
    numbers = itertools.count(seed)
    return sdp.draw(lambda size: next(numbers).to_bytes(size, "big"))


OPTIONAL = Terms(srtp=Srtp.OPTIONAL, keys=keys(1))
REQUIRED = Terms(srtp=Srtp.REQUIRED, keys=keys(1))
SHA1_80 = "AES_CM_128_HMAC_SHA1_80"
KEY = "inline:" + "A" * 40


@pytest.mark.parametrize("terms", [OPTIONAL, REQUIRED])
def test_keys_are_offered_and_agreed_on(terms: Terms) -> None:
    ours = sdp.build_offer(OURS, LOCAL, 1, 1, terms=terms)
    theirs = Terms(srtp=Srtp.OPTIONAL, keys=keys(9)[1:])
    body, far = sdp.answer(ours, OURS, Address("192.0.2.1", 4), 2, 1, terms=theirs)
    near = sdp.accepted(body, ours, OURS)
    assert near.srtp is not None and far.srtp is not None
    assert near.srtp.suite == far.srtp.suite == SHA1_80
    assert (near.srtp.send_key, near.srtp.receive_key) == (
        far.srtp.receive_key,
        far.srtp.send_key,
    )
    assert body.count(b"a=crypto:2 ") == 1


def test_who_overlooks_optional_keys_talks_plainly_and_required_ones_get_no_call() -> None:
    optional = sdp.build_offer(OURS, LOCAL, 1, 1, terms=OPTIONAL)
    body, _ = sdp.answer(optional, OURS, LOCAL, 2, 1)
    assert sdp.accepted(body, optional, OURS).srtp is None
    required = sdp.build_offer(OURS, LOCAL, 1, 1, terms=REQUIRED)
    with pytest.raises(SdpError):
        sdp.answer(required, OURS, LOCAL, 2, 1)
    with pytest.raises(SdpError):
        sdp.accepted(body, required, OURS)
    with pytest.raises(SdpError):
        sdp.answer(offer("m=audio 4000 RTP/AVP 0"), OURS, LOCAL, 2, 1, terms=REQUIRED)


def test_the_encrypted_one_of_two_streams_is_taken() -> None:
    two = offer("m=audio 2 RTP/AVP 0", "m=audio 4 RTP/SAVP 0", f"a=crypto:7 {SHA1_80} {KEY}|2^31")
    body, chosen = sdp.answer(two, OURS, LOCAL, 1, 1, terms=OPTIONAL)
    assert chosen.srtp is not None and chosen.remote.port == 4
    assert b"m=audio 0 RTP/AVP 0\r\nm=audio 20000 RTP/SAVP 0\r\n" in body
    assert b"a=crypto:7 " in body
    _, plain = sdp.answer(two, OURS, LOCAL, 1, 1)
    assert plain.srtp is None and plain.remote.port == 2


@pytest.mark.parametrize(
    "line",
    [
        f"1 NULL_CIPHER {KEY}",
        f"1 {SHA1_80} {KEY} UNENCRYPTED_SRTP",
        f"1 {SHA1_80} {KEY}|2^20|1:4",
        f"1 {SHA1_80} {KEY};{KEY}",
        f"1 {SHA1_80} inline:AAAA",
        f"1 {SHA1_80} inline:{'A' * 39}?",
        f"1 {SHA1_80} inline:{'é' * 40}",
        f"x {SHA1_80} {KEY}",
        f"{'1' * 10} {SHA1_80} {KEY}",
        "1",
    ],
)
def test_lines_which_ask_for_more_than_we_do_are_left_out(line: str) -> None:
    assert sdp.parse(offer("m=audio 4 RTP/AVP 0", f"a=crypto:{line}")).crypto == ()


def test_an_answer_with_a_key_for_another_suite_is_none() -> None:
    ours = sdp.build_offer(OURS, LOCAL, 1, 1, terms=OPTIONAL)
    wrong = offer("m=audio 4 RTP/AVP 0", f"a=crypto:1 {SHA1_80} {KEY}")
    with pytest.raises(SdpError, match="not offered"):
        sdp.accepted(wrong, ours, OURS)


def test_keys_are_not_shown() -> None:
    assert keys(1)[0].key not in repr(keys(1)[0])


# --- hostile ------------------------------------------------------------------------------------


def test_5000_mutated_descriptions_are_read_or_refused() -> None:
    chance = random.Random(4711)
    crypto = f"a=crypto:1 {SHA1_80} {KEY}|2^20"
    lines = ("a=rtcp:53020 IN IP4 192.0.2.7", "a=ptime:60", "a=maxptime:40", crypto, "a=sendonly")
    seeds = [
        offer("m=audio 4000 RTP/SAVP 9 96", "a=rtpmap:96 OPUS/48000/2", *lines),
        sdp.build_offer(("opus", "PCMU"), LOCAL, 1, 1, terms=OPTIONAL),
    ]
    ours = sdp.build_offer(OURS, LOCAL, 1, 1, terms=OPTIONAL)
    for n in range(5_000):
        body = bytearray(seeds[n % 2])
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(body))
            if chance.random() < 0.5:
                body[at] = chance.choice(b"\r\n\0 :/=|-0\xff9m")
            else:
                del body[at : at + chance.randint(1, 9)]
        for read in (
            lambda told: sdp.answer(told, ("opus", *OURS), LOCAL, 1, 1, terms=OPTIONAL),
            lambda told: sdp.accepted(told, ours, OURS),
        ):
            try:
                read(bytes(body))
            except SdpError:
                continue


@pytest.mark.parametrize(
    ("clocks", "number", "clock_rate"),
    [((8_000, 48_000), 102, 48_000), ((48_000,), 102, 48_000), ((8_000,), 101, 8_000)],
)
def test_keys_beside_opus_count_by_its_clock_or_else_by_the_one_they_know(
    clocks: tuple[int, ...], number: int, clock_rate: int
) -> None:
    numbers = {8_000: 101, 48_000: 102}
    theirs = offer(
        "m=audio 4000 RTP/AVP 111 " + " ".join(str(numbers[clock]) for clock in clocks),
        "a=rtpmap:111 opus/48000/2",
        *(f"a=rtpmap:{numbers[clock]} telephone-event/{clock}" for clock in clocks),
    )
    body, chosen = sdp.answer(theirs, ("opus",), LOCAL, 1, 1)
    assert (chosen.dtmf_payload_type, chosen.dtmf_clock_rate) == (number, clock_rate)
    assert f"a=rtpmap:{number} telephone-event/{clock_rate}\r\n".encode() in body


def test_an_offer_of_opus_alone_has_keys_by_both_clocks() -> None:
    body = sdp.build_offer(("opus",), LOCAL, 1, 1)
    assert b"a=rtpmap:102 telephone-event/48000\r\n" in body
    assert b"a=rtpmap:101 telephone-event/8000\r\n" in body
