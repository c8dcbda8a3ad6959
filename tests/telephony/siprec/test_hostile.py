"""What comes from a recorder, or from who takes us for one, is hostile until parsed."""

import random

import pytest

from telephony.sdp import SdpError
from telephony.sip.headers import Headers
from telephony.sip.message import Request
from telephony.sip.multipart import composed, opened, part
from telephony.siprec import accepted, answered, offered
from tests.telephony.siprec.test_offers import CODECS, answer, voices

GOOD = answer("m=audio 9000 RTP/AVP 0\na=recvonly", "m=audio 9002 RTP/AVP 8\na=recvonly")


def broken(chance: random.Random, body: bytes) -> bytes:
    """Bytes changed, cut out, doubled."""
    data = bytearray(body)
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(data))
        match chance.randrange(3):
            case 0:
                data[at] = chance.randrange(256)
            case 1:
                del data[at : at + chance.randrange(1, 20)]
            case _:
                data[at:at] = data[at : at + chance.randrange(1, 40)]
        data = data or bytearray(b"v")
    return bytes(data)


@pytest.mark.parametrize("seed", range(300))
def test_a_broken_answer_or_offer_is_an_error_of_its_type_and_nothing_else(seed: int) -> None:
    chance, ours = random.Random(seed), offered(voices(), 7, 1)
    body = broken(chance, GOOD)
    for read in (
        lambda: accepted(body, ours, CODECS),
        lambda: answered(body, voices(), ours),
    ):
        try:
            read()
        except SdpError:
            continue


@pytest.mark.parametrize("seed", range(300))
def test_broken_parts_are_opened_or_left_alone(seed: int) -> None:
    chance = random.Random(seed)
    content_type, body = composed(GOOD, part("text/plain", "render", b"words"))
    if chance.randrange(4) == 0:
        content_type = broken(chance, content_type.encode()).decode(errors="surrogateescape")
    lines = [("Content-Type", content_type.replace("\r", "").replace("\n", ""))]
    message = Request(Headers(lines), method="INVITE", uri="sip:a@b", body=broken(chance, body))
    found, _ = opened(message)
    assert len(found.body) <= len(message.body)
