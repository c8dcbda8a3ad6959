"""parley check: would the server work here? One line for each thing it needs."""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import apsw

from conversation.speech.choice import choose
from conversation.speech.engines import SpeechError
from parley import forking, trunks
from parley.agents import Agents
from parley.commands import NO, No, NotLikeThis, finding, place, ports
from parley.commands.place import Place
from parley.config import Media
from parley.keeper.sockets import SHARED_BUFFER_BYTES
from parley.reach import calls_max
from parley.secure import tls_of
from runtime import timestamps, tsa
from runtime.checkpoint import verifier_key
from runtime.engines import witness
from runtime.errors import StoreDamaged
from runtime.kek_check import checked
from runtime.kek_sources import File
from runtime.key_errors import KekError
from runtime.log_key import ORIGIN, load_or_create
from runtime.opening import examine
from runtime.tables import select
from telephony.tls import TlsError
from telephony.trunks.tables import TrunkState
from transcripts.redaction import patterns

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
        print(finding.as_json([asdict(one) for one in found]))
    else:
        print("\n".join(str(one) for one in found))
    return 0 if all(one.ok for one in found) else NO


def the_configuration(here: Place) -> Iterator[Finding]:
    yield Finding(True, "configuration", f"data in {here.data}, store in {here.database}")


def the_agent(here: Place) -> Iterator[Finding]:
    app = here.config.agent.app
    try:
        # As for a call that might come: a deployed module is read, its agent made.
        agents = Agents(app, here.database)
        served = agents.app_for("check")
        agents.make(served)
    except Exception as error:  # The agent's code is not ours.
        why = f"{app!r} cannot answer, {type(error).__name__}: {error}; change agent.app"
        yield Finding(False, "agent", why)
        return
    yield Finding(True, "agent", served)


def the_ports(here: Place) -> Iterator[Finding]:
    running = _keeper(here)
    if running is not None:
        yield Finding(True, "ports", f"held by the server that runs here, pid {running}")
        return
    complaints = ports.unavailable(here.config)
    for key, complaint in complaints:
        yield Finding(False, "ports", f"{complaint}; stop who uses it, or change {key}")
    if not complaints:
        listens = (*here.config.sip.listen, here.config.http.listen)
        yield Finding(True, "ports", f"{', '.join(map(str, listens))} are free")
    media, free = here.config.media, ports.free_rtp(here.config)
    detail = f"{free} pairs of ports of {media.ports} on {media.address} are free for RTP and RTCP"
    yield Finding(free > 0, "ports", detail if free else f"{detail}; change media.ports")


def the_media(here: Place) -> Iterator[Finding]:
    media, cores = here.config.media, len(os.sched_getaffinity(0))
    detail = f"processes: {media.processes}, and a warm spare; cores here: {cores}"
    crowded = media.processes > cores
    hint = "; more processes than cores only make each other late: lower media.processes"
    yield Finding(not crowded, "media", f"{detail}{hint if crowded else ''}")
    yield the_room(here)
    if media.shared_ports:
        yield shared_ports(media, ports.buffer_bytes(SHARED_BUFFER_BYTES))
    else:
        yield Finding(True, "media", "each call has a pair of ports of its own")


def the_room(here: Place) -> Finding:
    """Whether there are as many ports as there may be calls."""
    wanted, room = here.config.sip.calls_max, calls_max(here.config)
    if room == wanted:
        return Finding(True, "media", f"room for {room} calls at once")
    hint = f"room for {room} of sip.calls_max = {wanted} calls at once; widen media.ports for more"
    return Finding(True, "media", hint)


def shared_ports(media: Media, granted: int) -> Finding:
    """Of so many bytes that the kernel grants a buffer: while a process is replaced, all wait."""
    pairs = ", ".join(f"{port}-{port + 1}" for port in media.shared_ports)
    detail = f"shared ports on {media.address}: {pairs}; {granted} bytes wait before each"
    small = granted < SHARED_BUFFER_BYTES
    hint = f", few for hundreds of calls: sysctl net.core.rmem_max={SHARED_BUFFER_BYTES}"
    return Finding(not small, "media", f"{detail}{hint if small else ''}")


def the_tls(here: Place) -> Iterator[Finding]:
    wanted = here.config.sip
    try:
        tls_of(here.config)
    except TlsError as error:
        yield Finding(False, "TLS", str(error))
        return
    believed = wanted.tls_ca or "the authorities of this machine"
    shown = wanted.tls_certificate or "nothing"
    yield Finding(True, "TLS", f"we show {shown} and believe {believed}")


