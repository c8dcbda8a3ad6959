"""`parley call`: the arguments, the run, the exit code."""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from media.codecs import CODECS
from parley.caller import script, wav
from parley.caller.call import CallEvent, place
from parley.caller.report import CallReport
from parley.caller.script import SILENCE, CallError, CallScript, Step
from telephony.sdp import Srtp

T = TypeVar("T")

DESCRIPTION = """\
Place a SIP call, speak, press keys, and save what is heard.

What is to be said is said in the order written, each time when the far side has spoken and
fallen silent. Exit code 0: answered and all done. 1: not answered, or it ended before. 2: misuse.
"""
EXAMPLE = """\
example:
  parley call sip:desk@127.0.0.1:5060 --dtmf 1@silence --text "I would like an appointment" \\
      --save heard.wav
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Make this parser that of `parley call`; then give what it parsed to `run`."""
    parser.description, parser.epilog = DESCRIPTION, EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("uri", metavar="URI", help=_URI)
    _add_step(parser, "--say", "FILE.wav", wav.read, "say a 16-bit WAV file")
    _add_step(parser, "--text", "TEXT", script.text, "say this text")
    _add_step(parser, "--dtmf", "DIGITS@SECONDS", script.dtmf, _DTMF)
    parser.add_argument("--save", type=_or_misuse(_writable), metavar="OUT.wav", help=_SAVE)
    parser.add_argument("--seconds", type=_or_misuse(script.seconds), metavar="N", help=_SECONDS)
    parser.add_argument("--codec", action="append", choices=tuple(CODECS), help=_CODEC)
    parser.add_argument("--srtp", choices=tuple(Srtp), default=Srtp.OFF, help=_SRTP)
    parser.add_argument("--tls-ca", type=Path, metavar="CA.pem", help=_TLS_CA)
    parser.add_argument("--json", action="store_true", help="print one JSON report")


def _add_step(
    parser: argparse.ArgumentParser,
    option: str,
    metavar: str,
    read: Callable[[str], Step],
    help_text: str,
) -> None:
    """All steps go to one list, so that their order on the command line is kept."""
    parser.add_argument(
        option,
        dest="steps",
        action="append",
        default=[],
        type=_or_misuse(read),
        metavar=metavar,
        help=help_text,
    )


_DTMF = f"press keys so long after the answer; @{SILENCE}: when the far side has spoken"
_SAVE = "save what was heard: 8 kHz, mono, from the answer on"
_URI = "whom to call: sip:NAME@HOST:PORT; sips: or ;transport=tcp; a domain by its DNS"
_CODEC = "offer this codec, and no other but those named as well (else PCMU and PCMA)"
_SRTP = "encrypt the sound: off, optional (where the far side can too) or required"
_TLS_CA = "the authorities to believe over TLS, instead of those of this machine"
_SECONDS = "hang up so many seconds after the answer"


def run(args: argparse.Namespace) -> int:
    """Call, print a report, answer the exit code."""
    wanted = CallScript(
        args.uri,
        tuple(args.steps),
        args.seconds,
        args.save,
        codecs=tuple(dict.fromkeys(args.codec or ("PCMU", "PCMA"))),
        srtp=Srtp(args.srtp),
        tls_ca=args.tls_ca,
    )
    try:
        report = asyncio.run(_placed(wanted, _silent if args.json else _tell))
    except CallError as error:
        print(f"parley call: {error}", file=sys.stderr)
        return 2
    print(json.dumps(report.to_json()) if args.json else report)
    return 0 if report.completed else 1


async def _placed(wanted: CallScript, on_event: Callable[[CallEvent], None]) -> CallReport:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return await place(wanted, on_event=on_event, stop=stop)


def _silent(_: CallEvent) -> None:
    """A program reads the report, and nothing else."""


def _tell(event: CallEvent) -> None:
    print(f"{event.at_s:7.2f}  {event.name} {event.detail}".rstrip(), file=sys.stderr, flush=True)


def _writable(name: str) -> Path:
    path = Path(name)
    if path.is_dir() or not path.parent.is_dir():
        raise CallError(f"{path} cannot be written. Name a file in a folder that exists.")
    return path


def _or_misuse(read: Callable[[str], T]) -> Callable[[str], T]:
    """So that argparse says what is wrong, and ends with 2."""

    def checked(written: str) -> T:
        try:
            return read(written)
        except CallError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return checked
