"""Verify an evidence pack of a phone call with nothing of whoever made it: docs/EVIDENCE.md.

python verify.py DIRECTORY [--checkpoint FILE] [--key VKEY] [--keys FILE]
"""

import json
from argparse import ArgumentParser
from base64 import b64decode
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from re import fullmatch
from struct import pack
from types import SimpleNamespace as Row
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

LISTS, SIGNATURE = ("manifest-sha256.txt", "tagmanifest-sha256.txt"), "tagmanifest-sha256.sig"
FILE_BYTES_MAX, ADDED = 1 << 30, ("consent_", "chunk", "segment", "gate_vote", "key_destroyed")
# The rows of the table of consent that grant, and out of which states; 33 is an emergency.
GRANTS = "6:(unresolved|notice_due)|8:confirm_due|1[12]:read_back|1[17]:asked|16:reasked|33:.+"
OPENING, LISTENING = ("basis_ok", "granted", "vital"), ("asked", "read_back", "reasked")
NEVER_US = 1 << 62
NOBODY = Row(state="", epoch=0, is_open=False, number=0, at_us=NEVER_US, party="", scopes=())
vars(NOBODY).update(was=NOBODY, first_epoch=NEVER_US, gate="", standing="", requested_by="")


class Pack:
    """A folder of plain files, and the rows that its entries leave: table -> id -> row."""

    def __init__(self, root: Path, keys: str) -> None:
        paths = [*root.rglob("*")]
        if any(one.is_symlink() or one.stat().st_size > FILE_BYTES_MAX for one in paths):
            raise ValueError("there is a link, or a file that is too large")
        self.files = {one.relative_to(root).as_posix(): one for one in paths if one.is_file()}
        lines = self.files["data/entries.jsonl"].read_bytes().split(b"\n")[:-1]
        self.entries = [json.loads(line, object_hook=lambda row: Row(**row)) for line in lines]
        self.leaves = [sha256(b"\0" + line).digest() for line in lines]  # RFC 6962 section 2.1
        self.call, self.vkey = (self.text(f"data/{name}") for name in ("call.txt", "log.vkey"))
        self.public = Ed25519PublicKey.from_public_bytes(b64decode(self.vkey.split("+", 2)[2])[1:])
        found: dict[str, str] = json.loads(keys or self.text("data/keys.json"))
        self.keys = {name: b64decode(found[name]) for name in found if "ciphertext" not in found}
        self.rows: Any = defaultdict(lambda: defaultdict[str, Any](lambda: NOBODY))
        self.latest: Any = defaultdict(lambda: NOBODY)
        self.flips: defaultdict[str, list[int]] = defaultdict(list)

    def text(self, name: str) -> str:
        return self.files[name].read_bytes().decode().strip("\n")

    def signed(self, note: str) -> tuple[int, bytes]:
        """Size and root of a checkpoint of this log (C2SP tlog-checkpoint, signed-note)."""
        body, _, signatures = note.rpartition("\n\n")
        mine = dict(line.split(" ")[1:] for line in signatures.split("\n") if line)
        signature = b64decode(mine[self.vkey.split("+")[0]])
        self.public.verify(signature[4:], f"{body}\n".encode())
        return int(body.split("\n")[1]), b64decode(body.split("\n")[2])

    def root(self, size: int) -> bytes:
        """That of the log at a size, from perfect subtrees side by side: ours, and those told."""
        trees, leaves = list[tuple[int, bytes]](), iter(self.leaves)
        for count, told in json.loads(self.text("data/proof.json")):
            tree, size = bytes.fromhex(told) if told else next(leaves, b""), size - count
            trees += [(count, tree)] if size >= 0 else []
            while len(trees) > 1 and (trees[-2][0] == trees[-1][0] or size == 0):
                (_, right), (half, left) = trees.pop(), trees.pop()
                trees.append((2 * half, sha256(b"\1" + left + right).digest()))
        return trees[0][1] if next(leaves, None) is None and size <= 0 else b""

    def is_open(self, scope: str, begin_us: int, end_us: int) -> bool:
        """Whether the caller let a scope be open all that time: it opens and closes in turn."""
        opened = bisect_right(self.flips[scope], begin_us)
        return opened % 2 == 1 and opened >= bisect_left(self.flips[scope], end_us)


