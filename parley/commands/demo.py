"""parley demo: a real call over SIP and RTP on loopback, without an account, a key or a network."""

import argparse
import asyncio
import os
import shutil
import tempfile
import time
from pathlib import Path

from parley import evidence, reducers, telling
from parley.caller import CallError, CallReport, CallScript, Press, Say, wav
from parley.caller import place as place_call
from parley.caller import script as calling
from parley.commands import NO, No, NotLikeThis, finding
from parley.commands import place as places
from parley.commands.place import Place
from parley.commands.verify import load as load_verifier
from parley.config import load as load_config
from parley.demonstration import NotReady, Server, Verdict, Watch, verdict
from parley.demonstration.crashing import Crash, crash
from parley.demonstration.painting import Painter, on_stdout
from parley.record import record
from recordings import ExportError, PackError
from runtime import replay
from runtime.log_key import load_or_create

DIALOGUE = ("book an appointment", "wednesday", "ten thirty", "yes")
CALL_S_MAX = 50.0
SEAL_S_MAX = 10.0

EXAMPLES = """\
examples:
  parley demo
  parley demo --crash --keep"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--crash", action="store_true", help="kill the node (SIGKILL) in mid-sentence"
    )
    parser.add_argument("--keep", action="store_true", help="keep the data and say where it is")
    parser.add_argument(
        "--say",
        action="append",
        type=Path,
        metavar="FILE.wav",
        help="say this instead of the built-in answers; once for each answer",
    )
    parser.epilog = EXAMPLES


def run(args: argparse.Namespace) -> int:
    painter = on_stdout(os.environ)
    try:
        answers = [wav.read(path) for path in args.say or ()] or [
            calling.text(words) for words in DIALOGUE
        ]
    except CallError as error:
        raise NotLikeThis(str(error)) from error
    data = Path(tempfile.mkdtemp(prefix="parley-demo-"))
    try:
        return asyncio.run(_demo(data, answers, args.crash, painter))
    except (CallError, NotReady) as error:
        raise No(str(error)) from error
    finally:
        if args.keep:
            config = data / "parley.toml"
            painter.plain(f"kept: parley show last --config {config} --data {data}")
        else:
            shutil.rmtree(data)


async def _demo(data: Path, answers: list[Say], crashes: bool, painter: Painter) -> int:
    with Server(data) as server:
        painter.plain("starting the server")
        painter.plain(f"ready after {await server.ready():.1f} s; calling {server.uri}")
        here = Place(load_config(server.config, {}).in_directory(data), data)
        watch = Watch(here.database, here.keystore().key, painter.tell)
        watching = asyncio.create_task(watch.run())
        outcome = Crash()
        try:
            tasks = [crash(server, watch, painter, outcome)] if crashes else []
            crashing = [asyncio.create_task(task) for task in tasks]
            report = await place_call(
                CallScript(server.uri, (Press("1"), *answers), seconds=CALL_S_MAX)
            )
            await _sealed(watch)
            for task in crashing:
                task.cancel()
            await asyncio.gather(*crashing, return_exceptions=True)
        finally:
            watching.cancel()
            await asyncio.wait((watching,))
    return _summary(here, report, painter, outcome if crashes else None)


async def _sealed(watch: Watch) -> None:
    """Wait for the last row of the call. Raises NotReady."""
    try:
        async with asyncio.timeout(SEAL_S_MAX):
            await watch.seen("sessions.call_sealed")
    except TimeoutError as error:
        raise NotReady(f"the call was not sealed within {SEAL_S_MAX:.0f} s") from error


def _summary(here: Place, report: CallReport, painter: Painter, crashed: Crash | None) -> int:
    """The record of the call, and whether all that was promised is so."""
    with places.reading(here) as rows:
        call = finding.call_of(rows, "last")
        found = record(rows, here.keystore().key, call.id)
    painter.plain("")
    for line in telling.told(found):
        painter.plain(line)
    painter.plain("")
    assert reducers.MODULES, "every reducer is known"
    audit = replay.audit(replay.entries(here.database))
    verdicts = list(verdict(found, report, audit, _verified(here)))
    if crashed is not None:
        back = crashed.back_ms is not None
        how = f"came back after {crashed.back_ms} ms" if back else "was never killed, or is gone"
        verdicts.append(Verdict(back, f"the node {how}"))
    for one in verdicts:
        painter.mark(one.holds, one.text)
    return 0 if all(one.holds for one in verdicts) else NO


def _verified(here: Place) -> list[str]:
    """Export the evidence, verify it; what speaks against it."""
    pack = here.data / "evidence"
    with places.reading(here) as rows:
        try:
            evidence.export(
                rows,
                finding.call_of(rows, "last"),
                key=here.keystore().key,
                log_key=load_or_create(here.log_key),
                recordings=here.recordings,
                directory=pack,
                now_us=time.time_ns() // 1_000,
            )
        except (ExportError, PackError) as error:
            return [str(error)]
    failures: list[str] = load_verifier().verify(pack).failures
    return failures
