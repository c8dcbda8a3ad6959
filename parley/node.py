"""The node process: the line, the store, the agents and the web, wired together.

`python -P -m parley.node --control FD`; the keeper says when to go and hands over the sockets.
"""

import argparse
import asyncio
import json
import os
import secrets
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

import apsw

from consent.policy.shipped import law as shipped_law
from conversation.speech.client import SpeechClient
from media.music import hold_music
from media.pool import MediaPool
from media.units import pcm
from parley import searching
from parley.agents import Agents
from parley.calling import Calling
from parley.config import Config, Endpoint, from_json
from parley.control import serve as serve_operators
from parley.filing import Filing
from parley.forking import recorders_of
from parley.music import MusicError, music_of
from parley.operations import OPERATIONS
from parley.plans import plans_of
from parley.reach import (
    advertised,
    calls_max,
    connection_limits,
    listeners,
    means,
    specified,
)
from parley.retaining import Retaining, retention
from parley.secure import tls_of
from parley.trunks import Trunks, trunks_of
from runtime import reducers, tsa
from runtime.errors import StoreBroken, StoreDamaged, named
from runtime.kek_sources import source_of
from runtime.key_errors import KekError
from runtime.key_pool import KeyPool
from runtime.keystore import Keystore
from runtime.log_key import ORIGIN, load_or_create
from runtime.notary import Notary, Stamper
from runtime.opening import Depth
from runtime.performer import Performer
from runtime.sealed import Sealed
from runtime.store import Store
from sessions import recovery
from sessions.house import House, Settings
from sessions.leasing import keep_leased
from sessions.lines import end
from sessions.routing import by_named_trunk, by_trunks
from sessions.switchboard import Switchboard
from telephony.endpoint import Held, SipEndpoint
from telephony.flow import Transport
from telephony.resolver import Resolver
from telephony.sdp import Srtp
from telephony.sip import Event, Policy, UserAgent
from telephony.trunks.tables import TrunkState
from web.app import Desk, serve
from web.secret import load_or_create as load_secret

SUBJECTS = "subjects.secret"
"""The key of the tags by which a consent on file is found; without it none is."""

CONTROL_BYTES_MAX = 65_536
FDS_MAX = 4
DAMAGE_CHARS_MAX = 2_000
SWEEP_EVERY_S = 600.0
GOODBYE_S = 5.0
"""How long calls may take to be sealed when the server is told to stop."""


def clock() -> int:
    """Microseconds since 1970, UTC."""
    return time.time_ns() // 1_000


def note(what: str, **facts: Any) -> None:
    """A fact for the operator, as a line of JSON. What is no plain fact is shown as a token."""
    sys.stderr.write(json.dumps({"node": what, **facts}, default=_token) + "\n")
    sys.stderr.flush()


def _token(value: object) -> str:
    """What is sealed shows the name of its key; of what nobody foresaw only its kind is told."""
    return f"{value!r}" if isinstance(value, Sealed) else f"<{type(value).__name__}>"


async def _sweep(house: House, data: Path, database: Path) -> None:
    """What crashes left of audio is removed, and what was erased goes from the index, for ever."""
    done: set[str] = set()
    while True:
        await recovery.sweep_audio(house, done)
        try:
            await asyncio.to_thread(searching.sweep, data, database, house.keystore.key)
        except (apsw.Error, OSError) as error:
            note("the index could not be brought up to date", why=named(error))
        await asyncio.sleep(SWEEP_EVERY_S)


