"""The keeper's loop: hear the children, notice the dead, do what upkeep says is due."""

import json
import os
import selectors
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from time import monotonic

from parley.config import Config
from parley.keeper.child import CONTROL_BYTES_MAX, Child, Unreachable
from parley.keeper.directory import Directory
from parley.keeper.errors import Damaged, KeeperError
from parley.keeper.signals import Signals
from parley.keeper.sockets import Pair, Sockets, raise_descriptor_limit
from parley.keeper.upkeep import Join, Promote, Role, Spawn, Step, Upkeep
from parley.secure import tls_of
from telephony.tls import TlsError

PROGRAMS: Mapping[str, str] = {
    "node": "parley.node",
    "media": "media.process",
    "speech": "conversation.speech.process",
}

# How soon to try again what the kernel had no room for, and will not say when it has.
RETRY_S = 0.02
# The node ends its calls while media still plays and seals; then the others stop.
STOP_STAGES = (((Role.NODE,), 10.0), ((Role.MEDIA, Role.SPEECH), 5.0))
# The configuration travels in one message, beside a few short fields.
CONFIG_BYTES_MAX = CONTROL_BYTES_MAX - 8_192


class Keeper:
    """Binds and locks when made (raises KeeperError); `run` returns once it is told to stop."""

    def __init__(self, config: Config, data: Path, programs: Mapping[str, str] = PROGRAMS) -> None:
        self._config = config.to_json()
        if len(json.dumps(self._config)) > CONFIG_BYTES_MAX:
            raise KeeperError("The configuration is too long", "Name fewer trunks and peers.")
        try:
            tls_of(config)
        except TlsError as error:
            # The node would find the same, again and again.
            raise KeeperError(str(error), "See [sip] in your configuration.") from error
        self._data = data
        self._programs = {Role(role): module for role, module in programs.items()}
        self._directory = Directory(data)
        raise_descriptor_limit()
        try:
            self._sockets = Sockets(config)
        except KeeperError:
            self._directory.close()
            raise
        self._upkeep = Upkeep(config.media.processes)
        self._children: dict[int, Child] = {}
        self._selector = selectors.DefaultSelector()
        self._is_first_node = True
        self._damage: str | None = None
        self._drain_s = config.sip.drain_s
        self._is_draining = False
        self._is_drained = False

    def run(self) -> int:
        """In the main thread. Returns the exit code; raises Damaged."""
        try:
            with Signals() as signals:
                self._selector.register(signals.waker, selectors.EVENT_READ)
                self._tend(signals)
                self._drain(signals)
                self._stop(signals)
        finally:
            self._close()
        if self._damage is not None:
            raise Damaged(self._damage)
        return 0

    def _tend(self, signals: Signals) -> None:
        while not signals.stops and self._damage is None:
            self._keep_up()
            self._turn(signals, self._upkeep.wake_at)

    def _keep_up(self) -> None:
        while step := self._upkeep.next_step(monotonic()):
            self._perform(step)

    def _drain(self, signals: Signals) -> None:
        """Let the calls that are up end by themselves; a second signal cuts it short."""
        if not self._drain_s or self._damage is not None:
            return
        log("draining", seconds_max=self._drain_s)
        self._is_draining = True
        asked, deadline = signals.stops, monotonic() + self._drain_s
        node = self._node()
        if node is not None:
            self._give(node, {"drain": True})
        while signals.stops == asked and not self._is_drained and monotonic() < deadline:
            # Who dies now is replaced: the calls go on.
            self._keep_up()
            if self._node() is None or self._damage is not None:
                return
            wake_at = self._upkeep.wake_at
            self._turn(signals, deadline if wake_at is None else min(deadline, wake_at))

    def _node(self) -> Child | None:
        pid = self._upkeep.active(Role.NODE)
        return None if pid is None else self._children.get(pid)

    def _turn(self, signals: Signals, wake_at: float | None) -> None:
        """Wait for something to happen, and take note of it."""
        backlog = any(child.has_backlog for child in self._children.values())
        times = [wake_at - monotonic()] if wake_at is not None else []
        timeout = min([*times, RETRY_S] if backlog else times, default=None)
        for child in self._children.values():
            self._watch(child)
        for ready, events in self._selector.select(None if timeout is None else max(0.0, timeout)):
            if not isinstance(ready.data, Child):
                signals.drain()
            elif events & selectors.EVENT_READ:
                self._hear(ready.data)
        for child in self._children.values():
            self._flush(child)
        self._reap()

    def _perform(self, step: Step) -> None:
        match step:
            case Spawn(role):
                self._spawn(role)
            case Promote(role, pid, index):
                self._promote(role, index, self._children[pid])
            case Join(one, other):
                self._join(self._children[one], self._children[other])

    def _spawn(self, role: Role) -> None:
        try:
            child = Child(role, self._programs[role])
        except OSError as error:
            wait_s = self._upkeep.failed(role, monotonic())
            log("not_started", role=role, why=str(error), next_try_s=wait_s)
            return
        self._children[child.pid] = child
        self._selector.register(child.control, selectors.EVENT_READ, child)
        self._upkeep.spawned(role, child.pid, monotonic())
        log("started", role=role, pid=child.pid)

    def _promote(self, role: Role, index: int, child: Child) -> None:
        child.index = index
        log("promoted", role=role, index=index, pid=child.pid)
        self._note_pids()
        match role:
            case Role.NODE:
                go = {"go": True, "data": str(self._data), "config": self._config}
                # Only the first node of this house has the time to read the whole log.
                self._give(child, {**go, "first": self._is_first_node})
                self._is_first_node = False
                for listen, held in self._sockets.sip.items():
                    self._give(child, {"socket": "sip", "listen": str(listen)}, held)
                self._give(child, {"socket": "http"}, self._sockets.http)
                if self._is_draining:
                    self._give(child, {"drain": True})
            case Role.MEDIA:
                recording = self._config["recording"]
                directory, chunk_ms = recording["directory"], recording["chunk_ms"]
                go = {"go": True, "index": index, "recordings": directory, "chunk_ms": chunk_ms}
                self._give(child, go)
                if (shared := self._sockets.shared.get(index)) is not None:
                    self._give_pair(child, "shared", shared)
                for pair in self._sockets.pairs_of(index):
                    self._give_pair(child, "rtp", pair)
            case Role.SPEECH:
                self._give(child, {"go": True, "speech": self._config["speech"]})

    def _join(self, one: Child, other: Child) -> None:
        try:
            end_of_one, end_of_other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        except OSError as error:
            # Without this link neither is of use. The successor of one is joined to the other.
            self._lose(one, f"no descriptor left: {error}")
            return
        with end_of_one, end_of_other:
            self._give(one, {"peer": other.role, "index": other.index}, end_of_one)
            self._give(other, {"peer": one.role, "index": one.index}, end_of_other)

    def _give_pair(self, child: Child, name: str, pair: Pair) -> None:
        self._give(child, {name: pair.port, "rtcp": pair.port + 1}, pair.rtp, pair.rtcp)

    def _give(self, child: Child, message: Mapping[str, object], *held: socket.socket) -> None:
        try:
            child.send(message, *held)
        except Unreachable as error:
            self._lose(child, str(error))

    def _flush(self, child: Child) -> None:
        try:
            child.flush()
        except Unreachable as error:
            self._lose(child, str(error))

    def _watch(self, child: Child) -> None:
        """A full socket is flushed as soon as it has room: a thousand ports must not wait long."""
        if child.control not in self._selector.get_map():
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if child.is_full else 0)
        if self._selector.get_key(child.control).events != events:
            self._selector.modify(child.control, events, child)

    def _lose(self, child: Child, why: str) -> None:
        """A child that can be told nothing is of no use: its successor is told everything."""
        if child.exit_code is None:
            log("killed", role=child.role, pid=child.pid, why=why)
            child.kill()

    def _hear(self, child: Child) -> None:
        match child.receive():
            case None:
                # It is about to end, perhaps after some tidying up; SIGCHLD will tell.
                self._selector.unregister(child.control)
            case {"want_rtp": int(count)} if child.role is Role.MEDIA:
                self._want_rtp(child, count)
            case {"release_rtp": int(port)} if child.role is Role.MEDIA:
                self._sockets.release_rtp(port, child.index)
            case {"drained": True} if child.role is Role.NODE:
                self._is_drained = True
            case {"damaged": str(why)} if child.role is Role.NODE:
                log("store_damaged", pid=child.pid, why=why)
                self._damage = why
            case _:
                log("not_understood", role=child.role, pid=child.pid)

    def _want_rtp(self, child: Child, count: int) -> None:
        given = 0
        for pair in self._sockets.want_rtp(count, child.index):
            self._give_pair(child, "rtp", pair)
            given += 1
        if given < count:
            log("rtp_ports_exhausted", wanted=count, given=given)

    def _reap(self) -> None:
        """Every child is asked: one signal may stand for several deaths."""
        for pid, child in list(self._children.items()):
            if child.exit_code is not None:
                self._forget(child)
                wait_s = self._upkeep.died(pid, monotonic())
                facts = {"role": child.role, "index": child.index, "pid": pid}
                log("died", **facts, code=child.exit_code, replaced_in_s=wait_s)
                self._note_pids()

    def _forget(self, child: Child) -> None:
        del self._children[child.pid]
        if child.control in self._selector.get_map():
            self._selector.unregister(child.control)
        child.close()

    def _stop(self, signals: Signals) -> None:
        """In stages, each with its time; a second signal cuts all of them short."""
        log("stopping")
        asked = signals.stops
        for roles, seconds in STOP_STAGES:
            deadline = monotonic() + seconds
            active = [child for child in self._children.values() if self._is_active(child, roles)]
            for child in active:
                self._give(child, {"stop": True})
            while any(child.exit_code is None for child in active) and signals.stops == asked:
                if monotonic() >= deadline:
                    log("not_stopped_in_time", roles=roles)
                    break
                self._turn(signals, deadline)
        log("stopped")

    def _is_active(self, child: Child, roles: tuple[Role, ...]) -> bool:
        return child.role in roles and child.pid in {pid for _, _, pid in self._upkeep.posts()}

    def _close(self) -> None:
        for child in list(self._children.values()):
            self._forget(child)
        self._selector.close()
        self._sockets.close()
        self._directory.close()

    def _note_pids(self) -> None:
        # The first of a role has the role's name: most roles have one.
        pids = {
            f"{role}-{index}" if index else str(role): pid
            for role, index, pid in self._upkeep.posts()
        }
        try:
            self._directory.note_pids({"keeper": os.getpid(), **pids})
        except OSError as error:
            log("pids_not_noted", why=str(error))


def log(event: str, **facts: object) -> None:
    """One line of JSON on standard error, in one write: the children write there too."""
    try:
        sys.stderr.write(json.dumps({"event": event, **facts}) + "\n")
        sys.stderr.flush()
    except OSError:
        # Nobody reads it any more. That must not stop the calls.
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
