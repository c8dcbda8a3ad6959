"""Two user agents joined in memory, in virtual time. A lost packet is one not delivered."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from telephony.address import Address
from telephony.flow import Flow, Hop, Listener, Transport
from telephony.sip import DialogState, Event, Output, Resolve, Save, Transmit, UserAgent
from telephony.sip.message import Message, Request, Response
from telephony.sip.parser import parse

CALLER = Address("192.0.2.1", 5060)
CALLEE = Address("192.0.2.2", 5060)
STRANGER = Address("203.0.113.9", 4711)
OFFER = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n"
ANSWER = b"v=0\r\no=- 7 3 IN IP4 192.0.2.2\r\ns=-\r\n"


def counting(seed: int) -> Callable[[int], bytes]:
    """Entropy which repeats itself in each run."""
    numbers = itertools.count(seed)
    return lambda size: next(numbers).to_bytes(size, "big")


class Side:
    """A user agent with what it sent, saved and told, in order."""

    def __init__(
        self, address: Address, seed: int, dialogs_max: int = 1_000, transactions_max: int = 10_000
    ) -> None:
        self.address = address
        self.agent = UserAgent(
            [Listener.udp(address)],
            "parley",
            counting(seed),
            dialogs_max=dialogs_max,
            transactions_max=transactions_max,
        )
        self.outputs: list[Output] = []
        self.rows: dict[str, DialogState] = {}

    def receive(self, data: bytes, source: Address, now: float) -> None:
        self.agent.receive(data, Flow(Transport.UDP, self.address, source), now)

    def drain(self) -> list[Transmit]:
        fresh: list[Transmit] = []
        while (output := self.agent.poll()) is not None:
            self.outputs.append(output)
            if isinstance(output, Save):
                self.rows[output.state.id] = output.state
            elif isinstance(output, Transmit):
                fresh.append(output)
        return fresh

    @property
    def events(self) -> list[Event]:
        return [item for item in self.outputs if not isinstance(item, Transmit | Save | Resolve)]

    @property
    def sent(self) -> list[Message]:
        return [parse(item.data) for item in self.outputs if isinstance(item, Transmit)]

    @property
    def said(self) -> list[str]:
        """What was sent, as `INVITE` or `200 INVITE`."""
        return [summary(message) for message in self.sent]

    def restarted(self, seed: int, now: float) -> Side:
        """Another process which has only the rows."""
        heir = Side(self.address, seed)
        for row in self.rows.values():
            heir.agent.restore(row, now)
        return heir


def summary(message: Message) -> str:
    if isinstance(message, Request):
        return message.method
    return f"{message.status} {message.cseq.method}"


class Wire:
    """Delivers at once, unless `loses` says otherwise."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.caller = Side(CALLER, 1)
        self.callee = Side(CALLEE, 1_000_000)
        self.loses: Callable[[str], bool] = lambda _: False

    def flow(self) -> None:
        """Deliver until nobody has more to say."""
        moved = True
        while moved:
            moved = False
            for side, peer in ((self.caller, self.callee), (self.callee, self.caller)):
                for packet in side.drain():
                    moved = True
                    known = packet.flow.remote == peer.address
                    if known and not self.loses(summary(parse(packet.data))):
                        peer.receive(packet.data, side.address, self.now)

    def run(self, seconds: float) -> None:
        """Let time pass, from timer to timer."""
        end = self.now + seconds
        while True:
            self.flow()
            times = (self.caller.agent.wake_at, self.callee.agent.wake_at)
            due = min((at for at in times if at is not None), default=None)
            if due is None or due > end:
                break
            self.now = max(self.now, due)
            self.caller.agent.wake(self.now)
            self.callee.agent.wake(self.now)
        self.now = end

    def invite(self) -> str:
        """The caller calls; returns the id on its side."""
        dialog_id = self.caller.agent.invite(
            "sip:bob@192.0.2.2",
            OFFER,
            "sip:alice@192.0.2.1",
            [Hop(Transport.UDP, CALLEE)],
            self.now,
        )
        self.flow()
        return dialog_id

    @property
    def offered(self) -> str:
        """The id of the call on the callee's side."""
        return next(iter(self.callee.rows))

    def answered(self) -> str:
        """A call which is up; returns the id on the caller's side."""
        dialog_id = self.invite()
        self.callee.agent.accept(self.offered, ANSWER, self.now)
        self.flow()
        return dialog_id


def request(
    method: str,
    *,
    branch: str = "z9hG4bKx",
    call_id: str = "c1",
    cseq: int = 1,
    from_tag: str = "f1",
    to_tag: str = "",
    uri: str = "sip:bob@192.0.2.2",
    via: str = "203.0.113.9:4711",
    extra: str = "",
    body: bytes = b"",
) -> bytes:
    """A request from a stranger, as bytes."""
    tag = f";tag={to_tag}" if to_tag else ""
    head = (
        f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {via};branch={branch};rport\r\n"
        f"From: <sip:eve@203.0.113.9>;tag={from_tag}\r\nTo: <sip:bob@192.0.2.2>{tag}\r\n"
        f"Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\nContact: <sip:eve@203.0.113.9:4711>\r\n"
        f"{extra}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def answers(
    side: Side, data: bytes, source: Address = STRANGER, now: float = 0.0
) -> list[Response]:
    """What one datagram is answered with."""
    side.receive(data, source, now)
    sent = [parse(packet.data) for packet in side.drain() if packet.flow.remote == source]
    return [message for message in sent if isinstance(message, Response)]
