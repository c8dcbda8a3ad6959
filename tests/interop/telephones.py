"""Telephones of our own in a test's hand: they call, are called, sound a tone, and listen."""

import asyncio
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from media.caller import SoftPhone
from media.codecs import CODECS
from media.units import SAMPLE_RATE, Samples, from_pcm, pcm
from parley import cli
from parley.caller.reaching import bound
from sessions.tables import Call
from telephony import sdp
from telephony.address import Address
from telephony.endpoint import Held, SipEndpoint
from telephony.flow import Hop, Listener, Transport
from telephony.sip import (
    Accepted,
    DialogState,
    Event,
    Failed,
    HungUp,
    Invited,
    Offered,
    Rejected,
    UserAgent,
)
from tests.interop.server import Server
from tests.interop.speech import agent_speech
from tests.listening import find, voiced

T = TypeVar("T")
HOST = "127.0.0.1"
LAWS = ("PCMU", "PCMA")
WAIT_S = 40.0
TONE_S = 240.0
HEARD = 0.6
"""Likeness of words to what was heard beside tones."""
AMPLITUDE = 3_000
"""Of a tone: seven of them together are not clipped."""
WINDOW_S = 0.8
"""So much of what was heard last says who is heard now."""
SHARE_HEARD = 0.02
"""Of the energy, how much is at a voice's frequency when it is heard."""
LOUD = 300
NEAR_BINS = 4


class Telephone:
    """One line. Make it in a running loop, and `close` it."""

    def __init__(self, name: str, hertz: float = 0.0) -> None:
        self.hertz = hertz
        self.name = name
        self._sip, self._rtp = bound(HOST), bound(HOST)
        here = Address(*self._sip.getsockname()[:2])
        self.uri = f"sip:{name}@{here.host}:{here.port}"
        self.answered = asyncio.Event()
        self.rang = asyncio.Event()
        self.over = asyncio.Event()
        self.answers = True
        """Whether it picks up; it rings on where not."""
        self.agrees = True
        """Whether it takes offers within the call."""
        self.directions: list[str] = []
        """What the offers that it got within the call want of it."""
        self.phone: SoftPhone | None = None
        self.remote: list[Address] = []
        """Where its audio was to go to."""
        self._dialog = ""
        self._version = 0
        self._began = 0.0
        listener = Listener(Transport.UDP, here, here)
        agent = UserAgent([listener], name, os.urandom)
        held = [Held(Transport.UDP, self._sip)]
        self._endpoint = SipEndpoint(held, agent, time.time, _forget, self._happened)

    @property
    def _audio(self) -> Address:
        return Address(*self._rtp.getsockname()[:2])

    def dial(self, target: str, port: int, *, events: bool = True) -> None:
        """`events`: whether it knows telephone events (RFC 4733)."""
        hops = [Hop(Transport.UDP, Address(HOST, port))]
        offer = sdp.build_offer(LAWS, self._audio, 1, self._next())
        if not events:
            offer = b"".join(x for x in offer.splitlines(True) if b"telephone-event" not in x)
        me = f"<{self.uri}>"
        self._dialog = self._endpoint.do(lambda ua, now: ua.invite(target, offer, me, hops, now))

    def say(self, samples: Samples) -> None:
        self.running.say(pcm(samples))

    def sound(self) -> None:
        """Begin with its tone; it does not end within a test."""
        time = np.arange(int(TONE_S * SAMPLE_RATE)) / SAMPLE_RATE
        self.say((AMPLITUDE * np.sin(2 * np.pi * self.hertz * time)).astype(np.int16))

    def press(self, digits: str) -> None:
        self.running.press(digits)

    def hang_up(self) -> None:
        self._endpoint.do(lambda ua, now: ua.bye(self._dialog, now))

    @property
    def now_s(self) -> float:
        """How long it has been listening."""
        return asyncio.get_running_loop().time() - self._began

    def heard(self, since_s: float = 0.0) -> Samples:
        return from_pcm(self.running.heard())[int(max(0.0, since_s) * SAMPLE_RATE) :]

    def hears(self, *others: "Telephone") -> set[str]:
        """Whose tones it hears now, its own among them if it does."""
        window = self.heard()[-int(WINDOW_S * SAMPLE_RATE) :]
        if np.abs(window.astype(int)).max(initial=0) <= LOUD:
            return set()
        return {one.name for one in others if share(window, one.hertz) > SHARE_HEARD}

    def likeness(self, words: str, since_s: float = 0.0) -> float:
        """How alike what it heard is to the agent saying that."""
        return find(voiced(agent_speech(words)), self.heard(since_s)).likeness

    def heard_words(self, words: str, since_s: float = 0.0) -> bool:
        return self.likeness(words, since_s) > HEARD

    def hears_sound(self) -> bool:
        """Whether it hears anything now."""
        window = self.heard()[-int(WINDOW_S * SAMPLE_RATE) :]
        return int(np.abs(window.astype(int)).max(initial=0)) > LOUD

    async def until(self, happened: Callable[[], bool], what: str) -> None:
        """Look again each 20 ms."""
        await until(happened, f"{self.name}: {what}")

    async def close(self) -> None:
        if not self.over.is_set() and self._dialog:
            self.hang_up()
        await self._endpoint.flushed()
        self._endpoint.close()
        self._sip.close()
        if self.phone is None:
            self._rtp.close()
        else:
            self.phone.close()

    @property
    def running(self) -> SoftPhone:
        assert self.phone is not None, f"{self.name} is in no call"
        return self.phone

    def _happened(self, event: Event) -> None:
        match event:
            case Invited(dialog_id=dialog):
                self._dialog = dialog
                self.rang.set()
                self._endpoint.do(lambda ua, now: ua.ring(dialog, now))
                if self.answers:
                    body = self._answer(event.sdp or b"")
                    self._endpoint.do(lambda ua, now: ua.accept(dialog, body, now))
                    self._start(event.sdp or b"")
            case Accepted():
                self._start(event.sdp or b"")
            case Offered(dialog_id=dialog, method=method) if not self.agrees:
                self._endpoint.do(lambda ua, now: ua.disagree(dialog, method, now))
            case Offered(dialog_id=dialog, method=method):
                offer = event.sdp
                body = (
                    sdp.build_offer(LAWS, self._audio, 1, self._next())
                    if offer is None
                    else self._answer(offer)
                )
                if offer is not None:
                    self._follow(offer)
                self._endpoint.do(lambda ua, now: ua.agree(dialog, method, body, now))
            case HungUp() | Rejected() | Failed():
                self.over.set()
            case _:
                return

    def _start(self, theirs: bytes) -> None:
        audio = sdp.choose(sdp.parse(theirs), LAWS)
        self.remote.append(audio.remote)
        self.phone = SoftPhone(
            self._rtp,
            CODECS[audio.codec],
            payload_type=audio.payload_type,
            dtmf_payload_type=audio.dtmf_payload_type,
        )
        self._began = asyncio.get_running_loop().time()
        self.phone.start(audio.remote)
        self.answered.set()

    def _follow(self, offer: bytes) -> None:
        audio = sdp.choose(sdp.parse(offer), LAWS)
        self.directions.append(audio.direction)
        if audio.remote != self.remote[-1]:
            self.remote.append(audio.remote)
            self.running.move(audio.remote)

    def _answer(self, offer: bytes) -> bytes:
        return sdp.answer(offer, LAWS, self._audio, 1, self._next())[0]

    def _next(self) -> int:
        self._version += 1
        return self._version


