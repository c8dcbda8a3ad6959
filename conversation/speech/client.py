"""The node's end of the link to the speech process."""

import asyncio
import itertools
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from consent.permit import ANSWER, LIVE_STT, Permit
from conversation.speech.engines import RATE, Grammar, Hearing, Speech, SpeechError
from conversation.speech.messages import (
    Header,
    cancel_request,
    hear_request,
    parse_answer,
    request_number,
    say_request,
)
from conversation.speech.resample import resample
from media.wire import Decoder, WireError, encode

REQUESTS_MAX = 128
SAY_TIMEOUT_S = 5.0
HEAR_TIMEOUT_S = 20.0
READ_BYTES = 256 * 1024


class SpeechUnavailable(SpeechError):
    """There is no speech process, or it does not answer in time, or it has too much to do."""


@dataclass(frozen=True, slots=True)
class _Asked:
    request: bytes
    answer: asyncio.Future[Speech | Hearing]


class SpeechClient:
    """Questions out, answers in. What a lost process left unanswered is asked of the next one."""

    def __init__(self) -> None:
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._numbers = itertools.count(1)
        self._asked: dict[int, _Asked] = {}

    @property
    def attached(self) -> bool:
        return self._writer is not None

    async def attach(self, sock: socket.socket) -> None:
        """Take a new link, which the client then owns, and repeat what is unanswered."""
        await self.detach()
        sock.setblocking(False)
        reader, self._writer = await asyncio.open_connection(sock=sock)
        self._reading = asyncio.create_task(self._read(reader, self._writer))
        for asked in self._asked.values():
            self._writer.write(asked.request)

    async def detach(self) -> None:
        """Give up the link, if there is one."""
        if self._reading is not None:
            self._reading.cancel()
            with suppress(asyncio.CancelledError):
                await self._reading
            self._reading = None
        self._forget(self._writer)

    async def say(
        self, text: str, timeout_s: float = SAY_TIMEOUT_S, *, language: str = ""
    ) -> Speech:
        """`language` is ISO 639, "" for the engine's own.

        Raises SpeechError, and SpeechUnavailable if nobody answers in time.
        """
        number = next(self._numbers)
        answer = await self._ask(number, say_request(number, text, language), b"", timeout_s)
        if not isinstance(answer, Speech):
            raise SpeechError("asked to say, it answered what it heard")
        return answer

    async def hear(
        self,
        pcm: bytes,
        grammars: Sequence[Grammar],
        dictation: bool = False,
        *,
        permit: Permit,
        rate: int = RATE,
        timeout_s: float = HEAR_TIMEOUT_S,
    ) -> Hearing:
        """`rate` of the audio, in Hz. Without a permit nothing is understood; with one for an
        answer only, nothing but that.

        Raises NotPermitted, SpeechError, and SpeechUnavailable if nobody answers in time.
        """
        permit.must_be_for(LIVE_STT, *(() if dictation else (ANSWER,)))
        if rate != RATE:
            pcm = await asyncio.to_thread(resample, pcm, rate, RATE)
        number = next(self._numbers)
        header = hear_request(number, grammars, dictation)
        answer = await self._ask(number, header, pcm, timeout_s)
        if not isinstance(answer, Hearing):
            raise SpeechError("asked to hear, it answered with speech")
        return answer

    async def _ask(
        self, number: int, header: Header, payload: bytes, timeout_s: float
    ) -> Speech | Hearing:
        if len(self._asked) >= REQUESTS_MAX:
            raise SpeechUnavailable(f"{REQUESTS_MAX} requests are unanswered")
        try:
            request = encode(header, payload)
        except WireError as error:
            raise SpeechError(str(error)) from error
        asked = _Asked(request, asyncio.get_running_loop().create_future())
        self._asked[number] = asked
        self._write(request)
        try:
            async with asyncio.timeout(timeout_s):
                return await asked.answer
        except TimeoutError as error:
            raise SpeechUnavailable(f"no answer in {timeout_s} s") from error
        finally:
            del self._asked[number]
            if not asked.answer.done() or asked.answer.cancelled():
                self._write(encode(cancel_request(number)))

    def _write(self, frame: bytes) -> None:
        if self._writer is not None:
            self._writer.write(frame)

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        decoder = Decoder()
        try:
            while data := await reader.read(READ_BYTES):
                for header, payload in decoder.feed(data):
                    self._answer(header, payload)
        except (OSError, WireError):
            return  # Lost: what is unanswered is asked again over the next link.
        finally:
            self._forget(writer)

    def _forget(self, writer: asyncio.StreamWriter | None) -> None:
        if writer is not None:
            writer.close()
        if writer is self._writer:
            self._writer = None

    def _answer(self, header: dict[str, object], payload: bytes) -> None:
        asked = self._asked.get(request_number(header) or 0)
        if asked is None or asked.answer.done():
            return
        try:
            asked.answer.set_result(parse_answer(header, payload))
        except SpeechError as error:
            asked.answer.set_exception(error)
