"""Streams cut into messages, however they arrive."""

from __future__ import annotations

import random

import pytest

from telephony.sip.framing import KEEP_ALIVE, START_LINE_BYTES_MAX, Framer, FramingError, KeepAlive
from telephony.sip.parser import MESSAGE_BYTES_MAX, parse

from .wire import OFFER, request

INVITE = request("INVITE", extra="Content-Type: application/sdp\r\n", body=OFFER)
OPTIONS = request("OPTIONS", branch="z9hG4bKo")
PING = KeepAlive.PING


@pytest.mark.parametrize("seed", range(20))
def test_however_a_stream_is_torn_the_same_messages_come_out(seed: int) -> None:
    stream = b"\r\n" + INVITE + KEEP_ALIVE + OPTIONS + OPTIONS + b"\r\n" + INVITE
    chance = random.Random(seed)
    framer, found, at = Framer(), list[bytes | KeepAlive](), 0
    while at < len(stream):
        step = chance.choice((1, 2, 3, 40, 700))
        found += framer.feed(stream[at : at + step])
        at += step
    assert found == [INVITE, PING, OPTIONS, OPTIONS, INVITE]
    assert not framer.is_within


def test_one_byte_at_a_time() -> None:
    framer = Framer()
    found = [item for byte in INVITE for item in framer.feed(bytes([byte]))]
    assert found == [INVITE]
    assert parse(INVITE).body == OFFER


def test_what_was_whole_is_taken_before_the_stream_is_given_up() -> None:
    framer, found = Framer(), list[bytes | KeepAlive]()
    with pytest.raises(FramingError):
        found.extend(framer.feed(INVITE))
        for item in framer.feed(OPTIONS + b"GET / HTTP/1.1\r\n"):
            found.append(item)
    assert found == [INVITE, OPTIONS]


def test_a_message_which_has_begun_is_known_to_have() -> None:
    framer = Framer()
    for part in (b"", b"\r\n", b"\r\n\r"):
        list(framer.feed(part))
        assert not framer.is_within
    list(framer.feed(b"\nINV"))
    assert framer.is_within


def test_keep_alives_are_asked_or_answered_between_messages_only() -> None:
    assert list(Framer().feed(b"\r\n")) == []
    assert list(Framer().feed(KEEP_ALIVE)) == [PING]
    assert list(Framer().feed(KEEP_ALIVE * 10_000)) == [PING]
    assert list(Framer().feed(b"\r\n" + OPTIONS)) == [OPTIONS]


@pytest.mark.parametrize(
    "length",
    ["l: 4", "CONTENT-LENGTH : 4", "Content-Length:\t 4 ", "Content-Length:\r\n 4", "l: 0004"],
)
def test_each_way_to_write_a_length_is_read(length: str) -> None:
    message = f"INFO sip:x SIP/2.0\r\n{length}\r\n\r\nbody".encode()
    assert list(Framer().feed(message + OPTIONS)) == [message, OPTIONS]


@pytest.mark.parametrize(
    "stream",
    [
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"x" * (START_LINE_BYTES_MAX + 1),
        b"INFO sip:x SIP/2.0\r\nVia: y\r\n\r\n",
        b"INFO sip:x SIP/2.0\r\nl: 4\r\nContent-Length: 5\r\n\r\n",
        b"INFO sip:x SIP/2.0\r\nl: 4\r\nl: +4\r\n\r\n",
        b"INFO sip:x SIP/2.0\r\nl: -1\r\n\r\n",
        b"INFO sip:x SIP/2.0\r\nl: 4, 4\r\n\r\n",
        b"INFO sip:x SIP/2.0\r\nl: 65536\r\n\r\n",
        b"INFO sip:x SIP/2.0\r\nl: 999999999\r\n\r\n",
        b"INFO sip:x SIP/2.0\r\nl: 0\n\r\n\r\n",
        b"INFO sip:x SIP/2.0\r\nA: b\n\nl: 9\r\nl: 0\r\n\r\n",
        b"INFO sip:x SIP/2.0\r\nA: b\rl: 9\r\nl: 0\r\n\r\n",
        b"INFO sip:x SIP/2.0\r\n" + b"a: b\r\n" * (MESSAGE_BYTES_MAX // 6),
        b"\rINVITE",
        b"\n\n",
    ],
)
def test_what_cannot_be_framed_ends_the_stream(stream: bytes) -> None:
    with pytest.raises(FramingError):
        list(Framer().feed(stream))


def test_the_largest_message_passes_and_a_larger_one_does_not() -> None:
    head = b"INFO sip:x SIP/2.0\r\nl: %d\r\n\r\n"
    size = MESSAGE_BYTES_MAX - len(head % 10_000)
    whole = head % size + b"x" * size
    assert list(Framer().feed(whole)) == [whole]
    with pytest.raises(FramingError):
        list(Framer().feed(head % (size + 1)))


@pytest.mark.parametrize("seed", range(200))
def test_whatever_arrives_is_framed_or_refused(seed: int) -> None:
    chance = random.Random(seed)
    stream = bytearray(INVITE + OPTIONS + KEEP_ALIVE + INVITE)
    for _ in range(chance.randrange(1, 8)):
        stream[chance.randrange(len(stream))] = chance.choice(b"\r\n\0 :l9\xff")
    framer, taken = Framer(), 0
    try:
        while stream:
            part, stream = stream[:50], stream[50:]
            taken += sum(len(item) for item in framer.feed(bytes(part)) if item is not PING)
    except FramingError:
        return
    assert taken <= len(INVITE + OPTIONS + KEEP_ALIVE + INVITE)
