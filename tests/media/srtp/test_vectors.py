import pytest

from media.srtp import SUITES, Receiver, Sender
from media.srtp.counter_mode import CounterMode
from media.srtp.derivation import RTP_LABELS, Keys, session_keys
from media.srtp.gcm import Gcm
from tests.media.srtp.vectors import (
    LIBSRTP,
    RFC3711_KEY,
    RFC3711_SALT,
    RFC6188_KEY,
    RFC6188_SALT,
    RFC7714_PACKET,
    RFC7714_SALT,
    RFC7714_SEALED,
    SENDER_REPORT,
    WITH_EXTENSION,
    rtp,
)


def test_the_key_stream_is_that_of_rfc_3711_b2() -> None:
    key = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
    keys = Keys(key, bytes(20), bytes.fromhex("f0f1f2f3f4f5f6f7f8f9fafbfcfd"))
    sealed = CounterMode(keys, keys, 10).seal_rtp(bytes(12 + 48), 12, 0, 0, b"")
    assert sealed[12:60].hex() == (
        "e03ead0935c95e80e166b16dd92b4eb4d23513162b02d0f72a43a2fe4a5f97ab"
        "41e95b3bb0a2e8dd477901e4fca894c0"
    )


def test_session_keys_are_those_of_rfc_3711_b3() -> None:
    assert session_keys(RFC3711_KEY, RFC3711_SALT, RTP_LABELS) == Keys(
        bytes.fromhex("c61e7a93744f39ee10734afe3ff7a087"),
        bytes.fromhex("cebe321f6ff7716b6fd4ab49af256a156d38baa4"),
        bytes.fromhex("30cbbc08863d8c85d49db34a9ae1"),
    )


def test_session_keys_of_256_bits_are_those_of_rfc_6188_7_2() -> None:
    assert session_keys(RFC6188_KEY, RFC6188_SALT, RTP_LABELS) == Keys(
        bytes.fromhex("5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4"),
        bytes.fromhex("fd9c32d39ed5fbb5a9dc96b30818454d1313dc05"),
        bytes.fromhex("fa31791685ca444a9e07c6c64e93"),
    )


@pytest.mark.parametrize("key_bytes", RFC7714_SEALED)
def test_packets_are_sealed_as_in_rfc_7714_16(key_bytes: int) -> None:
    keys = Keys(bytes(range(key_bytes)), b"", RFC7714_SALT)
    sealed = RFC7714_SEALED[key_bytes]
    assert Gcm(keys, keys).seal_rtp(RFC7714_PACKET, 12, 0x5501A0B2, 0xF17B, b"") == sealed
    assert Gcm(keys, keys).open_rtp(sealed, 12, 0x5501A0B2, 0xF17B, 0) == RFC7714_PACKET


@pytest.mark.parametrize("name", LIBSRTP)
def test_another_implementation_seals_the_same_and_is_understood(name: str) -> None:
    suite = SUITES[name]
    master = bytes(range(1, suite.master_bytes + 1))
    sender, receiver = Sender(suite, master), Receiver(suite, master)
    last, first, report = map(bytes.fromhex, LIBSRTP[name])

    assert sender.protect(WITH_EXTENSION, 0xFFFF) == last
    assert sender.protect(rtp(0x1_0000), 0x1_0000) == first
    assert sender.protect_rtcp(SENDER_REPORT, 1) == report
    assert receiver.unprotect(last) == WITH_EXTENSION
    assert receiver.unprotect(first) == rtp(0x1_0000)
    assert receiver.roc == 1
    assert receiver.unprotect_rtcp(report) == SENDER_REPORT
