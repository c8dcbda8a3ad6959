"""parley check: would the server work here? One line for each thing it needs."""

import argparse
import importlib
import json
import os
import socket
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from conversation.speech.choice import choose

from conversation.agent import Agent
from conversation.speech.engines import SpeechError
from parley.commands import NO, finding, place
from parley.commands.place import Place
from parley.config import Endpoint
from runtime.log_key import load_or_create

FSYNCS = 9
FSYNC_MS_MAX = 100.0
"""A commit that takes longer makes every caller wait."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. What is not ok says what to do."""

    ok: bool
    what: str
    detail: str

    def __str__(self) -> str:
        return f"{'ok' if self.ok else '!!'}  {self.what}: {self.detail}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    place.add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.epilog = "example:\n  parley check --config parley.toml --data /var/lib/parley"


def run(args: argparse.Namespace) -> int:
    here = place.place_of(args)
    found = [one for look in LOOKS for one in look(here)]
    if args.json:
        facts = [{"ok": one.ok, "what": one.what, "detail": one.detail} for one in found]
        print(finding.as_json(facts))
    else:
        print("\n".join(str(one) for one in found))
    return 0 if all(one.ok for one in found) else NO


def the_configuration(here: Place) -> Iterator[Finding]:
    yield Finding(True, "configuration", f"data in {here.data}, store in {here.database}")


def the_agent(here: Place) -> Iterator[Finding]:
    app = here.config.agent.app
    module, _, name = app.partition(":")
    try:
        found = getattr(importlib.import_module(module), name, None)
    except Exception as error:  # The agent's code is not ours.
        yield Finding(
            False, "agent", f"{module} cannot be imported: {type(error).__name__} {error}"
        )
        return
    ok = isinstance(found, type) and issubclass(found, Agent)
    yield Finding(ok, "agent", app if ok else f"{app} names no subclass of parley.Agent")


def the_ports(here: Place) -> Iterator[Finding]:
    running = _keeper(here)
    if running is not None:
        yield Finding(True, "ports", f"held by the server that runs here (pid {running})")
        return
    for listen in here.config.sip.listen:
        yield _port("sip", listen, socket.SOCK_DGRAM)
    yield _port("http", here.config.http.listen, socket.SOCK_STREAM)
    yield _rtp(here)


def the_data_directory(here: Place) -> Iterator[Finding]:
    folder = next(
        path for path in (here.data.resolve(), *here.data.resolve().parents) if path.exists()
    )
    try:
        latency_ms = _fsync_ms(folder)
    except OSError as error:
        why = f"{folder} cannot be written: {error.strerror}; name another with --data"
        yield Finding(False, "data directory", why)
        return
    made = "" if here.data.exists() else ", will be made"
    yield Finding(
        latency_ms <= FSYNC_MS_MAX,
        "data directory",
        f"{here.data}{made}; fsync takes {latency_ms:.1f} ms (at most {FSYNC_MS_MAX:.0f})",
    )


def the_speech(here: Place) -> Iterator[Finding]:
    wanted = here.config.speech
    try:
        chosen = choose(wanted.stt, wanted.tts, wanted.whisper_model)
    except SpeechError as error:
        yield Finding(False, "speech", str(error))
        return
    for line in chosen.why:
        yield Finding(True, "speech", line)
    yield Finding(True, "speech", f"hears with {chosen.stt.name}, speaks with {chosen.tts.name}")


def the_log_key(here: Place) -> Iterator[Finding]:
    if not here.log_key.exists():
        known = here.database.exists()
        lost = "gone, but there is a log: put it back from your backup"
        yield Finding(not known, "log key", lost if known else "made at the first start")
        return
    try:
        load_or_create(here.log_key)
    except (OSError, ValueError) as error:
        yield Finding(False, "log key", f"{here.log_key} cannot be used: {error}")
        return
    yield Finding(True, "log key", str(here.log_key))


Look = Callable[[Place], Iterator[Finding]]

LOOKS: tuple[Look, ...] = (
    the_configuration,
    the_agent,
    the_ports,
    the_data_directory,
    the_speech,
    the_log_key,
)


def _keeper(here: Place) -> int | None:
    """The server that runs in this data directory, if one does."""
    try:
        pid = int(json.loads(here.pids.read_text(encoding="utf-8"))["keeper"])
        os.kill(pid, 0)
    except (OSError, ValueError, KeyError):
        return None
    return pid


def _port(what: str, listen: Endpoint, kind: socket.SocketKind) -> Finding:
    why = _taken(listen.host, listen.port, kind)
    hint = f"; stop who uses it, or change {what}.listen"
    return Finding(
        why is None, what, f"{listen} is free" if why is None else f"{listen} {why}{hint}"
    )


def _rtp(here: Place) -> Finding:
    media = here.config.media
    free = sum(_taken(media.address, port, socket.SOCK_DGRAM) is None for port in media.ports.even)
    total = len(media.ports.even)
    detail = f"{free} of {total} ports of {media.ports} on {media.address} are free"
    return Finding(free > 0, "media", detail if free else f"{detail}; change media.ports")


def _taken(host: str, port: int, kind: socket.SocketKind) -> str | None:
    """Why it cannot be bound; None if it can."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return f"cannot be bound: {error.strerror}"
    return None


def _fsync_ms(folder: Path) -> float:
    """The median of a few."""
    taken: list[float] = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(FSYNCS):
            file.write(bytes(4_096))
            file.flush()
            began = time.perf_counter()
            os.fsync(file.fileno())
            taken.append((time.perf_counter() - began) * 1_000)
    return statistics.median(taken)