def the_trunks(here: Place) -> Iterator[Finding]:
    wrong = list(trunks.complaints(here.config))
    yield from (Finding(False, "trunks", complaint) for complaint in wrong)
    yield from (Finding(False, "recorders", said) for said in forking.complaints(here.config))
    try:
        known = () if wrong else trunks.policies(here.config)
    except trunks.TrunkError as error:
        yield Finding(False, "trunks", str(error))
        return
    states = _trunk_states(here) if known and _keeper(here) is not None else {}
    for trunk in known:
        told = trunks.standing(trunk, states.get(trunk.name), time.time_ns() // 1_000)
        yield Finding(told.ok, f"trunk {trunk.name}", told.detail)


def _trunk_states(here: Place) -> dict[str, TrunkState]:
    try:
        with place.reading(here) as rows:
            return {state.id: state for state in select(rows, TrunkState, (), ())}
    except (NotLikeThis, No):
        # What is wrong with the store is said where the store is looked at.
        return {}


def the_data_directory(here: Place) -> Iterator[Finding]:
    above = (here.data.resolve(), *here.data.resolve().parents)
    try:
        latency_ms = _fsync_ms(next(path for path in above if path.exists()))
    except OSError as error:
        why = f"{here.data} cannot be written: {error.strerror}; name another with --data"
        yield Finding(False, "data directory", why)
        return
    made = "" if here.data.exists() else ", will be made"
    slow = latency_ms > FSYNC_MS_MAX
    hint = f", more than {FSYNC_MS_MAX:.0f}: put it on a faster disk" if slow else ""
    detail = f"{here.data}{made}; fsync takes {latency_ms:.1f} ms{hint}"
    yield Finding(not slow, "data directory", detail)


def the_store(here: Place) -> Iterator[Finding]:
    if not (here.database.exists() or witness.path_of(here.database).exists()):
        yield Finding(True, "store", f"{here.database} will be made at the first start")
        return
    began = time.perf_counter()
    try:
        sound = examine(here.database, at_work=_keeper(here) is not None)
    except (StoreDamaged, apsw.Error) as damage:
        yield Finding(False, "store", f"{here.database}: {damage}")
        return
    took_s = time.perf_counter() - began
    detail = f"{sound.frontier.size} entries read in {took_s:.1f} s, all sound"
    yield Finding(True, "store", detail)


def the_speech(here: Place) -> Iterator[Finding]:
    wanted = here.config.speech
    try:
        chosen = choose(wanted.stt, wanted.tts, wanted.whisper_model)
    except SpeechError as error:
        yield Finding(False, "speech", f"{error}; change speech.stt or speech.tts")
        return
    for why in chosen.why:
        yield Finding(True, "speech", why)


def the_log_key(here: Place) -> Iterator[Finding]:
    if not here.log_key.exists():
        lost = here.database.exists()
        gone = "gone, but there is a log: put it back from your backup"
        yield Finding(not lost, "log key", gone if lost else "made at the first start")
        return
    try:
        key = load_or_create(here.log_key).public_key()
    except (OSError, ValueError) as error:
        yield Finding(False, "log key", f"{here.log_key} cannot be used: {error}")
        return
    mode = here.log_key.stat().st_mode & 0o777
    if mode & 0o077:
        why = f"{here.log_key} has mode {mode:o}, others can read it: chmod 600"
        yield Finding(False, "log key", why)
    yield Finding(True, "log key", str(here.log_key))
    yield Finding(True, "verifier key, for your auditor", verifier_key(ORIGIN, key))


def the_keys(here: Place) -> Iterator[Finding]:
    """Looked at only: nothing is made, and nothing wrapped."""
    source = here.kek
    kept = f"the key that wraps all others (KEK) is {source.where}"
    inside = isinstance(source, File) and source.path.resolve().is_relative_to(here.data.resolve())
    try:
        found = checked(here.keys, source) if here.keys.is_dir() else None
    except KekError as error:
        yield Finding(False, "keys", str(error))
        return
    if found is None:
        when = "no key is wrapped under it yet"
        try:
            source.open()
        except KekError as error:
            ours = isinstance(source, File) and source.ours and not source.path.exists()
            yield Finding(ours, "keys", f"{kept}, made at the first start" if ours else str(error))
            return
        kept = f"{kept}; {when}"
    if isinstance(source, File) and (mode := source.path.stat().st_mode & 0o777) & 0o077:
        why = f"{source.path} has mode {mode:o}, others can read it: chmod 600"
        yield Finding(False, "keys", why)
    beside = "; it lies on the disk of the keys: name another place as [keys] kek"
    yield Finding(True, "keys", f"{kept}{beside if inside else ''}")


def the_redaction(here: Place) -> Iterator[Finding]:
    """Card numbers are found with what is always there."""
    detail = "cards, security codes, IBAN and SSN, also said in words"
    if patterns.installed():
        yield Finding(True, "redaction", f"{detail}; Presidio is there for `parley redact --found`")
    else:
        more = "for more in `parley redact --found`: pip install parley[redaction]"
        yield Finding(True, "redaction", f"{detail}; {more}")


def the_time_stamps(here: Place) -> Iterator[Finding]:
    wanted = here.config.evidence
    if not wanted.tsa_url:
        return
    try:
        timestamps.query("is the extra installed?")
        if wanted.tsa_certificate:
            tsa.trusted_in(Path(wanted.tsa_certificate))
    except timestamps.NotStamped as error:
        yield Finding(False, "time stamps", f"{error}; or leave evidence.tsa_url empty")
        return
    checked = wanted.tsa_certificate or "nobody: name evidence.tsa_certificate"
    yield Finding(True, "time stamps", f"{wanted.tsa_url}, trusted because of {checked}")


Look = Callable[[Place], Iterator[Finding]]

LOOKS: tuple[Look, ...] = (
    the_configuration,
    the_agent,
    the_ports,
    the_media,
    the_tls,
    the_trunks,
    the_data_directory,
    the_store,
    the_speech,
    the_log_key,
    the_keys,
    the_redaction,
    the_time_stamps,
)


def _keeper(here: Place) -> int | None:
    """The server that runs in this data directory, if one does."""
    try:
        pid = int(json.loads(here.pids.read_text(encoding="utf-8"))["keeper"])
        os.kill(pid, 0)
    except (OSError, ValueError, KeyError):
        return None
    return pid


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
