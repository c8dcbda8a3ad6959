"""The tier of consent: killed at any instant, no life has recorded what nobody agreed to.

A life is a fork of this process, so that many die in little time. After each death the rows, the
log, the keys and the ciphertext on disk are looked at, and what was acknowledged is there.
"""

import asyncio
import hashlib
import os
import signal
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path
from random import Random

import apsw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from consent import story
from consent.tables import ConsentEvent, ConsentKey
from media.seal import NONCE
from parley import history
from recordings import segments, vault
from recordings.rules import ends_us
from recordings.tables import Chunk, Recording
from runtime.engines import sqlite
from runtime.keystore import Keystore
from runtime.log import Entry
from runtime.tables import select
from tests.simulation import consenting
from tests.simulation.checks import Violation
from tests.simulation.report import Report

KILLS = 25
LINES_MAX = 60
"""A life is let do so much, by what it says; then it dies within a moment."""
THEN_S_MAX = 0.01
PIPE_BYTES = 1 << 20
OPENING_ROWS = (6, 8, 11, 12, 16, 17, 23, 24, 26, 33)


def run(seed: int, kills: int = KILLS) -> Report:
    """One seed: a store that lives through `kills` deaths, and is looked at after each."""
    rng = Random(f"{seed}/consent")
    lives = [(rng.randint(1, LINES_MAX), rng.uniform(0, THEN_S_MAX)) for _ in range(kills)]
    trace = hashlib.blake2b(repr(lives).encode(), digest_size=8).hexdigest()
    report = Report("consent", seed, f"{kills} lives, {consenting.CLIENTS} calls at once", trace)
    names = ("kills", "granted", "sealed", "withdrawn", "refused", "strays", "keys swept")
    report.counts = dict.fromkeys(names, 0)
    with tempfile.TemporaryDirectory() as folder:
        try:
            _Witness(Path(folder), report).see(seed, lives)
        except Violation as violation:
            report.violation = violation
    return report


