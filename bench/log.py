"""What the log takes: bytes, replay, verification, start, memory. `python -m bench.log`"""

import argparse
import json
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench._measure import DURABILITY, clock, machine, paid_in
from runtime import checkpoint, log, merkle, proofs, replay
from runtime.engines import sqlite
from runtime.execution import Action
from runtime.writer import Committed, Writer, action_of

ENTRIES = 1_000_000
REPLAYED = 50_000
CALLS = 10_000
BATCH = 512
SCOPES = 64
STARTS = 5
PROOFS = 200
SIDE_S_MAX = 900.0

T = TypeVar("T")


def main() -> None:
    """Where, how durable, how much."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=ENTRIES, help="of the log")
    parser.add_argument("--calls", type=int, default=CALLS, help="that are open at once")
    chosen = parser.parse_args()
    print(machine())
    print(DURABILITY)
    with tempfile.TemporaryDirectory(dir=".") as directory:
        path = Path(directory) / "log.db"
        note, key = build(path, chosen.entries)
        sizes(path, chosen.entries)
        replays(path, min(REPLAYED, chosen.entries))
        verifies(path, note, key)
        starts(path)
        calls(Path(directory) / "calls.db", chosen.calls)


def build(path: Path, entries: int) -> tuple[str, Ed25519PrivateKey]:
    """A log of so many entries by the real writer. Answers its checkpoint and key."""
    writer, key = Writer(path, clock, secrets.token_bytes), Ed25519PrivateKey.generate()
    began = time.perf_counter()
    for start in range(0, entries, BATCH):
        outcomes = writer.commit([_action(n) for n in range(start, min(start + BATCH, entries))])
        assert all(isinstance(one, Committed) for one in outcomes), outcomes
    seconds = time.perf_counter() - began
    note = writer.checkpoint("bench/log", key)
    writer.close()
    say("build, batches of 512", f"{entries:,} entries in {seconds:,.1f} s", entries / seconds)
    return note, key


def sizes(path: Path, entries: int) -> None:
    """How much of the disk an action takes."""
    rows = sqlite.open_reader(path)
    ((logged,),) = rows.execute("SELECT sum(length(entry)) FROM log").fetchall()
    rows.close()
    # The writer has closed the file, so nothing of it is left in a write-ahead log.
    stored = path.stat().st_size
    assert isinstance(logged, int)
    say("log entry", f"{logged / entries:,.0f} bytes per action")
    say("database, with rows and indexes", f"{stored / entries:,.0f} bytes per action")
    say("database / log", f"ratio {stored / logged:.2f}")


def replays(path: Path, entries: int) -> None:
    """The rows from the deltas, and the reducers run again."""
    history, reading = timed(lambda: replay.entries(path, until_seq=entries))
    say("read and parse", f"{entries:,} entries", entries / reading)
    rows, rebuilding = timed(lambda: replay.rebuild(history))
    rows.close()
    say("rebuild from deltas", f"{entries:,} entries", entries / rebuilding)
    audit, auditing = timed(lambda: replay.audit(history))
    assert not audit.differences, audit.differences
    found = f"{entries:,} entries, ratio to rebuild {rebuilding / auditing:.2f}"
    say("audit by running again", found, entries / auditing)


def verifies(path: Path, note: str, key: Ed25519PrivateKey) -> None:
    """Every hash of the log up to its signed root; and one entry alone."""
    rows = sqlite.open_reader(path)

    def every() -> merkle.Frontier:
        frontier = merkle.Frontier()
        for (entry,) in rows.execute("SELECT entry FROM log ORDER BY seq"):
            frontier = frontier.with_leaf(log.leaf_of(cast(bytes, entry)))
        return frontier

    frontier, seconds = timed(every)
    assert frontier.root == checkpoint.verify(note, "bench/log", key.public_key()).root
    size = frontier.size
    say("verify every hash", f"{size:,} entries in {seconds:,.1f} s", size / seconds)
    leaves = [cast(bytes, leaf) for (leaf,) in rows.execute("SELECT leaf FROM log ORDER BY seq")]
    tree, planting = timed(lambda: merkle.Tree(leaves))
    say("tree of all leaves", f"{planting:,.2f} s", size / planting)
    seqs = [1 + secrets.randbelow(size) for _ in range(PROOFS)]
    entries = [
        cast(bytes, entry)
        for seq in seqs
        for (entry,) in rows.execute("SELECT entry FROM log WHERE seq = ?", (seq,))
    ]
    rows.close()
    texts, proving = timed(
        lambda: [
            proofs.inclusion(entry, seq, tree.inclusion_proof(seq - 1), note)
            for seq, entry in zip(seqs, entries, strict=True)
        ]
    )
    say("prove one entry", f"{len(texts[0]):,} bytes", PROOFS / proving)
    public = key.public_key()
    _, checking = timed(lambda: [proofs.check_inclusion(one, "bench/log", public) for one in texts])
    say("verify one proof", f"{checking / PROOFS * 1e6:,.0f} us", PROOFS / checking)


def starts(path: Path) -> None:
    """From the start of a process to its first answered action, the file in the page cache."""

    def start(at: Path) -> float:
        command = [sys.executable, "-m", "bench._first_answer", str(at)]
        began = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "answered\n", "the store does not open"
            return time.perf_counter() - began

    full = sorted(start(path) for _ in range(STARTS))[STARTS // 2]
    empty = sorted(start(path.with_name(f"empty{n}.db")) for n in range(STARTS))[STARTS // 2]
    say("start to first answer", f"{full * 1e3:,.0f} ms, median of {STARTS}")
    say("the same with an empty log", f"{empty * 1e3:,.0f} ms, ratio {full / empty:.2f}")


def calls(path: Path, count: int) -> None:
    """Memory of open calls: their rows, their open effects with a task each, what a node keeps."""
    command = [sys.executable, "-m", "bench._open_calls", str(path), str(count)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SIDE_S_MAX, check=True)
    found = json.loads(done.stdout)
    before, after = found["before"], found["after"]
    answered, legs, effects = found["rows"]
    say("open calls", f"{answered:,} answered, {legs:,} legs, {effects:,} open effects")
    say("opened in", f"{found['seconds']:,.1f} s", count / found["seconds"])
    say("memory before", f"{before / 2**20:,.0f} MiB")
    say("memory with them", f"{after / 2**20:,.0f} MiB, ratio {after / before:.2f}")
    say("memory per call", f"{(after - before) / count / 1024:,.1f} KiB")


def _action(n: int) -> Action:
    account = f"a{n % SCOPES}"
    return action_of(
        paid_in,
        {"account": account, "cents": 1},
        sender="bench",
        scope=f"s{n % SCOPES}",
        request=f"r{n}",
    )


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """What the work answers, and its seconds."""
    began = time.perf_counter()
    found = work()
    return found, time.perf_counter() - began


def say(what: str, found: str, rate: float | None = None) -> None:
    """One line of the table."""
    per_second = "" if rate is None else f"{rate:>14,.0f} per s"
    print(f"{what:<34}{found:<44}{per_second}", flush=True)


if __name__ == "__main__":
    main()
