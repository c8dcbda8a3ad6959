"""A small log with one recorded call in it, hashed, sealed and signed as the real ones are."""

import base64
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from media import segment
from recordings import evidence, export
from recordings.pack.locking import PublicKey
from recordings.vault import SAMPLE_RATE, Chunk
from runtime import canonical, checkpoint, merkle

CALL = "call-7"
ORIGIN = "log.example/parley"
LOG_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
VKEY = checkpoint.verifier_key(ORIGIN, LOG_KEY.public_key())
BOOT = "0123456789abcdef"
OTHERS_BYTES = 5_000
BEGIN_US = 1_800_000_000_000_000
SECOND_US = 1_000_000
GRANTED_US = BEGIN_US + 2 * SECOND_US
WITHDRAWN_US = GRANTED_US + 2 * SECOND_US
PARTIES = ("caller", "agent")
SCOPES = ("recording", "transcript_retention")
KEYS = {
    "key-caller": b"c" * 32,
    "key-agent": b"a" * 32,
    "key-text": b"t" * 32,
    "key-who": b"w" * 32,
}
CALLERS = {"remote": "sip:+41790001122@carrier.example", "local": "sip:us"}

Delta = list[Any]
Row = dict[str, Any]


@dataclass
class Log:
    """A log of actions; `append` links, hashes and keeps one."""

    entries: list[bytes] = field(default_factory=list[bytes])
    leaves: list[bytes] = field(default_factory=list[bytes])
    scopes: dict[str, tuple[int, str]] = field(default_factory=dict[str, tuple[int, str]])

    def append(
        self, at_us: int, reducer: str, deltas: list[Delta], scope: str | None = CALL
    ) -> None:
        number, previous = self.scopes.get(scope or "", (0, None))
        entry = {
            "v": 1,
            "seq": len(self.entries) + 1,
            "at_us": at_us,
            "actor": "node",
            "reducer": reducer,
            "module": "m",
            "request": None,
            "scope": scope,
            "scope_seq": number + 1 if scope else None,
            "scope_prev": previous,
            "prev": self.leaves[-1].hex() if self.leaves else "0" * 64,
            "seed": "00",
            "args": {},
            "result": None,
            "closes": None,
            "deltas": deltas,
        }
        self.entries.append(canonical.encode(entry))
        self.leaves.append(merkle.leaf_hash(self.entries[-1]))
        if scope:
            self.scopes[scope] = (number + 1, self.leaves[-1].hex())

    def checkpoint(self, size: int | None = None, key: Ed25519PrivateKey = LOG_KEY) -> str:
        leaves = self.leaves[:size]
        return checkpoint.sign(ORIGIN, len(leaves), merkle.root(leaves), key)