class Exchange:
    """Some telephones, a server, and somebody who may act on it."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self._key = folder / "boss.pem"
        self._url = server.url
        self.phones: dict[str, Telephone] = {}
        self.ids: dict[str, str] = {}
        """The call of each."""
        known = server.parley(
            *("identity", "new", "--name", "Boss", "--role", "operator", "--out", str(self._key))
        )
        assert known.returncode == 0, known.stderr

    def add(self, name: str, hertz: float = 0.0) -> Telephone:
        self.phones[name] = Telephone(name, hertz)
        return self.phones[name]

    async def call(self, name: str, hertz: float = 0.0, *, sounds: bool = True) -> Telephone:
        """Somebody calls the server, and is answered."""
        phone, known = self.add(name, hertz), set(self.calls())
        phone.dial(self.server.target, self.server.port)
        await phone.until(phone.answered.is_set, "not answered")
        (self.ids[name],) = set(self.calls()) - known
        await until(lambda: self.calls()[self.ids[name]].state == "answered", "no row")
        if sounds:
            phone.sound()
        return phone

    async def act(self, reducer: str, name: str, **args: Any) -> None:
        """Have the operator do it to the call of this name."""
        call = self.ids[name]
        given = {"call": call, **{n: self.ids.get(v, v) for n, v in args.items()}}
        written = [f'--arg={name}="{value}"' for name, value in given.items()]
        command = ["act", reducer, "--scope", call, *written]
        done = await asyncio.to_thread(
            cli.main, [*command, "--key", str(self._key), "--url", self._url]
        )
        assert done == 0, f"{reducer} {given}"

    async def parley(self, *arguments: str) -> str:
        """What a command prints; the telephones go on meanwhile."""
        done = await asyncio.to_thread(self.server.parley, *arguments)
        assert done.returncode == 0, f"parley {arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    async def json(self, *arguments: str) -> Any:
        return json.loads(await self.parley(*arguments, "--json"))

    async def sealed(self, *names: str) -> None:
        """Wait until the calls of these, where there are any, are sealed."""
        wanted = [self.ids[name] for name in names]
        await until(
            lambda: all(row.state == "sealed" for id, row in self.calls().items() if id in wanted),
            "not sealed",
        )

    def hearing(self) -> set[str]:
        """Who hears whom now, as "ann<bob"."""
        every = [phone for phone in self.phones.values() if phone.phone is not None]
        return {
            f"{phone.name}<{other}"
            for phone in every
            for other in phone.hears(*(one for one in every if one.hertz))
        }

    async def hear(self, *wanted: str) -> None:
        """Wait until exactly so, and see that it stays so for a while."""
        await until(lambda: self.hearing() == set(wanted), lambda: str(self.hearing()))
        for phone in self.phones.values():
            if phone.phone is not None:
                for _ in range(int(WINDOW_S * 50)):
                    await phone.phone.tick()
                break
        assert self.hearing() == set(wanted)

    def rows(self, table: type[T], **where: Any) -> list[T]:
        return self.server.rows(table, **where)

    def calls(self) -> dict[str, Call]:
        return {row.id: row for row in self.rows(Call)}

    async def close(self) -> None:
        for phone in self.phones.values():
            await phone.close()


def share(samples: Samples, hertz: float) -> float:
    """How much of the energy is at this frequency."""
    spectrum = np.abs(np.fft.rfft(samples.astype(float) * np.hanning(len(samples)))) ** 2
    at = round(hertz * len(samples) / SAMPLE_RATE)
    near = spectrum[at - NEAR_BINS : at + NEAR_BINS + 1].sum()
    return float(near / max(1.0, spectrum.sum()))


async def until(happened: Callable[[], bool], what: str | Callable[[], str]) -> None:
    """Look again each 100 ms, no longer than WAIT_S."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + WAIT_S
    while not happened():
        assert loop.time() < ends, what if isinstance(what, str) else what()
        await asyncio.sleep(0.1)


async def _forget(_: DialogState) -> None:
    """A telephone does not survive its own crash."""
