"""Place one call and follow its script: speak when it is our turn, press keys, hang up."""

import asyncio
import base64
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from media.caller import SoftPhone
from media.codecs import CODECS
from media.commands import Srtp
from media.jitter import DELAY_SAMPLES
from media.units import FRAME_SAMPLES
from parley.caller import wav
from parley.caller.line import Line, NotAnswered
from parley.caller.reaching import bound, hops_of, listening, local_host
from parley.caller.report import CallReport, speech_seconds
from parley.caller.script import CALL_SECONDS_MAX, CallError, CallScript, Press, Say, Step
from telephony.address import Address
from telephony.resolver import Resolver
from telephony.sdp import AudioParameters
from telephony.tls import Tls, TlsError, contexts

REPLY_MS = 700
"""A far side which has spoken and is silent for so long waits for us."""
PATIENCE_MS = 15_000
"""A far side which says nothing for so long is spoken to all the same."""
GOODBYE_MS = 8_000
"""When all is said and done and nobody speaks for so long, the call is over."""

LAST_TICKS = DELAY_SAMPLES // FRAME_SAMPLES + 1


@dataclass(frozen=True, slots=True)
class CallEvent:
    """What has just happened: "calling", "ringing", "answered", "saying", "pressing", "ended".

    `at_s` counts from the answer, and is 0 before it.
    """

    name: str
    at_s: float
    detail: str


OnEvent = Callable[[CallEvent], None]


async def place(
    script: CallScript,
    *,
    on_event: OnEvent = lambda event: None,
    stop: asyncio.Event | None = None,
    resolver: Resolver | None = None,
) -> CallReport:
    """Call, and hang up politely when `stop` is set or the task is cancelled. Raises CallError."""
    resolver = resolver or Resolver()
    hops = await hops_of(script.target, resolver)
    tls = _tls(script)
    host = local_host(hops[0].address)
    with listening(host, hops) as held, bound(host) as rtp:
        media = Address(*rtp.getsockname()[:2])
        line = Line(
            held,
            media,
            script.user,
            script.display,
            tls=tls,
            lookup=resolver.hops,
            codecs=script.codecs,
            srtp=script.srtp,
        )
        call = _Call(script, line, on_event, stop or asyncio.Event())
        try:
            line.dial(script.target, hops)
            return await call.run(rtp)
        finally:
            await line.close()


def _tls(script: CallScript) -> Tls:
    try:
        return contexts(authorities=script.tls_ca)
    except TlsError as error:
        raise CallError(str(error)) from error


def keys_of(answer: AudioParameters) -> Srtp | None:
    """The keys that were agreed on, as media has them."""
    if answer.srtp is None:
        return None
    send, receive = map(base64.b64decode, (answer.srtp.send_key, answer.srtp.receive_key))
    return Srtp(answer.srtp.suite, send, receive)