class _Witness:
    """What was said by the living, and what the dead left."""

    def __init__(self, folder: Path, report: Report) -> None:
        self._folder, self._report = folder, report
        self._said: list[list[str]] = []
        self._seen = 0

    def see(self, seed: int, lives: list[tuple[int, float]]) -> None:
        for n, (lines, seconds) in enumerate(lives):
            self._report.steps.append(f"life {n}: killed {seconds:.4f} s after {lines} lines")
            self._live(f"s{seed}l{n}", lines, seconds)
            self._report.counts["kills"] += 1
            self._look()
        audit = history.replay(self._folder / consenting.STORE)
        if not audit.identical:
            raise Violation("the log runs again as it ran", str(audit))

    def _live(self, name: str, lines: int, seconds: float) -> None:
        """Born, heard until it is time, and killed in the middle of whatever it does."""
        ours, theirs = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(ours)
            _child(self._folder, name, theirs)
        os.close(theirs)
        with open(ours, "rb", buffering=0) as pipe:
            said = b""
            while said.count(b"\n") < lines and (more := pipe.read(PIPE_BYTES)):
                said += more
            time.sleep(seconds)
            os.kill(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
            said += b"".join(iter(lambda: pipe.read(PIPE_BYTES), b""))
        if status != signal.SIGKILL:
            raise Violation("a life goes on until it is killed", f"{status}: {said[-500:]!r}")
        for line in said.decode().splitlines():
            self._said.append(line.split())

    def _look(self) -> None:
        with closing(sqlite.open_reader(self._folder / consenting.STORE)) as rows:
            events: dict[str, list[ConsentEvent]] = {}
            for event in select(rows, ConsentEvent, (), ()):
                events.setdefault(event.call, []).append(event)
            keys = {key.id: key for key in select(rows, ConsentKey, (), ())}
            chunks = list(select(rows, Chunk, (), ()))
            self._births(rows, events, keys)
            self._order(rows)
            for chunk in chunks:
                _covered(chunk, events[chunk.call], keys)
            self._kept(events, {chunk.id for chunk in chunks}, rows)
            self._disk(chunks, keys)
        counts = self._report.counts
        for what in ("granted", "sealed", "withdrawn", "refused"):
            counts[what] = sum(line[0] == what for line in self._said)

    def _births(
        self,
        rows: apsw.Connection,
        events: dict[str, list[ConsentEvent]],
        keys: dict[str, ConsentKey],
    ) -> None:
        """I1: a key's right began in the entry of the granting event, with the recording."""
        recording = select(rows, Recording, (), ())
        for row in recording:
            if {row.caller_key, row.agent_key} - keys.keys():
                raise Violation("I1: a recording has keys that were granted", row.id)
        for key in keys.values():
            granting = [one for one in events[key.call] if one.id == key.event]
            if not granting or granting[0].at_us != key.at_us or not granting[0].is_open:
                raise Violation("I1: a key is born with its grant", key.id)
            if granting[0].number not in OPENING_ROWS:
                raise Violation("I1: a grant is one of the granting rows", granting[0].id)

    def _order(self, rows: apsw.Connection) -> None:
        """I4 and I7, by the log itself: every row has its entry, none is sealed after a no."""
        closed: dict[str, bool] = {}
        for seq, text in rows.execute("SELECT seq, entry FROM log ORDER BY seq"):
            for table, _, new in Entry.decode(text).deltas:
                if new is None:
                    continue
                if table == "consent_event" and new["scope"] == "recording":
                    over = new["state"] in ("withdrawn", "expired", "refused")
                    closed[new["call"]] = over
                elif table == "chunk" and closed[new["call"]]:
                    raise Violation("I4: nothing is sealed after a withdrawal", f"{seq}: {new}")

    def _kept(
        self, events: dict[str, list[ConsentEvent]], chunks: set[str], rows: apsw.Connection
    ) -> None:
        """What was acknowledged is there."""
        for what, name, _ in self._said[self._seen :]:
            states = [str(one.state) for one in events.get(name, ())]
            there = {
                "swept": True,
                "sealed": name in chunks,
                "granted": "granted" in states,
                "refused": "refused" in states,
                "withdrawn": "withdrawn" in states,
                "ended": "closed" in states,
            }
            if not there[what]:
                raise Violation("what was acknowledged is there", f"{what} {name}")
        self._seen = len(self._said)

    def _disk(self, chunks: list[Chunk], keys: dict[str, ConsentKey]) -> None:
        """I3: what has no row cannot be opened by any key; what has one can, by its own."""
        folder, keystore = self._folder / consenting.RECORDINGS, Keystore(self._folder / "keys")
        for chunk in chunks:
            where = segments.Range(chunk.path, chunk.offset, chunk.bytes)
            held = segments.read(folder, where)
            if held is None or hashlib.sha256(held).hexdigest() != chunk.sha256:
                raise Violation("a chunk that is a row is on disk", chunk.id)
        for chunk in chunks[-3:]:
            sealed = segments.read(folder, segments.Range(chunk.path, chunk.offset, chunk.bytes))
            assert sealed is not None
            vault.open_chunk(sealed, keystore.key(chunk.key_id), _of(chunk))
            nonce = NONCE.pack(chunk.epoch, chunk.n)
            with suppress(InvalidTag):
                AESGCM(keystore.key(chunk.key_id)).decrypt(nonce, sealed, vault.bound(_of(chunk)))
                raise Violation("I3: a track's key alone opens no ciphertext", chunk.id)
        strays = set(keystore.ids()) - keys.keys()
        self._report.counts["keys swept"] += len(strays)


def _covered(chunk: Chunk, events: list[ConsentEvent], keys: dict[str, ConsentKey]) -> None:
    """I2: captured after the birth of its key, and while the scope was open, all of it."""
    if chunk.captured_from_us < keys[chunk.key_id].at_us:
        raise Violation("I2: nothing was captured before the grant", chunk.id)
    if not story.was_open(events, "recording", chunk.captured_from_us, ends_us(chunk)):
        raise Violation("I2: the gate was open over the whole chunk", chunk.id)


def _of(chunk: Chunk) -> vault.Chunk:
    fields = vault.Chunk.__dataclass_fields__
    return vault.Chunk(**{name: getattr(chunk, name) for name in fields})


def _child(folder: Path, name: str, pipe: int) -> None:
    """Never returns."""
    try:
        asyncio.run(consenting.live(folder, name, lambda line: _write(pipe, line)))
    except BaseException as error:  # Whatever it is, the parent must learn of it.
        _write(pipe, f"failed {type(error).__name__}:{error!r} 0".replace("\n", " "))
    finally:
        os._exit(1)


def _write(pipe: int, line: str) -> None:
    os.write(pipe, f"{line}\n".encode())
