"""Two threads between the node's link and the engines: no speech waits for a recognition."""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from conversation.speech.engines import Grammar, SpeechError, SpeechToText, TextToSpeech, say_in
from conversation.speech.link import Link
from conversation.speech.messages import (
    Cancel,
    Header,
    Hear,
    Say,
    error_answer,
    hearing_answer,
    parse_request,
    request_number,
    speech_answer,
)
from conversation.speech.requests import RequestQueue, Waiting


class Worker:
    def __init__(self, stt: SpeechToText, tts: TextToSpeech) -> None:
        self._stt = stt
        self._tts = tts
        self._to_say = RequestQueue()
        self._to_hear = RequestQueue()

    def start(self, warm: Sequence[tuple[Grammar, ...]]) -> None:
        """Begin to serve. What is to be warm is built before the first request is heard."""

        _thread(lambda: self._serve(self._to_say))
        _thread(lambda: self._warm_and_serve(warm))

    def listen(self, link: Link) -> None:
        """Serve a link, on a thread of its own, until it ends."""
        _thread(lambda: self._read(link))

    def _read(self, link: Link) -> None:
        for header, payload in link.read():
            self._request(link, header, payload)
        self._to_say.cancel(link)
        self._to_hear.cancel(link)
        link.close()

    def _request(self, link: Link, header: Mapping[str, object], payload: bytes) -> None:
        try:
            request = parse_request(header, payload)
        except SpeechError as error:
            link.send(error_answer(request_number(header) or 0, str(error)))
            return
        if isinstance(request, Cancel):
            self._to_say.cancel(link, request.req)
            self._to_hear.cancel(link, request.req)
            return
        queue = self._to_say if isinstance(request, Say) else self._to_hear
        if not queue.offer(Waiting(link, request)):
            link.send(error_answer(request.req, "busy"))

    def _warm_and_serve(self, warm: Sequence[tuple[Grammar, ...]]) -> None:
        # Whoever is the first to be heard is told what is wrong.
        with suppress(SpeechError):
            for grammars in warm:
                self._stt.warm(grammars)
        self._serve(self._to_hear)

    def _serve(self, queue: RequestQueue) -> None:
        while True:
            waiting = queue.take()
            waiting.link.send(*self._answer(waiting.request))

    def _answer(self, request: Say | Hear) -> tuple[Header, bytes]:
        try:
            if isinstance(request, Say):
                speech = say_in(self._tts, request.text, request.language)
                return speech_answer(request.req, speech), speech.pcm
            hearing = self._stt.hear(request.pcm, request.grammars, request.dictation)
            return hearing_answer(request.req, hearing), b""
        except SpeechError as error:
            return error_answer(request.req, str(error)), b""
        except Exception as error:
            # The engines are others' code: one utterance that breaks them must not end the
            # worker. The error's own text could quote what was said, so only its kind is told.
            return error_answer(request.req, f"engine failed: {type(error).__name__}"), b""


def _thread(target: Callable[[], None]) -> None:
    threading.Thread(target=target, daemon=True).start()