def attempt(do: Callable[..., Any], *given: object) -> Any:
    try:
        return do(*given)
    except Exception:
        return b""


# fmt: off
# Rule, table, and what is true of each of its rows: p is the pack, e the entry, r the row.
LAWS: list[tuple[str, str, Callable[[Pack, Any, Any], object]]] = [
    ("grant", "consent_event", lambda p, e, r: r.state not in OPENING or
        r.was.state in OPENING or fullmatch(GRANTS, f"{r.number}:{r.was.state}")),
    ("grant", "consent_event", lambda p, e, r:
        (r.is_open, r.at_us) == (r.state in OPENING and not r.closed_by, e.at_us)),
    ("epoch", "consent_event", lambda p, e, r:
        r.epoch == r.was.epoch + (r.is_open != r.was.is_open)),
    ("heard", "consent_event", lambda p, e, r: r.state == r.was.state if r.event != "heard" and
        r.state in LISTENING else r.event != "heard" or (r.prompt in p.rows["consent_heard"] and
        r.scope in p.rows["consent_prompt"][r.prompt].scopes)),
    ("heard", "consent_heard", lambda p, e, r:
        r.played_ms * 1000 >= r.total_ms * r.must_hear_permille),
    ("birth", "consent_key", lambda p, e, r: (by := p.rows["consent_event"][r.event]) and
        fullmatch(GRANTS, f"{by.number}:{by.was.state}") and by.at_us == r.at_us == e.at_us and
        (by.scope, by.party, by.epoch) == ("recording", "caller", r.epoch)),
    ("birth", "chunk", lambda p, e, r: (key := p.rows["consent_key"][r.key_id]) and
        key.party == r.party and key.at_us <= r.captured_from_us),
    ("open", "chunk", lambda p, e, r: p.is_open("recording", r.captured_from_us,
        r.captured_from_us + r.samples * 1_000_000 // r.rate)),
    ("epoch", "chunk", lambda p, e, r: (gate := p.rows["recording"][p.call]) and
        gate.first_epoch <= r.epoch <= gate.epoch),
    ("words", "segment", lambda p, e, r: r.party != "caller" or
        p.is_open("transcript_retention", r.start_us, r.end_us)),
    ("hold", "key_destroyed", lambda p, e, r: all(p.rows["legal_hold"][one.hold].state == "released"
        for one in p.rows["held_call"].values() if not one.too_late)),
    ("approvers", "key_destroyed", lambda p, e, r:
        (it := (p.rows["erasure"] | p.rows["span_shred"])[r.erasure]) and (at := p.rows["standing_approval"][it.standing] if it.gate is None else it) and
        len({one.identity for one in p.rows["gate_vote"].values() if one.approve
            and one.gate == at.gate} - {it.requested_by}) > 1),
    ("erased", "key_destroyed", lambda p, e, r: r.id not in p.keys),
]
# fmt: on


def claims(p: Pack, held: str, key: str) -> Iterator[tuple[str, object, str]]:
    """A rule, whether it holds, and where: of the files, the log, each row, and the audio."""
    hashes = {name: sha256(path.read_bytes()).hexdigest() for name, path in p.files.items()}
    there = {f"{digest}  {name}" for name, digest in hashes.items()}
    wrong = there.symmetric_difference(p.text(LISTS[0]).split("\n") + p.text(LISTS[1]).split("\n"))
    names = {line[66:] for line in wrong} - {LISTS[1], SIGNATURE}
    yield "bag", not names, f"changed, missing, or not listed: {sorted(names)}"
    yield "key", key.strip() in ("", p.vkey), "the log key is not the one you trust"
    signed = attempt(p.public.verify, b64decode(p.text(SIGNATURE)), p.files[LISTS[1]].read_bytes())
    yield "signature", signed is None, "the log key did not sign the lists"
    notes = {"log": p.text("data/checkpoint.txt")} | ({"history": held} if held else {})
    for rule, note in notes.items():
        size, root = p.signed(note)
        is_so = p.root(size) == root or (rule == "history" and not size)
        yield rule, is_so, f"it is not the log of size {size}"
    number, link, before = 0, None, Row(seq=0, at_us=0)
    for entry, leaf in zip(p.entries, p.leaves, strict=True):
        where = f"entry {entry.seq}"
        yield "time", before.seq < entry.seq and before.at_us <= entry.at_us, where
        before = entry
        if entry.scope == p.call:
            yield "chain", (entry.scope_seq, entry.scope_prev) == (number + 1, link), where
            number, link = number + 1, leaf.hex()
        mine = [one for one in entry.deltas if getattr(one[2] or one[1], "call", p.call) == p.call]
        for table, old, r in mine:
            yield "rows", not (old and table.startswith(ADDED)), f"{where}: {table}"
            p.rows[table][getattr(r, "id", "")] = r
            if table == "consent_event" and r:
                r.was, p.latest[r.party, r.scope] = p.latest[r.party, r.scope], r
                if r.party == "caller" and r.is_open != r.was.is_open:
                    p.flips[r.scope].append(r.at_us)
        for rule, which, holds in LAWS:
            for r in (r for table, _, r in mine if table == which and r):
                yield rule, holds(p, entry, r), f"{where}: {which} {r.id}"
    for r in p.rows["chunk"].values():
        name, gone = f"data/audio/{r.sha256}", r.key_id in p.rows["key_destroyed"]
        yield "erased", not (gone and name in p.files), name
        absent = gone or (name not in p.files and r.id in p.rows["chunk_gap"])
        yield "audio", absent or hashes.get(name) == r.sha256, name
        if name in p.files and r.key_id in p.keys:
            bound = f"{r.call}|{r.party}|{r.epoch}|{r.n}" + f"|{r.rate}" * (r.rate != 8_000)
            own, used = b64decode(getattr(r, "wrapped_key", "")), p.keys[r.key_id]
            if own:  # The chunk's own key, under that of its track.
                used = attempt(AESGCM(used).decrypt, own[:12], own[12:], bound.encode()) or used
            sealed = pack(">IQ", r.epoch, r.n), p.files[name].read_bytes(), bound.encode()
            yield "sealed", len(attempt(AESGCM(used).decrypt, *sealed)) == 2 * r.samples, name
    chunks, gaps = ([*p.rows[table].values()] for table in ("chunk", "chunk_gap"))
    numbers = {(r.party, r.epoch, r.n) for r in chunks + gaps}
    whole = all(not n or (party, epoch, n - 1) in numbers for party, epoch, n in numbers)
    once = len({(r.key_id, r.epoch, r.n) for r in chunks}) == len(chunks)
    yield "gaps", whole and once, "a chunk is missing, or twice there, and no row says why"


def verify(directory: str, checkpoint: str = "", key: str = "", keys: str = "") -> dict[str, Any]:
    """Rule -> what speaks against the pack. `checkpoint` and `keys` are names of files."""
    faults: dict[str, Any] = defaultdict(list)
    held, opened = (Path(file).read_text() if file else "" for file in (checkpoint, keys))
    try:
        for rule, holds, where in claims(Pack(Path(directory), opened), held, key):
            if not holds:
                faults[rule].append(where)
    except Exception as error:  # A hostile pack provokes any; each is a reason not to believe it.
        faults["readable"].append(repr(error))
    return faults


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    for option in ("directory", "--checkpoint", "--key", "--keys"):
        parser.add_argument(option)
    found = verify(**vars(parser.parse_args()))
    for rule, where in found.items():
        print(f"FAILS {rule}: {'; '.join(where[:9])}")
    print("verify: not ok" if found else "verify: ok")
    raise SystemExit(bool(found))
