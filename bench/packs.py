"""What an hour of a call costs as an evidence pack: to verify, and to keep.

Run: python -m bench.packs [MINUTES] [FOLDER]

The floor is what no verifier can do without: SHA-256 over the same files, and AES-256-GCM over the
same ciphertext, in the same run.
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from recordings import evidence, export, verify
from recordings.vault import SAMPLE_RATE, Chunk
from runtime import canonical, checkpoint, merkle

CALL, ORIGIN, BEGIN_US, SECOND_US = "call-1", "bench", 1_800_000_000_000_000, 1_000_000
PARTIES = ("caller", "agent")
KEYS = {party: bytes([number]) * 32 for number, party in enumerate(PARTIES)}
MEGABYTE = 1024 * 1024

Row = dict[str, Any]


class Log:
    """One call's entries, with as many of others between them."""

    def __init__(self) -> None:
        self.entries: list[bytes] = []
        self.leaves: list[bytes] = []
        self.number, self.link = 0, None

    def add(self, at_us: int, *rows: tuple[str, Row | None, Row]) -> None:
        deltas = [list(one) for one in rows]
        entry: Row = {"seq": len(self.leaves) + 1, "at_us": at_us, "scope": CALL}
        entry |= {"scope_seq": self.number + 1, "scope_prev": self.link, "deltas": deltas}
        entry |= {"actor": "node", "reducer": "recordings.chunk_sealed", "v": 2, "prev": "0" * 64}
        raw = canonical.encode(entry)
        self.entries.append(raw)
        leaf = merkle.leaf_hash(raw)
        # An entry of another call follows each of ours.
        self.leaves += [leaf, sha256(leaf).digest()]
        self.number, self.link = self.number + 1, leaf.hex()


def agreed(log: Log) -> None:
    """The notice was heard, and recording is open."""
    prompt = {"id": "p", "call": CALL, "scopes": ["recording"], "at_us": BEGIN_US}
    heard = {"id": "p", "call": CALL, "played_ms": 1, "total_ms": 1, "must_hear_permille": 900}
    steps = ((1, "joined", "unresolved"), (2, "notice_required", "notice_due"))
    for number, (row, event, state) in enumerate((*steps, (6, "heard", "basis_ok"))):
        opens = int(row == 6)
        told: Row = {"id": f"{CALL}/{number:04}", "call": CALL, "party": "caller"}
        told |= {"scope": "recording", "number": row, "event": event, "state": state}
        told |= {"closed_by": [], "epoch": opens, "is_open": bool(opens), "at_us": BEGIN_US}
        told |= {"prompt": "p" if opens else None, "method": None}
        log.add(
            BEGIN_US,
            ("consent_event", None, told),
            *((("consent_prompt", None, prompt),) if row == 2 else ()),
            *(_opening(told, heard) if opens else ()),
        )


def _opening(event: Row, heard: Row) -> list[tuple[str, Row | None, Row]]:
    born = {"call": CALL, "scope": "recording", "epoch": 1, "event": event["id"]}
    gate = {"id": CALL, "epoch": 1, "first_epoch": 1, "opened_us": BEGIN_US}
    keys = [{**born, "id": party, "party": party, "at_us": BEGIN_US} for party in PARTIES]
    return [
        ("consent_heard", None, heard),
        ("recording", None, gate),
        *(("consent_key", None, key) for key in keys),
    ]


def made(folder: Path, seconds: int) -> Path:
    """The pack of a call of so long, both parties in chunks of a second."""
    log, chunks = Log(), list[Chunk]()
    agreed(log)
    store = folder / "recordings" / "call-1"
    store.mkdir(parents=True)
    for n in range(seconds):
        for party in PARTIES:
            bound = f"{CALL}|{party}|1|{n}".encode()
            nonce = (1).to_bytes(4, "big") + n.to_bytes(8, "big")
            box = AESGCM(KEYS[party]).encrypt(nonce, os.urandom(2 * SAMPLE_RATE), bound)
            path = f"call-1/{party}-1-{n}.chunk"
            (folder / "recordings" / path).write_bytes(box)
            at_us = BEGIN_US + n * SECOND_US
            chunk = Chunk(
                call=CALL,
                party=party,
                epoch=1,
                n=n,
                key_id=party,
                first_sample=n * SAMPLE_RATE,
                samples=SAMPLE_RATE,
                sha256=sha256(box).hexdigest(),
                bytes=len(box),
                at_us=at_us + SECOND_US,
                captured_from_us=at_us,
                path=path,
            )
            chunks.append(chunk)
            log.add(at_us + SECOND_US, ("chunk", None, {"id": path, **asdict(chunk)}))
    key = Ed25519PrivateKey.generate()
    note = checkpoint.sign(ORIGIN, len(log.leaves), merkle.root(log.leaves), key)
    pack = evidence.Pack(
        call=CALL,
        created_us=BEGIN_US,
        entries=log.entries,
        leaves=log.leaves,
        origin=ORIGIN,
        key=key.public_key(),
        checkpoint=note,
        older=range(1, len(log.leaves), max(1, len(log.leaves) // 300)),
        chunks=chunks,
        keys=KEYS,
        transcript=[],
    )
    export.write(pack, folder / "pack", folder / "recordings", key)
    return folder / "pack"


def floor(pack: Path) -> None:
    """Each file hashed, each ciphertext opened."""
    for path in pack.rglob("*"):
        if path.is_file():
            sha256(path.read_bytes()).hexdigest()
    for line in (pack / "data/entries.jsonl").read_bytes().splitlines():
        for table, _, row in canonical.decode(line)["deltas"]:
            if table == "chunk":
                nonce = row["epoch"].to_bytes(4, "big") + row["n"].to_bytes(8, "big")
                bound = f"{CALL}|{row['party']}|{row['epoch']}|{row['n']}".encode()
                box = (pack / "data/audio" / row["sha256"]).read_bytes()
                AESGCM(KEYS[row["party"]]).decrypt(nonce, box, bound)


def took(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def in_python(pack: Path) -> None:
    found = verify.verify(str(pack))
    assert not found, dict(found)


def in_node(pack: Path) -> None:
    subprocess.run(["node", str(pack / "verify.mjs"), str(pack)], check=True, capture_output=True)


def main() -> None:
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    beside = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    print(f"{platform.machine()}, Python {platform.python_version()}, {minutes:g} min of a call")
    with tempfile.TemporaryDirectory(dir=beside) as folder:
        pack = made(Path(folder), round(60 * minutes))
        each_hour = 60 / minutes
        sizes = {path: path.stat().st_size for path in pack.rglob("*") if path.is_file()}
        lowest = took(lambda: floor(pack))
        rows = {"floor: SHA-256 and AES-GCM": lowest, "verify.py": took(lambda: in_python(pack))}
        if shutil.which("node"):
            rows["verify.mjs"] = took(lambda: in_node(pack))
        for name, seconds in rows.items():
            print(f"{name:<28}{seconds * each_hour:7.2f} s/h{seconds / lowest:7.1f} x floor")
        audio = sum(size for path, size in sizes.items() if path.parent.name == "audio")
        wav, whole = sizes[pack / "data/call.wav"], sum(sizes.values())
        for name, size in (("sealed audio", audio), ("call.wav", wav), ("all else", 0)):
            shown = size or whole - audio - wav
            print(f"{name:<28}{shown * each_hour / MEGABYTE:7.1f} MB/h")
        proof = sizes[pack / "data/proof.json"]
        print(f"{'of it proof.json':<28}{proof * each_hour / MEGABYTE:7.2f} MB/h")


if __name__ == "__main__":
    main()
