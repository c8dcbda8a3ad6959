"""RFC 4475: what each of its messages is owed, and what a user agent answers to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from telephony.flow import Flow, Transport
from telephony.sip import Transmit
from telephony.sip.framing import Framer, FramingError
from telephony.sip.outputs import Invited
from telephony.sip.parser import MessageError, parse

from .wire import CALLEE, STRANGER, Side

TORTURE = Path(__file__).parents[3].parent / "shared" / "rfc4475"
pytestmark = pytest.mark.skipif(not TORTURE.is_dir(), reason="the RFC 4475 messages are not here")

SAME = "same"
CLOSED = "closed"
WAITS = "waits"


@dataclass(frozen=True, slots=True)
class Due:
    """What a message is answered with.

    `why` is what makes it unreadable, `header` a line that the answer has, `stream` what becomes
    of a connection: the same answer, or nobody can tell where the message ends.
    """

    status: int | None
    why: str = ""
    header: str = ""
    stream: str = SAME


CALLED = Due(100)
SILENCE = Due(None)
HERE = Due(200, header="Accept: application/sdp, application/dtmf-relay, application/dtmf")
# We are no registrar, and no other method of the messages is ours either.
NOT_OURS = Due(
    405,
    header="Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY",
)

TABLE = {
    # 3.1.1: valid, however they look.
    "wsinv": Due(481),
    "intmeth": NOT_OURS,
    "esc01": CALLED,
    "escnull": NOT_OURS,
    "esc02": NOT_OURS,
    "lwsdisp": HERE,
    "longreq": CALLED,
    # A second message in a datagram is none; what follows it on a stream is rubbish.
    "dblreq": Due(405, header=NOT_OURS.header, stream=CLOSED),
    "semiuri": HERE,
    "transports": HERE,
    "mpart01": NOT_OURS,
    "unreason": SILENCE,
    "noreason": SILENCE,
    # 3.1.2: invalid.
    "badinv01": Due(400, "bad parameter name"),
    "clerr": Due(400, "body shorter than its Content-Length", stream=WAITS),
    "ncl": Due(400, "not a number", stream=CLOSED),
    "scalar02": Due(400, "not a number"),
    "scalarlg": Due(None, "not a number"),
    "quotbal": Due(400, "unbalanced quote"),
    "ltgtruri": Due(400, "bad URI"),
    "lwsruri": Due(400, "bad URI"),
    "lwsstart": Due(400, "bad URI"),
    "trws": Due(400, "bad request line"),
    "escruri": Due(400, "Request-URI has headers"),
    # A date is of no use to us: it may be wrong.
    "baddate": CALLED,
    "regbadct": Due(400, "URI must be in angle brackets"),
    "badaspec": Due(400, "bad URI"),
    "baddn": Due(400, "display name must be quoted"),
    "badvers": Due(505, "SIP version not supported"),
    "mismatch01": Due(400, "CSeq names another method"),
    "mismatch02": Due(400, "CSeq names another method"),
    "bigcode": Due(None, "number too large"),
    # 3.2: its branch is none, so it is told from others as RFC 2543 has it.
    "badbranch": HERE,
    # 3.3: for upper layers to judge. Without From, To and Call-ID there is nobody to answer.
    "insuf": Due(None, "no from"),
    "unkscm": Due(416),
    "novelsc": Due(416),
    "unksm2": NOT_OURS,
    "bext01": Due(420, header="Unsupported: nothingSupportsThis, nothingSupportsThisEither"),
    "invut": Due(415, header="Accept: application/sdp"),
    "regaut01": NOT_OURS,
    "multi01": Due(400, "more than one call-id"),
    "mcl01": Due(400, "more than one content-length", stream=CLOSED),
    "bcast": SILENCE,
    # Nothing is forwarded, so nothing hops too often.
    "zeromf": HERE,
    "cparam01": NOT_OURS,
    "cparam02": NOT_OURS,
    "regescrt": NOT_OURS,
    "sdp01": Due(406),
    # 3.4: who speaks RFC 2543 names no Contact, so there is nobody to hang up on.
    "inv2543": Due(400, stream=CLOSED),
    # Beyond the RFC's own.
    "test": Due(None, "bad header line", stream=CLOSED),
}


def message(name: str) -> bytes:
    return (TORTURE / f"{name}.dat").read_bytes()


def answered(name: str, transport: Transport) -> tuple[list[bytes], Side, str]:
    """The heads of the answers, who gave them, and what became of the stream."""
    side = Side(CALLEE, 7)
    flow = Flow(transport, CALLEE, STRANGER)
    framer, stream = Framer(), SAME
    if transport is Transport.UDP:
        side.agent.receive(message(name), flow, 0.0)
    else:
        try:
            for item in framer.feed(message(name)):
                assert isinstance(item, bytes)
                side.agent.receive(item, flow, 0.0)
        except FramingError:
            stream = CLOSED
    side.drain()
    sent = [output.data for output in side.outputs if isinstance(output, Transmit)]
    return sent, side, WAITS if framer.is_within and stream == SAME else stream


def statuses(sent: list[bytes]) -> list[int]:
    return [int(data.split(b" ", 2)[1]) for data in sent]


def test_each_message_has_its_due() -> None:
    assert {path.stem for path in TORTURE.glob("*.dat")} == set(TABLE)


@pytest.mark.parametrize("name", TABLE)
def test_a_message_gets_what_it_is_due(name: str) -> None:
    due = TABLE[name]
    sent, side, _ = answered(name, Transport.UDP)
    assert statuses(sent) == ([] if due.status is None else [due.status])
    assert all(due.header.encode() in data for data in sent)
    assert [type(event) for event in side.events] == [Invited] * (due is CALLED)
    assert side.agent.dialog_count == len(side.rows) == (due is CALLED)


@pytest.mark.parametrize("name", [name for name, due in TABLE.items() if due.why])
def test_what_is_unreadable_has_its_reason(name: str) -> None:
    with pytest.raises(MessageError) as caught:
        parse(message(name))
    assert caught.value.reason == TABLE[name].why


@pytest.mark.parametrize("name", TABLE)
def test_a_stream_with_a_message_gets_the_same_or_is_closed(name: str) -> None:
    due = TABLE[name]
    sent, _, stream = answered(name, Transport.TCP)
    assert stream == due.stream
    # The second message names no Contact.
    whole = {"dblreq": [405, 400]}.get(name, [])
    if stream == SAME and due.status is not None:
        whole = [due.status]
    assert statuses(sent) == whole


def test_two_with_the_same_bad_branch_are_two() -> None:
    first = message("badbranch").replace(b"OPTIONS", b"INVITE")
    first = first.replace(b"l: 0", b"Contact: <sip:caller@192.0.2.1>\r\nl: 0")
    second = first.replace(b"CSeq: 8", b"CSeq: 9").replace(b"badbranch.", b"another.")
    side = Side(CALLEE, 7)
    for data in (first, second, first):
        side.receive(data, STRANGER, 0.0)
    side.drain()
    assert len(side.events) == 2


def test_a_request_without_a_readable_via_is_answered_where_it_came_from() -> None:
    _, side, _ = answered("badinv01", Transport.UDP)
    (sent,) = [output for output in side.outputs if isinstance(output, Transmit)]
    assert sent.flow.remote == STRANGER
