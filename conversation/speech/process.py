"""The speech process: it speaks and hears for the node, and keeps nothing.

Started by the keeper as `python -P -m conversation.speech.process --control FD`.
"""

import argparse
import os
import signal
import socket
from collections.abc import Sequence

from conversation.speech.choice import SpeechSettings, choose
from conversation.speech.ears import Ears
from conversation.speech.engines import Grammar
from conversation.speech.grammars import DAYS, YES_NO
from conversation.speech.link import Link
from conversation.speech.worker import Worker
from media.process import KeeperGone, receive_control, wait_for_go

WARM_AT_START: tuple[tuple[Grammar, ...], ...] = ((YES_NO,), (DAYS,))


class SpeechProcess:
    """Takes the links which the keeper brings."""

    def __init__(self, control: socket.socket, worker: Worker) -> None:
        self._control = control
        self._worker = worker

    def run(self) -> None:
        """Serve until the keeper dies, which raises KeeperGone."""
        while True:
            message, fds = receive_control(self._control)
            if message.get("peer") == "node" and fds:
                self._worker.listen(Link(socket.socket(fileno=fds.pop())))
            for unexpected in fds:
                os.close(unexpected)


def serve(control: socket.socket) -> None:
    """Stand by, then run until the keeper dies, which raises KeeperGone."""
    settings = SpeechSettings.parse(wait_for_go(control).get("speech"))
    chosen = choose(settings.stt, settings.tts, settings.whisper_model)
    worker = Worker(Ears(settings, chosen.stt.name), chosen.tts)
    worker.start(WARM_AT_START)
    SpeechProcess(control, worker).run()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="conversation.speech.process")
    parser.add_argument("--control", type=int, required=True, metavar="FD")
    options = parser.parse_args(arguments)
    # Ctrl-C reaches the whole group: the keeper decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        serve(socket.socket(fileno=options.control))
    except KeeperGone:
        # Threads may be busy for seconds yet, in C; nobody waits for what they say or hear. The
        # recogniser reads the end of its link.
        os._exit(0)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
