"""A17: somebody else records beside us, under no gate of ours: it is an incident, never silent.

What SIP tells of it: an SBC that offers us what it records (RFC 7866), and a description that says
a=record:on. What a provider does without a word no message can show.
"""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from sessions.siprec.tables import RecordingElsewhere
from tests.interop.forked import desk
from tests.interop.recorder import Recorder
from tests.interop.telephones import HOST, until

pytestmark = [
    pytest.mark.interop,
    pytest.mark.slow,
    pytest.mark.anyio,
    pytest.mark.timeout(120),
]

SDP = (
    "v=0\r\no=sbc 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 9 RTP/AVP 0\r\na=label:1\r\na=sendonly\r\n"
)
METADATA = '<recording xmlns="urn:ietf:params:xml:ns:recording:1"/>\r\n'
BODY = (
    f"--b\r\nContent-Type: application/sdp\r\n\r\n{SDP}\r\n"
    f"--b\r\nContent-Type: application/rs-metadata+xml\r\n"
    f"Content-Disposition: recording-session\r\n\r\n{METADATA}\r\n--b--\r\n"
)
ANSWER_S = 5.0


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    made = Recorder(tmp_path / "srs")
    yield made
    made.stop()


def offered_a_recording(port: int, require: str, call_id: str) -> str:
    """An SBC sends an INVITE as to a recorder; the first line of the final answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sbc:
        sbc.bind((HOST, 0))
        sbc.settimeout(ANSWER_S)
        mine = sbc.getsockname()[1]
        head = (
            f"INVITE sip:srs@{HOST}:{port} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {HOST}:{mine};branch=z9hG4bK{call_id};rport\r\n"
            f"From: <sip:sbc@{HOST}>;tag=1\r\nTo: <sip:srs@{HOST}:{port}>\r\n"
            f"Call-ID: {call_id}\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n"
            f"Contact: <sip:sbc@{HOST}:{mine}>;+sip.src\r\n{require}"
            f"Content-Type: multipart/mixed;boundary=b\r\nContent-Length: {len(BODY)}\r\n\r\n"
        )
        for _ in range(2):  # A retransmission is the same incident.
            sbc.sendto((head + BODY).encode(), (HOST, port))
        return sbc.recv(4_096).decode().splitlines()[0]


async def test_who_takes_us_for_a_recorder_is_refused_and_leaves_a_row(tmp_path: Path) -> None:
    async with desk(tmp_path, "") as exchange:
        port = exchange.server.port
        for call_id, require in (("one", "Require: siprec\r\n"), ("two", "")):
            assert offered_a_recording(port, require, call_id) == "SIP/2.0 420 Bad Extension"
        await until(lambda: len(exchange.rows(RecordingElsewhere)) >= 2, "no rows")
        rows = exchange.rows(RecordingElsewhere)
        assert [(row.call, row.how) for row in rows] == [("", "an INVITE with Require: siprec")] * 2
        assert exchange.calls() == {}
        assert "a recording was offered to us" in exchange.server.log.read_text()


async def test_who_says_that_they_record_is_an_incident_of_that_call(
    tmp_path: Path, recorder: Recorder
) -> None:
    async with desk(tmp_path, recorder.config()) as exchange:
        ann = exchange.add("ann")
        ann.attribute = b"a=record:on\r\n"
        ann.dial(exchange.server.target, exchange.server.port)
        await until(lambda: bool(exchange.rows(RecordingElsewhere)), "nobody notices")
        (row,) = exchange.rows(RecordingElsewhere)
        assert (row.call, row.how) == (next(iter(exchange.calls())), "a=record:on")
        assert recorder.told() == []
