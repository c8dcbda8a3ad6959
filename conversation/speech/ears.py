"""Recognition in a process of its own: the decoders hold the interpreter's lock for seconds.

Started by the speech process as `python -P -m conversation.speech.ears --link FD`.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing

from conversation.speech.choice import SpeechSettings, choose_stt
from conversation.speech.engines import Grammar, Hearing, SpeechError, SpeechToText
from conversation.speech.messages import (
    Header,
    Hear,
    error_answer,
    hear_request,
    hearing_answer,
    parse_answer,
    parse_request,
    request_number,
)
from media.wire import Decoder, WireError, encode

READ_BYTES = 256 * 1024
ANSWER_TIMEOUT_S = 30.0
ATTEMPTS_MAX = 2
NICE = 5
"""Who is understood a little later does not notice; who is answered late does."""


class EarsLost(SpeechError):
    """The recognising process died, or took too long and was ended."""


class Ears:
    """A SpeechToText whose engine runs in a child, started when needed and again if it dies."""

    def __init__(self, settings: SpeechSettings, name: str) -> None:
        self.name = name
        self._settings = settings
        self._child: _Child | None = None

    def warm(self, grammars: tuple[Grammar, ...]) -> None:
        """An utterance of no length has the decoder built, and is heard as nothing."""
        self.hear(b"", grammars, dictation=False)

    def hear(self, pcm: bytes, grammars: tuple[Grammar, ...], dictation: bool) -> Hearing:
        request = hear_request(1, grammars, dictation)
        for attempt in range(1, ATTEMPTS_MAX + 1):
            try:
                return self._ask(request, pcm)
            except EarsLost:
                if attempt == ATTEMPTS_MAX:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def close(self) -> None:
        if self._child is not None:
            self._child.end()
            self._child = None

    def _ask(self, request: Header, pcm: bytes) -> Hearing:
        child = self._child or _Child(self._settings)
        self._child = child
        try:
            answer = parse_answer(child.ask(request, pcm), b"")
        except EarsLost:
            self.close()
            raise
        if not isinstance(answer, Hearing):
            raise SpeechError("the recogniser answered with speech")
        return answer


class _Child:
    def __init__(self, settings: SpeechSettings) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            fd = theirs.fileno()
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "conversation.speech.ears", "--link", str(fd)],
                pass_fds=(fd,),
            )
        ours.settimeout(ANSWER_TIMEOUT_S)
        self._socket = ours
        self._decoder = Decoder()
        self._send({"stt": settings.stt, "whisper_model": settings.whisper_model}, b"")

    def ask(self, request: Header, pcm: bytes) -> Header:
        self._send(request, pcm)
        try:
            while data := self._socket.recv(READ_BYTES):
                for header, _ in self._decoder.feed(data):
                    return header
        except (OSError, WireError) as error:
            raise EarsLost("the recogniser does not answer") from error
        raise EarsLost("the recogniser died")

    def _send(self, header: Header, payload: bytes) -> None:
        try:
            self._socket.sendall(encode(header, payload))
        except OSError as error:
            raise EarsLost("the recogniser died") from error

    def end(self) -> None:
        self._socket.close()
        self._process.kill()
        self._process.wait()


def serve(sock: socket.socket) -> None:
    """Answer one request after another until the speech process is gone."""
    frames = _frames(sock)
    nothing: tuple[Header, bytes] = ({}, b"")
    settings, _ = next(frames, nothing)
    stt, _ = choose_stt(SpeechSettings.parse(settings))
    for header, payload in frames:
        sock.sendall(encode(_answer(stt, header, payload)))


def _answer(stt: SpeechToText, header: Header, pcm: bytes) -> Header:
    number = request_number(header) or 0
    try:
        request = parse_request(header, pcm)
        if not isinstance(request, Hear):
            return error_answer(number, "only hears")
        return hearing_answer(number, stt.hear(request.pcm, request.grammars, request.dictation))
    except SpeechError as error:
        return error_answer(number, str(error))


def _frames(sock: socket.socket) -> Iterator[tuple[Header, bytes]]:
    decoder = Decoder()
    while data := sock.recv(READ_BYTES):
        yield from decoder.feed(data)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="conversation.speech.ears")
    parser.add_argument("--link", type=int, required=True, metavar="FD")
    options = parser.parse_args(arguments)
    # Ctrl-C reaches the whole group: the keeper decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICE)
    with closing(socket.socket(fileno=options.link)) as sock:
        try:
            serve(sock)
        except (ConnectionError, WireError):
            return 0  # The speech process died in the middle of a frame.
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