class Node:
    """One life of the node process."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._media = MediaPool()
        self._speech = SpeechClient()
        self._held: list[Held] = []
        self._sip_sockets: asyncio.Future[list[Held]] = _future()
        self._http_socket: asyncio.Future[socket.socket] = _future()
        self._media_here: asyncio.Event = asyncio.Event()
        self._speech_here: asyncio.Event = asyncio.Event()
        self._go: asyncio.Future[dict[str, Any]] = _future()
        self._drain: asyncio.Event = asyncio.Event()
        self._stop: asyncio.Event = asyncio.Event()
        self._config = Config()
        self._notary: Notary | None = None
        self._leasing: asyncio.Task[None] | None = None

    async def run(self) -> int:
        """Serve until told to stop, or until something that must not fail has failed."""
        control = asyncio.create_task(self._obey())
        # While this process is the spare, nobody waits for it.
        reducers.settle()
        shipped_law()
        go = await _first(self._go, control)
        self._config = from_json(go["config"])
        depth = Depth.ALL if go.get("first", True) else Depth.TAIL
        try:
            board = await self._open(Path(go["data"]), self._config, depth)
        except (StoreDamaged, KekError) as damage:
            self._tell_damage(damage)
            return 1
        retaining = self._retaining(board.house, Path(go["data"]))
        board_tasks = {
            "media events": asyncio.create_task(board.media.run()),
            "line events": asyncio.create_task(board.line.run()),
            "store": asyncio.create_task(_raise(board.house.store.broken)),
            "control": control,
            "stop": asyncio.create_task(self._stop.wait()),
        }
        assert self._leasing is not None, "begun with the store"
        board_tasks["leasing"] = self._leasing
        await asyncio.wait_for(self._media_here.wait(), GOODBYE_S * 2)
        await asyncio.wait_for(self._speech_here.wait(), GOODBYE_S * 2)
        board_tasks["sweep"] = asyncio.create_task(
            _sweep(board.house, Path(go["data"]), _database(self._config))
        )
        resolver = Resolver(means(await self._sip_sockets))
        trunks = trunks_of(
            self._config,
            Path(go["data"]),
            board.house.store,
            clock=clock,
            entropy=secrets.token_bytes,
            note=note,
            resolve=resolver.hops,
        )
        trunks.lines.recall(await board.house.store.reader.rows(TrunkState))
        endpoint = await self._pick_up(board, trunks, resolver)
        board_tasks["line"] = asyncio.create_task(endpoint.stopped())
        board_tasks["trunks"] = asyncio.create_task(trunks.lines.run())
        board_tasks["drain"] = asyncio.create_task(self._drained(board, endpoint))
        desk = Desk(
            board.house.store,
            lambda: self._media.attached,
            clock,
            secrets.token_bytes,
            load_secret(Path(go["data"]) / "logins.secret"),
            board.media.stats,
            self._drain.is_set,
        )
        operators = serve_operators(
            Path(go["data"]),
            board.house.store,
            {
                **OPERATIONS,
                **Calling(board.house).operations,
                **Filing(board.house, load_secret(Path(go["data"]) / SUBJECTS)).operations,
                **retaining.operations,
            },
        )
        board_tasks["operators"] = asyncio.create_task(operators)
        board_tasks["web"] = asyncio.create_task(serve(desk, await self._http_socket))
        note("ready", calls=len(board.calls))
        done, _ = await asyncio.wait(board_tasks.values(), return_when=asyncio.FIRST_COMPLETED)
        if board_tasks["stop"] in done:
            await self._goodbye(board)
            return 0
        for name, task in board_tasks.items():
            if task in done:
                note("failed", part=name, error=_why(task))
                self._tell_damage(task.exception())
        # At once: nothing may act on what failed, and no thread may keep the process from ending.
        os._exit(1)

    def _retaining(self, house: House, data: Path) -> Retaining:
        """What is done about retention; its effects are performed from now on."""
        retaining = retention(house.store, data, house.keystore, house.settings.recordings)
        retaining.join(house.performer)
        return retaining

    def _tell_damage(self, error: BaseException | None) -> None:
        """The keeper must know: a successor would find the same store, and the same KEK."""
        if isinstance(error, StoreDamaged | KekError):
            content = json.dumps({"damaged": str(error)[:DAMAGE_CHARS_MAX]}).encode()
            self._control.send(content)

    async def _open(self, data: Path, config: Config, depth: Depth) -> Switchboard:
        store = await Store.open(_database(config), clock, secrets.token_bytes, depth)
        # Before anything else: what was left open by the node before is open for a second.
        self._leasing = asyncio.create_task(keep_leased(store, self._media))
        settings = Settings(
            policy=config.consent.policy,
            pause_on_hold=config.consent.hold == "pause",
            ring_ms=config.sip.ring_ms,
            codecs=config.media.codecs,
            media_address=advertised(config, config.media.address),
            agent=config.agent.app,
            recordings=Path(config.recording.directory),
            origin=ORIGIN,
            early_media=config.sip.early_media,
            # Who calls by no trunk, in development, is encrypted with where they can.
            srtp={"": Srtp.OPTIONAL} | {trunk.name: Srtp(trunk.srtp) for trunk in config.trunk},
            calls_max=calls_max(config),
            trunk_codecs={trunk.name: trunk.codecs for trunk in config.trunk},
            shared=frozenset(trunk.name for trunk in config.trunk if trunk.shared_port),
            media_inside=specified(config.media.address),
            local_networks=config.sip.local_networks,
            hold_music=_music(config),
            recorders=recorders_of(config),
            human=config.consent.human,
        )
        agents = Agents(config.agent.app, _database(config))
        keystore = Keystore(data / "keys", source_of(config.keys.kek, data))
        house = House(
            settings=settings,
            store=store,
            performer=Performer(store, clock),
            keystore=keystore,
            keys=KeyPool(keystore),
            log_key=load_or_create(data / "log.key"),
            media=self._media,
            speech=self._speech,
            new_agent=agents.make,
            agent_for=agents.app_for,
            clock=clock,
            entropy=secrets.token_bytes,
            note=note,
            terms_for=plans_of(
                config,
                rows=store.reader,
                secret=load_secret(data / SUBJECTS),
                clock=clock,
                note=note,
            ).terms_for,
        )
        self._notary = Notary(store, ORIGIN, house.log_key, note)
        await self._notary.start()
        if config.evidence.tsa_url:
            self._notary.stamp_with(_stamper(config), clock, config.evidence.tsa_every_s)
        board = Switchboard(house)
        await recovery.calls(board)
        await recovery.sweep(house)
        return board

    async def _pick_up(self, board: Switchboard, trunks: Trunks, resolver: Resolver) -> SipEndpoint:
        """Open the line: dialogs first, so that no request finds its dialog unknown."""
        held = await self._sip_sockets
        reached = listeners(self._config, held)
        sip = self._config.sip
        user_agent = UserAgent(
            reached,
            "parley",
            secrets.token_bytes,
            gate=trunks.gate,
            credentials=trunks.credentials,
            policy=Policy(
                session_expires_s=sip.session_expires_s, reliable_progress=sip.reliable_progress
            ),
            local_networks=sip.local_networks,
        )
        unoffered = await recovery.dialogs(board, user_agent)

        def told(event: Event) -> None:
            if not trunks.lines.heard(event):
                board.line.tell(event)

        endpoint = SipEndpoint(
            held,
            user_agent,
            time.time,
            board.save,
            told,
            tls=tls_of(self._config),
            lookup=resolver.hops,
            limits=connection_limits(),
        )
        trunks.lines.attach(endpoint)
        board.house.sip = endpoint
        ours = f"sip:parley@{reached[0].sent_by()}"
        board.house.route = by_trunks(trunks.lines, ours)
        board.house.route_to_recorder = by_named_trunk(trunks.lines, ours)
        await recovery.resume(board, unoffered)
        return endpoint

    async def _drained(self, board: Switchboard, endpoint: SipEndpoint) -> None:
        """Told to drain, take no new call, and tell the keeper when the last one has ended."""
        await self._drain.wait()
        endpoint.do(lambda agent, now: agent.drain(now))
        note("draining", calls=len(board.calls))
        while live := [call for call in board.calls.values() if not call.ended.is_set()]:
            await live[0].ended.wait()
        self._control.send(json.dumps({"drained": True}).encode())
        await self._stop.wait()

    async def _goodbye(self, board: Switchboard) -> None:
        """The server stops: say so to every caller, and seal what can be sealed."""
        for live in list(board.calls.values()):
            board.lines.drop(live.id)
            await end(board.house, live.id, "the server was stopped")
        try:
            async with asyncio.timeout(GOODBYE_S):
                await board.house.performer.idle()
                await board.recorders.idle()
        except TimeoutError:
            note("not everything was sealed; the next start goes on with it")
        await board.house.performer.close()
        if self._notary is not None:
            await self._notary.close()
        await board.house.store.close()

    async def _obey(self) -> None:
        """Do what the keeper says, in its order, for ever."""
        told: asyncio.Queue[tuple[bytes, list[int]]] = asyncio.Queue()
        self._control.setblocking(False)
        asyncio.get_running_loop().add_reader(self._control, self._receive, told)
        while True:
            content, fds = await told.get()
            if not content:
                os._exit(0)  # The keeper died: it owns the sockets, there is nothing to serve.
            await self._told(json.loads(content), [socket.socket(fileno=fd) for fd in fds])

    def _receive(self, told: "asyncio.Queue[tuple[bytes, list[int]]]") -> None:
        content, fds, _, _ = socket.recv_fds(self._control, CONTROL_BYTES_MAX, FDS_MAX)
        if not content:
            asyncio.get_running_loop().remove_reader(self._control)
        told.put_nowait((content, fds))

    async def _told(self, message: dict[str, Any], sockets: list[socket.socket]) -> None:
        if message.get("go"):
            self._go.set_result(message)
        elif message.get("socket") == "sip":
            self._hold(message["listen"], sockets[0])
        elif message.get("socket") == "http":
            self._http_socket.set_result(sockets[0])
        elif message.get("peer") == "media":
            await self._media.attach(sockets[0], message["index"])
            self._media_here.set()
        elif message.get("peer") == "speech":
            await self._speech.attach(sockets[0])
            self._speech_here.set()
        elif message.get("drain"):
            self._drain.set()
        elif message.get("stop"):
            self._stop.set()

    def _hold(self, listen: str, given: socket.socket) -> None:
        """Keep a socket of the line; it is picked up once they are all here."""
        transport = Transport(Endpoint.parse(listen, tuple(Transport)).transport)
        self._held.append(Held(transport, given))
        go: dict[str, Any] = self._go.result()
        if len(self._held) == len({*from_json(go["config"]).sip.listen}):
            self._sip_sockets.set_result(self._held)


def _stamper(config: Config) -> Stamper:
    """Who is asked for time stamps on the log."""
    certificate = config.evidence.tsa_certificate
    path = Path(certificate) if certificate else None
    return lambda note: tsa.stamped(config.evidence.tsa_url, path, note)


def _music(config: Config) -> bytes:
    """It could be read when the server started: who takes over later does not fail for it."""
    try:
        return music_of(config)
    except MusicError as error:
        note("callers on hold hear music of our own", why=str(error))
        return pcm(hold_music())


def _database(config: Config) -> Path:
    kind, _, path = config.store.url.partition(":")
    if kind != "sqlite":
        raise ValueError(f"[store] url = {config.store.url!r}: this node stores in sqlite:PATH")
    return Path(path)


def _future() -> "asyncio.Future[Any]":
    return asyncio.get_running_loop().create_future()


async def _first(wanted: "asyncio.Future[Any]", other: "asyncio.Task[Any]") -> Any:
    await asyncio.wait([wanted, other], return_when=asyncio.FIRST_COMPLETED)
    return wanted.result() if wanted.done() else other.result()


def _why(task: "asyncio.Task[Any]") -> str:
    """The store's errors speak for themselves; others might quote a caller."""
    error = task.exception()
    if error is None:
        return "it ended"
    return str(error) if isinstance(error, StoreBroken) else named(error)


async def _raise(broken: "asyncio.Future[Any]") -> None:
    raise await broken


async def _main(fd: int) -> int:
    return await Node(socket.socket(fileno=fd)).run()


def main() -> None:
    """The process's entry: `--control FD`."""
    parser = argparse.ArgumentParser(prog="parley.node")
    parser.add_argument("--control", type=int, required=True)
    fd = parser.parse_args().control
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(asyncio.run(_main(fd)))


if __name__ == "__main__":
    main()
