"""parley demo: a real call over SIP and RTP on loopback, without an account, a key or a network."""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
from pathlib import Path

from parley import telling
from parley.caller import CallError, Say, script, wav
from parley.commands import NO, No, NotLikeThis, finding, place
from parley.commands.place import Place
from parley.config import load
from parley.demonstration import Called, NotReady, Painter, Server, call, verdict
from parley.record import record

DIALOGUE = ("book an appointment", "wednesday", "ten thirty", "yes")
"""What the caller says, unless told otherwise."""

EXAMPLES = """\
examples:
  parley demo
  parley demo --crash --keep"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--crash", action="store_true", help="kill the node (SIGKILL) in mid-sentence"
    )
    parser.add_argument("--keep", action="store_true", help="keep the data, and say where it is")
    parser.add_argument(
        "--say",
        action="append",
        default=[],
        type=Path,
        metavar="FILE.wav",
        help="say this instead of the built-in answers; once for each answer",
    )
    parser.epilog = EXAMPLES


def run(args: argparse.Namespace) -> int:
    painter = Painter(sys.stdout, os.environ)
    try:
        answers = [wav.read(path) for path in args.say] or [script.text(one) for one in DIALOGUE]
    except CallError as error:
        raise NotLikeThis(str(error)) from error
    data = Path(tempfile.mkdtemp(prefix="parley-demo-"))
    try:
        return asyncio.run(_demo(data, answers, args.crash, painter))
    except (CallError, NotReady) as error:
        raise No(str(error)) from error
    finally:
        if args.keep:
            painter.plain(f"kept: parley show last --data {data}")
        else:
            shutil.rmtree(data)


async def _demo(data: Path, answers: list[Say], crashes: bool, painter: Painter) -> int:
    with Server(data) as server:
        painter.plain("starting the server")
        painter.plain(f"ready after {await server.ready():.1f} s; calling {server.uri}")
        here = Place(load(server.config, {}).in_directory(data), data)
        called = await call(server, here, answers, crashes, painter)
        return _summary(here, called, crashes, painter)


def _summary(here: Place, called: Called, crashes: bool, painter: Painter) -> int:
    """The record of the call, and whether all that was promised is so."""
    with place.reading(here) as rows:
        found = record(rows, here.keystore().key, finding.call_of(rows, "last").id)
    painter.plain("")
    for line in telling.told(found):
        painter.plain(line)
    painter.plain("")
    verdicts = [
        *verdict.of_the_record(found),
        *verdict.of_the_caller(called.report),
        *([verdict.of_the_crash(called.back_ms)] if crashes else []),
        verdict.of_the_log(here),
        verdict.of_the_evidence(here),
    ]
    for one in verdicts:
        painter.mark(one.holds, one.text)
    return 0 if all(one.holds for one in verdicts) else NO