@dataclass
class Call:
    """The log, and what lies beside it: ciphertexts by name, the words, the data keys.

    Its chunks lie in two segments, with those of other calls before and between them; in a call
    of `old` times each is a file, and no row has a rate.
    """

    log: Log = field(default_factory=Log)
    old: bool = False
    ends: dict[str, int] = field(default_factory=dict[str, int])
    chunks: list[Chunk] = field(default_factory=list[Chunk])
    ciphertexts: dict[str, bytes] = field(default_factory=dict[str, bytes])
    transcript: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    keys: dict[str, bytes] = field(default_factory=lambda: dict(KEYS))
    callers: dict[str, str] = field(default_factory=dict[str, str])
    stands: dict[str, Row] = field(default_factory=dict[str, Row])
    steps: int = 0
    gate: Row = field(default_factory=lambda: {"id": CALL, "epoch": 0, "first_epoch": 0})
    recipients: Sequence[PublicKey] = ()

    def other_call(self, at_us: int) -> None:
        self.log.append(at_us, "somewhere.else", [], scope="call-8")

    def add(self, at_us: int, reducer: str, *rows: tuple[str, dict[str, Any]]) -> None:
        """Rows that are added in one entry of the call."""
        self.log.append(at_us, reducer, [[table, None, row] for table, row in rows])

    def step(self, row: int, event: str, state: str, scope: str = "recording", **also: Any) -> Row:
        """The next event of the caller about a scope, as the table of consent leads on."""
        was = self.stands.get(scope, {"epoch": 0, "is_open": False})
        closed_by = also.pop("closed_by", [])
        is_open = state in ("basis_ok", "granted", "vital") and not closed_by
        made = {
            "id": f"{CALL}/{self.steps:04}",
            "call": CALL,
            "party": "caller",
            "scope": scope,
            "number": row,
            "event": event,
            "state": state,
            "closed_by": closed_by,
            "epoch": was["epoch"] + (is_open != was["is_open"]),
            "is_open": is_open,
            "prompt": None,
            "method": None,
            **also,
        }
        self.stands[scope] = made
        self.steps += 1
        return made

    def event(self, at_us: int, row: int, event: str, state: str, **also: Any) -> None:
        """About both that are asked for in one question."""
        steps = [self.step(row, event, state, scope, **also) for scope in SCOPES]
        self.add(
            at_us,
            f"consent.{event}",
            *(("consent_event", {**one, "at_us": at_us}) for one in steps),
        )

    def ask(self, at_us: int, *, heard: bool = True, played_ms: int = 1_000) -> None:
        """The caller comes, is asked, and hears the question."""
        self.event(at_us, 1, "joined", "unresolved")
        self.event(at_us, 4, "consent_required", "ask_due")
        prompt = {"id": "utterance-1", "call": CALL, "party": "caller", "act": "ask"}
        prompt |= {"scopes": list(SCOPES), "wordings": ["ask"], "at_us": at_us}
        self.add(at_us, "sessions.question_put", ("consent_prompt", prompt))
        if not heard:
            return
        marks = {"id": "utterance-1", "call": CALL, "played_ms": played_ms, "total_ms": 1_000}
        marks |= {"must_hear_permille": 900, "at_us": at_us}
        steps = [self.step(9, "heard", "asked", scope, prompt="utterance-1") for scope in SCOPES]
        self.add(
            at_us,
            "sessions.question_heard",
            ("consent_heard", marks),
            *(("consent_event", {**one, "at_us": at_us}) for one in steps),
        )

    def grant(self, at_us: int, row: int = 11, keys: str = "key") -> None:
        """A yes by key: keys are born, and the recording begins."""
        steps = [
            self.step(row, "yes_key", "granted", scope, method="dtmf:1", prompt="utterance-1")
            for scope in SCOPES
        ]
        first = self.gate["epoch"] + 1
        self.add(
            at_us,
            "sessions.consent_answered",
            *(("consent_event", {**one, "at_us": at_us}) for one in steps),
            *(self.born(f"{keys}-{party}", party, steps[0], at_us) for party in PARTIES),
        )
        self.turn(at_us, state="open", epoch=first, first_epoch=first)

    def born(self, key: str, party: str, event: Row, at_us: int) -> tuple[str, Row]:
        row = {"id": key, "call": CALL, "party": party, "scope": "recording"}
        return "consent_key", row | {
            "epoch": event["epoch"],
            "event": event["id"],
            "at_us": at_us,
        }

    def turn(self, at_us: int, **changes: Any) -> None:
        """The gate of the recording."""
        old = self.gate if self.gate["epoch"] else None
        self.gate = {**self.gate, **changes, "opened_us": at_us}
        self.log.append(at_us, "recordings.gate", [["recording", old, self.gate]])

    def withdraw(self, at_us: int) -> None:
        self.event(at_us, 18, "withdrawn", "withdrawn", method="dtmf:9")
        self.turn(at_us, state="suspended", first_epoch=self.gate["epoch"] + 1)

    def destroy(self, at_us: int, *keys: str, votes: Sequence[str] = ("ann", "bob")) -> None:
        """Two people agree that these keys are destroyed, and they are."""
        erasure = {"id": "erasure-1", "call": CALL, "requested_by": "operator", "gate": "gate-1"}
        erasure |= {"standing": None, "state": "begun"}
        self.add(at_us, "retention.erasure_begun", ("erasure", erasure))
        for number, who in enumerate(votes):
            vote = {"id": f"gate-1/{number:02}", "gate": "gate-1", "identity": who, "approve": True}
            self.log.append(at_us, "gates.gate_approved", [["gate_vote", None, vote]], scope=None)
        gone = {"call": CALL, "erasure": "erasure-1", "artefacts": ["audio"], "at_us": at_us}
        self.add(
            at_us, "retention.keys_destroyed", *(("key_destroyed", gone | {"id": k}) for k in keys)
        )
        self.shred(*keys)

    def shred(self, *keys: str) -> None:
        """They are gone from the keystore, and what they sealed from the disk."""
        for key in keys:
            self.keys.pop(key, None)
        for chunk in self.chunks:
            if chunk.key_id in keys:
                self.ciphertexts.pop(chunk.name, None)

    def hold(self, at_us: int) -> None:
        placed = {"id": "hold-1", "state": "active", "calls": [CALL]}
        bound = {"id": f"hold-1/{CALL}", "hold": "hold-1", "call": CALL, "too_late": False}
        deltas = [["legal_hold", None, placed], ["held_call", None, bound]]
        self.log.append(at_us, "retention.hold_placed", deltas, scope=None)

    def record(
        self, party: str, epoch: int, n: int, captured_us: int, at_us: int, *, rate: int = 8_000
    ) -> None:
        """A second of noise."""
        pcm = random.Random(f"{party}{epoch}{n}").randbytes(2 * rate)
        key_id = f"key-{party}"
        nonce = epoch.to_bytes(4, "big") + n.to_bytes(8, "big")
        bound = f"{CALL}|{party}|{epoch}|{n}" + ("" if rate == SAMPLE_RATE else f"|{rate}")
        sealed = AESGCM(KEYS[key_id]).encrypt(nonce, pcm, bound.encode())
        path, offset = f"{CALL}/{party}-{epoch}-{n}.chunk", 0
        if not self.old:
            path = segment.path(BOOT, n % 2)
            offset = self.ends.get(path, segment.HEADER_BYTES) + OTHERS_BYTES + segment.FRAME_BYTES
            self.ends[path] = offset + len(sealed)
        chunk = Chunk(
            call=CALL,
            party=party,
            epoch=epoch,
            n=n,
            key_id=key_id,
            first_sample=(captured_us - BEGIN_US) * rate // SECOND_US,
            samples=rate,
            sha256=sha256(sealed).hexdigest(),
            bytes=len(sealed),
            at_us=at_us,
            captured_from_us=captured_us,
            path=path,
            offset=offset,
            rate=rate,
        )
        self.chunks.append(chunk)
        self.ciphertexts[chunk.name] = sealed
        row = {"id": chunk.name, **asdict(chunk)}
        if self.old:
            del row["offset"]
        self.log.append(at_us, "recordings.chunk_sealed", [["chunk", None, row]])

    def store(self, recordings: Path) -> None:
        """Lay the ciphertexts where the rows say; where one is no more, there are zeros."""
        recordings.mkdir(parents=True, exist_ok=True)
        for path, end in self.ends.items():
            others = segment.header(BOOT, 0) + random.Random(path).randbytes(end)
            (recordings / path).write_bytes(others[:end])
        for chunk in self.chunks:
            ciphertext = self.ciphertexts.get(chunk.name)
            if not self.old:
                with (recordings / chunk.path).open("r+b") as file:
                    file.seek(chunk.offset)
                    file.write((ciphertext or b"").ljust(chunk.bytes, b"\0"))
            elif ciphertext is not None:
                (recordings / CALL).mkdir(exist_ok=True)
                (recordings / chunk.path).write_bytes(ciphertext)

    def say(self, at_us: int, party: str, text: str) -> None:
        segment = f"segment-{len(self.transcript)}"
        facts: dict[str, object] = {
            "id": segment,
            "party": party,
            "start_us": at_us - SECOND_US,
            "end_us": at_us,
        }
        row = {"call": CALL} | facts | {"text": sealed("key-text", len(self.transcript), text)}
        self.log.append(at_us, "transcripts.segment_heard", [["segment", None, row]])
        self.transcript.append({**facts, "text": text})

    def ring(self, at_us: int) -> None:
        """Somebody calls, and is answered."""
        self.callers = CALLERS
        sides = {side: sealed("key-who", n, text) for n, (side, text) in enumerate(CALLERS.items())}
        self.log.append(at_us, "sessions.call_answered", [["call", None, {"id": CALL, **sides}]])

    def pack(self, key: Ed25519PrivateKey = LOG_KEY) -> evidence.Pack:
        return evidence.Pack(
            call=CALL,
            created_us=BEGIN_US + 3_600 * SECOND_US,
            entries=[
                entry
                for entry in self.log.entries
                if canonical.decode(entry)["scope"] in (CALL, None)
            ],
            leaves=self.log.leaves,
            origin=ORIGIN,
            key=key.public_key(),
            checkpoint=self.log.checkpoint(key=key),
            older=[size for size in (1, 4, 6) if size < len(self.log.leaves)],
            chunks=self.chunks,
            keys=self.keys,
            transcript=self.transcript,
            recipients=self.recipients,
            callers={s: t if "key-who" in self.keys else None for s, t in self.callers.items()},
        )

    def write(self, folder: Path, key: Ed25519PrivateKey = LOG_KEY) -> Path:
        """Export the pack below `folder`; where it lies."""
        self.store(folder / "recordings")
        export.write(self.pack(key), folder / "pack", folder / "recordings", key)
        return folder / "pack"


