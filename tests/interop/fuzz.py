"""Datagrams which were right once. The same seed makes the same ones."""

import random
from collections.abc import Iterator

SDP = """\
v=0
o=x 1 1 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio 40000 RTP/AVP 0 8 101
a=rtpmap:101 telephone-event/8000
"""
HEADERS = """\
Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKstranger;rport
Max-Forwards: 70
From: "A \\"stranger\\"" <sip:stranger@127.0.0.1:9>;tag=1928301774
To: <sip:desk@127.0.0.1>{to_tag}
Call-ID: stranger@127.0.0.1
CSeq: 314159 {method}
Contact: <sip:stranger@127.0.0.1:9;transport=udp>
Record-Route: <sip:127.0.0.1:9;lr>, <sip:127.0.0.2:9;lr>
Require: no-such-extension
Content-Type: application/sdp
Content-Length: {length}
"""
METHODS = ("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "REGISTER", "UPDATE")
HOSTILE = (
    b"\r\n",
    b"\x00",
    b"\xff",
    b"%00",
    b"999999999999999999999",
    b"-1",
    b'"',
    b"<",
    b";" * 50,
)
RTP = bytes.fromhex("80000001 00000000 deadbeef".replace(" ", "")) + b"\xff" * 160
EVENT = bytes.fromhex("80e50002 00000000 deadbeef 010a00a0".replace(" ", ""))


def sip(seed: int, count: int) -> Iterator[bytes]:
    """Requests and responses with something wrong; an INVITE that stays whole is refused."""
    chance = random.Random(seed)
    templates = [*_requests(), *_responses()]
    for _ in range(count):
        yield mutated(chance.choice(templates), chance)


def rtp(seed: int, count: int) -> Iterator[bytes]:
    """Audio and key presses with something wrong."""
    chance = random.Random(seed)
    for _ in range(count):
        yield mutated(chance.choice((RTP, EVENT)), chance)


def mutated(whole: bytes, chance: random.Random) -> bytes:
    """Up to four times a byte changed, or a piece cut out, repeated, replaced, or the tail off."""
    data = bytearray(whole)
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(data) or 1)
        end = start + chance.randint(1, 40)
        match chance.randrange(5):
            case 0:
                data[start : start + 1] = bytes([chance.randrange(256)])
            case 1:
                del data[start:end]
            case 2:
                data[start:start] = data[start:end] * chance.randint(1, 20)
            case 3:
                data[start:end] = chance.choice(HOSTILE)
            case _:
                del data[start:]
    return bytes(data)


def _requests() -> Iterator[bytes]:
    for method in METHODS:
        for to_tag in ("", ";tag=none"):
            headers = HEADERS.format(method=method, to_tag=to_tag, length=len(_crlf(SDP)))
            yield _crlf(f"{method} sip:desk@127.0.0.1 SIP/2.0\n{headers}\n{SDP}")


def _responses() -> Iterator[bytes]:
    for status in (100, 180, 200, 302, 401, 503):
        headers = HEADERS.format(method="INVITE", to_tag=";tag=none", length=len(_crlf(SDP)))
        yield _crlf(f"SIP/2.0 {status} Whatever\n{headers}\n{SDP}")


def _crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()