class _Call:
    def __init__(
        self, script: CallScript, line: Line, on_event: OnEvent, stop: asyncio.Event
    ) -> None:
        self._script = script
        self._line = line
        self._on_event = on_event
        self._stop = stop
        self._answered_at: float | None = None
        self._done: list[Step] = []

    async def run(self, rtp: socket.socket) -> CallReport:
        self._tell("calling", self._script.target)
        ringing = asyncio.create_task(self._ring())
        try:
            await self._wait_for(self._line.answer)
            if not self._line.answer.done():
                return self._not_answered(NotAnswered("interrupted before the answer"))
            answer = self._line.answer.result()
            if isinstance(answer, NotAnswered):
                return self._not_answered(answer)
            return await self._talk(answer, rtp)
        finally:
            ringing.cancel()
            if not self._line.over.done():
                await self._line.hang_up()

    async def _ring(self) -> None:
        await self._line.rang.wait()
        self._tell("ringing")

    async def _wait_for(self, wanted: asyncio.Future[Any], seconds: float | None = None) -> None:
        """Wait until it is done, or the call is over, or we are told to stop."""
        stopped = asyncio.create_task(self._stop.wait())
        try:
            either = (wanted, self._line.over, stopped)
            await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()

    async def _talk(self, answer: AudioParameters, rtp: socket.socket) -> CallReport:
        phone = SoftPhone(
            rtp,
            CODECS[answer.codec],
            payload_type=answer.payload_type,
            dtmf_payload_type=answer.dtmf_payload_type,
            dtmf_clock_rate=answer.dtmf_clock_rate,
            srtp=keys_of(answer),
        )
        # The time line of what is heard begins here, too.
        self._answered_at = time.monotonic()
        phone.start((answer.remote.host, answer.remote.port))
        secured = f" {answer.srtp.suite}" if answer.srtp else ""
        self._tell("answered", f"{answer.codec}{secured} {answer.remote.host}:{answer.remote.port}")
        try:
            ended = await self._follow(phone, answer)
            duration_s = round(self._at_s(), 2)
            # What has come in by now is still held back against jitter.
            for _ in range(LAST_TICKS):
                await phone.tick()
            report = self._report(phone, ended, duration_s)
        finally:
            phone.close()
        self._tell("ended", ended)
        return report

    async def _follow(self, phone: SoftPhone, answer: AudioParameters) -> str:
        """Do the script until that or the call ends; why it ended."""
        has_keys = any(isinstance(step, Press) for step in self._script.steps)
        if has_keys and answer.dtmf_payload_type is None:
            return "the far side takes no keys: there is no telephone-event in its SDP"
        limit = CALL_SECONDS_MAX if self._script.seconds is None else self._script.seconds
        talking = asyncio.create_task(self._do_steps(phone))
        try:
            await self._wait_for(talking, limit)
        finally:
            talking.cancel()
            await asyncio.wait((talking,))
        if self._line.over.done():
            return self._line.over.result()
        if self._stop.is_set():
            return "interrupted"
        return "the time was up" if talking.cancelled() else talking.result()

    async def _do_steps(self, phone: SoftPhone) -> str:
        async with asyncio.TaskGroup() as timed:
            for step in self._script.steps:
                if isinstance(step, Press) and step.at_s is not None:
                    timed.create_task(self._press_at(phone, step, step.at_s))
            for step in self._script.steps:
                if isinstance(step, Say) or step.at_s is None:
                    await phone.wait_for_silence(ms=REPLY_MS, patience_ms=PATIENCE_MS)
                    await self._do(phone, step)
        await phone.wait_for_silence(ms=GOODBYE_MS, patience_ms=GOODBYE_MS)
        return "all was said, and nobody spoke any more"

    async def _press_at(self, phone: SoftPhone, step: Press, at_s: float) -> None:
        await asyncio.sleep(max(0.0, at_s - self._at_s()))
        await self._do(phone, step)

    async def _do(self, phone: SoftPhone, step: Step) -> None:
        if isinstance(step, Press):
            self._tell("pressing", step.digits)
            phone.press(step.digits)
        else:
            phone.say(step.audio)
            await phone.tick()
            # Told when the first packet has gone out, so that one can place it in a recording.
            self._tell("saying", step.label)
            await phone.wait_until_said()
            # What the far side said meanwhile was no answer to it.
            phone.listen_anew()
        self._done.append(step)

    def _at_s(self) -> float:
        return 0.0 if self._answered_at is None else time.monotonic() - self._answered_at

    def _tell(self, name: str, detail: str = "") -> None:
        self._on_event(CallEvent(name, round(self._at_s(), 2), detail))

    def _not_answered(self, why: NotAnswered) -> CallReport:
        self._tell("ended", why.reason)
        return CallReport(
            target=self._script.target,
            answered=False,
            ended=why.reason,
            status=why.status,
            duration_s=0.0,
            steps=len(self._script.steps),
            steps_done=0,
            digits_sent="",
            speech_heard_s=0.0,
            longest_gap_ms=0,
            saved=None,
        )

    def _report(self, phone: SoftPhone, ended: str, duration_s: float) -> CallReport:
        audio = phone.heard()
        if self._script.save is not None:
            wav.write(self._script.save, audio)
        presses = (step.digits for step in self._done if isinstance(step, Press))
        return CallReport(
            target=self._script.target,
            answered=True,
            ended=ended,
            status=None,
            duration_s=duration_s,
            steps=len(self._script.steps),
            steps_done=len(self._done),
            digits_sent="".join(presses),
            speech_heard_s=speech_seconds(audio),
            longest_gap_ms=phone.longest_gap_ms,
            saved=None if self._script.save is None else str(self._script.save),
        )
