"""Two labelled streams in one description, and what a recorder answers to them."""

import itertools

import pytest

from telephony import sdp
from telephony.address import Address
from telephony.sdp import SdpError, Srtp, Terms
from telephony.sdp.directions import INACTIVE, SENDONLY
from telephony.siprec import Voice, accepted, answered, offered, preference
from telephony.siprec.offers import STREAMS_MAX

CODECS = ("G722", "PCMU", "PCMA")
HOST = "192.0.2.9"


NUMBERS = itertools.count(1)


def counting(size: int) -> bytes:
    return next(NUMBERS).to_bytes(size, "big")


def voices(direction: str = SENDONLY, srtp: Srtp = Srtp.OFF) -> list[Voice]:
    return [
        Voice(label, Address(HOST, port), CODECS, Terms(direction, srtp, sdp.draw(counting)))
        for label, port in (("1", 4_000), ("2", 4_002))
    ]


def answer(*sections: str, host: str = "192.0.2.50") -> bytes:
    head = ["v=0", f"o=srs 1 1 IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0"]
    return "".join(f"{line}\r\n" for line in (*head, *"\n".join(sections).split("\n"))).encode()


def test_each_voice_is_a_stream_of_its_own_that_is_sent_only() -> None:
    text = offered(voices(), 7, 1).decode()
    first, second = text.split("m=audio ")[1:]
    assert first.startswith("4000 RTP/AVP 9 0 8\r\n")
    assert second.startswith("4002 RTP/AVP")
    for section, label in ((first, "1"), (second, "2")):
        assert f"a=label:{label}\r\n" in section
        assert "a=sendonly\r\n" in section
    # What is pressed may be a card number: it has no way to a recorder.
    assert "telephone-event" not in text


def test_what_they_take_is_read_stream_by_stream() -> None:
    body = answer("m=audio 9000 RTP/AVP 0\na=recvonly", "m=audio 9002 RTP/AVP 8\na=recvonly")
    caller, agent = accepted(body, offered(voices(), 7, 1), CODECS)
    assert caller is not None and agent is not None
    assert (caller.codec, caller.remote.port, caller.direction) == ("PCMU", 9_000, SENDONLY)
    assert (agent.codec, agent.remote.port) == ("PCMA", 9_002)


def test_a_stream_may_be_refused_and_the_other_be_taken() -> None:
    body = answer("m=audio 0 RTP/AVP 0", "m=audio 9002 RTP/AVP 0\na=recvonly")
    caller, agent = accepted(body, offered(voices(), 7, 1), CODECS)
    assert caller is None
    assert agent is not None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"v=0\r\n",
        answer("m=audio 9000 RTP/AVP 0"),
        answer(*["m=audio 9000 RTP/AVP 0"] * 3),
        answer(*["m=audio 9000 RTP/AVP 0"] * (STREAMS_MAX + 1)),
        answer("m=audio", "m=audio"),
        b"x" * 20_000,
    ],
)
def test_what_is_no_answer_to_both_is_an_error(body: bytes) -> None:
    with pytest.raises(SdpError):
        accepted(body, offered(voices(), 7, 1), CODECS)


def test_each_stream_has_keys_of_its_own() -> None:
    ours = offered(voices(srtp=Srtp.REQUIRED), 7, 1)
    sections = ours.decode().split("m=audio ")[1:]
    keys = [line for one in sections for line in one.split("\r\n") if line.startswith("a=crypto")]
    assert len(keys) == len(set(keys)) >= 2
    lines = [f"m=audio {port} RTP/SAVP 0\na=recvonly" for port in (9_000, 9_002)]
    theirs = sdp.draw(counting)[0]
    body = answer(*(f"{line}\n{theirs.line}" for line in lines))
    for n, audio in enumerate(accepted(body, ours, CODECS)):
        assert audio is not None and audio.srtp is not None
        assert audio.srtp.send_key.encode() in sections[n].encode()


def test_a_pause_is_the_same_description_with_another_direction_and_the_next_version() -> None:
    first = offered(voices(), 7, 1)
    paused = offered(voices(INACTIVE), 0, 0, before=first)
    assert sdp.origin(paused) == (7, 2)
    assert paused.count(b"a=inactive") == 2
    assert offered(voices(), 0, 0, before=first) == first


def test_a_recorder_that_stops_to_listen_is_sent_nothing() -> None:
    first = offered(voices(), 7, 1)
    theirs = answer("m=audio 9000 RTP/AVP 0\na=inactive", "m=audio 9002 RTP/AVP 0\na=recvonly")
    body, (caller, agent) = answered(theirs, voices(), first)
    assert caller is not None and agent is not None
    assert (caller.direction, agent.direction) == (INACTIVE, SENDONLY)
    assert sdp.origin(body) == (7, 2)
    assert body.count(b"a=label:") == 2


def test_a_stream_that_a_recorder_adds_is_refused() -> None:
    theirs = answer(*[f"m=audio {port} RTP/AVP 0\na=recvonly" for port in (9_000, 9_002, 9_004)])
    body, found = answered(theirs, voices(), offered(voices(), 7, 1))
    assert len(found) == 2
    assert b"m=audio 0 RTP/AVP 0\r\n" in body
    with pytest.raises(SdpError):
        answered(answer("m=audio 9000 RTP/AVP 0"), voices(), offered(voices(), 7, 1))


def test_the_codec_in_use_comes_first() -> None:
    assert preference(CODECS, "PCMU") == ("PCMU", "G722", "PCMA")
    assert preference(CODECS, "") == CODECS