def sealed(key_id: str, number: int, text: str) -> dict[str, list[str]]:
    """`text` as the log has it; no number twice under one key."""
    nonce = number.to_bytes(12, "big")
    opening = nonce + b"salt" + b"t" + text.encode()
    box = nonce + AESGCM(KEYS[key_id]).encrypt(nonce, opening, key_id.encode())
    boxes = [base64.b64encode(each).decode() for each in (box, sha256(opening).digest())]
    return {"$sealed": [key_id, *boxes]}


def granted(*, old: bool = False) -> Call:
    """A call up to its grant: asked, heard, keys born."""
    call = Call(old=old)
    call.other_call(BEGIN_US)
    call.ring(BEGIN_US)
    call.ask(BEGIN_US + SECOND_US)
    call.other_call(BEGIN_US + SECOND_US)
    call.grant(GRANTED_US)
    return call


def honest(*, old: bool = False) -> Call:
    """Two parties recorded for two seconds, words said, consent withdrawn, the call ended."""
    call = granted(old=old)
    for n in range(2):
        captured_us = GRANTED_US + n * SECOND_US
        call.record("caller", 1, n, captured_us, captured_us + SECOND_US)
        call.record("agent", 1, n, captured_us, captured_us + SECOND_US)
        call.other_call(captured_us + SECOND_US)
    call.say(WITHDRAWN_US, "caller", "Grüße & <danke>")
    call.say(WITHDRAWN_US, "agent", "Bitte.")
    call.withdraw(WITHDRAWN_US)
    call.log.append(WITHDRAWN_US + SECOND_US, "sessions.call_ended", [])
    call.other_call(WITHDRAWN_US + SECOND_US)
    return call
