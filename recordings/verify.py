"""Verify an evidence pack of a phone call with nothing of whoever made it: docs/EVIDENCE.md."""

import json
from argparse import ArgumentParser
from base64 import b64decode
from collections import defaultdict
from hashlib import sha256
from pathlib import Path
from re import fullmatch
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

LISTS, SIGNATURE = ("manifest-sha256.txt", "tagmanifest-sha256.txt"), "tagmanifest-sha256.sig"
FILE_BYTES_MAX, ADDED = 1 << 30, ("consent_", "chunk", "segment", "gate_vote", "key_destroyed")
GRANTS = "6:(unresolved|notice_due)|8:confirm_due|1[12]:read_back|1[17]:asked|16:reasked|33:.+"
OPENING, LISTENING = ("basis_ok", "granted", "vital"), ("asked", "read_back", "reasked")
Row: Any = type("Row", (dict,), {"__getattr__": lambda r, k: r.get(k, 0)})  # pyright: ignore
NOBODY = Row(seq=1 << 62, scopes=())  # GRANTS: rows of the table of consent: from which states.


class Pack:  # A folder of plain files, and the rows its entries leave: table -> id -> row.
    def __init__(self, root: Path, keys: str) -> None:
        if any(it.is_symlink() or it.stat().st_size > FILE_BYTES_MAX for it in root.rglob("*")):
            raise ValueError("there is a link, or a file that is too large")
        self.files = {it.relative_to(root).as_posix(): it for it in root.rglob("*") if it.is_file()}
        self.hashes = {name: sha256(it.read_bytes()).hexdigest() for name, it in self.files.items()}
        self.text: Any = lambda it: self.files[it].read_bytes().decode().strip()  # pyright: ignore
        self.keys: dict[str, str] = json.loads(keys or self.text("data/keys.json"))
        self.call, self.vkey = (self.text(f"data/{name}") for name in ("call.txt", "log.vkey"))
        self.public = Ed25519PublicKey.from_public_bytes(b64decode(self.vkey.split("+", 2)[2])[1:])
        lines = self.files["data/entries.jsonl"].read_bytes().split(b"\n")[:-1]
        self.leaves = [sha256(b"\0" + line).digest() for line in lines]  # RFC 6962 section 2.1
        self.entries = [json.loads(line, object_hook=Row) for line in lines]
        self.rows: Any = defaultdict(lambda: defaultdict[str, Any](lambda: NOBODY))
        self.told: Any = defaultdict(lambda: [NOBODY])

    def is_log(self, note: str, *, grown: bool = False) -> bool:  # Of a C2SP tlog-checkpoint.
        body, _, signatures = note.rpartition("\n\n")
        mine = dict(line.split(" ")[1:] for line in signatures.split("\n") if line)
        self.public.verify(b64decode(mine[self.vkey.split("+")[0]])[4:], f"{body}\n".encode())
        left, trees, leaves = int(body.split("\n")[1]), list[tuple[int, bytes]](), iter(self.leaves)
        for count, told in json.loads(self.text("data/proof.json")):
            tree, left = bytes.fromhex(told) if told else next(leaves, b""), left - count
            trees += [(count, tree)] if left >= 0 else []
            while len(trees) > 1 and (trees[-2][0] == trees[-1][0] or left == 0):
                (_, right), (half, before) = trees.pop(), trees.pop()
                trees.append((2 * half, sha256(b"\1" + before + right).digest()))
        is_root = [root for _, root in trees] == [b64decode(body.split("\n")[2])]
        return is_root and not [*leaves] and (left == 0 or (grown and left < 0))

    def pcm(self, r: Any, name: str) -> bytes:  # Under its track's key, or its own in that one.
        bound = f"{r.call}|{r.party}|{r.epoch}|{r.n}" + f"|{r.rate}" * (r.rate not in (0, 8_000))
        key, own = b64decode(self.keys[r.key_id]), b64decode(r.wrapped_key or "")
        key = AESGCM(key).decrypt(own[:12], own[12:], bound.encode()) if own else key
        nonce, box = (r.epoch << 64 | r.n).to_bytes(12, "big"), self.files[name].read_bytes()
        return AESGCM(key).decrypt(nonce, box, bound.encode())

    def is_open(self, scope: str, begin_us: int, end_us: int) -> bool:  # All that time.
        told = [r for r in self.told["caller", scope] if r.at_us < end_us]
        return all(r.is_open for r in told[sum(r.at_us <= begin_us for r in told) - 1 :])


def judged(p: Pack, held: str, key: str) -> Any:  # noqa: PLR0915  Rule, does it hold, where.
    listed = {line for name in LISTS for line in p.text(name).split("\n")}
    wrong = {line[66:] for line in listed ^ {f"{it}  {name}" for name, it in p.hashes.items()}}
    yield "bag", wrong <= {LISTS[1], SIGNATURE}, f"changed, missing, or not listed: {sorted(wrong)}"
    yield "key", key.strip() in ("", p.vkey), "the log key is not the one you trust"
    p.public.verify(b64decode(p.text(SIGNATURE)), p.files[LISTS[1]].read_bytes())
    yield "log", p.is_log(p.text("data/checkpoint.txt")), "it is not the log that was signed"
    yield "history", not held or p.is_log(held, grown=True), "it is not grown from your checkpoint"
    mine = [(e, leaf) for e, leaf in zip(p.entries, p.leaves, strict=True) if e.scope == p.call]
    links = [*enumerate([None, *(leaf.hex() for _, leaf in mine)], 1)][:-1]
    told = [(e.scope_seq, e.scope_prev) for e, _ in mine]
    yield "chain", told and told == links, "an entry of the call is missing, or not in its place"
    for n, e in enumerate(p.entries[1:]):
        yield "time", p.entries[n].seq < e.seq and p.entries[n].at_us <= e.at_us, f"entry {e.seq}"
    rows, gone, gaps = p.rows, p.rows["key_destroyed"], p.rows["chunk_gap"]
    for entry, (table, old, r) in ((one, delta) for one in p.entries for delta in one.deltas):
        yield "rows", not (old and table.startswith(ADDED)), f"entry {entry.seq}: {table}"
        if not r or (r.call or p.call) != p.call:
            continue
        r.update(seq=entry.seq, now_us=entry.at_us, recording=rows["recording"][p.call])
        rows[table][r.id or ""] = r  # It is judged by what was there when it came.
        if table == "consent_event":
            r["was"] = p.told[r.party, r.scope][-1]
            r["grants"] = fullmatch(GRANTS, f"{r.number}:{r.was.state or ''}")
            p.told[r.party, r.scope].append(r)
        elif table == "key_destroyed":
            why = (rows["erasure"] | rows["span_shred"])[r.erasure]
            gate = why.gate or rows["standing_approval"][why.standing].gate
            votes = [one for one in rows["gate_vote"].values() if one.gate == gate and one.approve]
            holds = [one.hold for one in rows["held_call"].values() if not one.too_late]
            is_free = all(rows["legal_hold"][hold].state == "released" for hold in holds)
            yield "approvers", len({one.identity for one in votes} - {why.requested_by}) > 1, r.id
            yield "hold", is_free or why.counsel, r.id
            yield "erased", r.id not in p.keys, r.id
    for r in rows["consent_event"].values():
        opens, mark = r.state in OPENING, rows["consent_heard"][r.prompt]
        is_past = mark.played_ms * 1000 >= mark.total_ms * mark.must_hear_permille
        is_put = mark.seq <= r.seq and r.scope in rows["consent_prompt"][r.prompt].scopes
        stays = r.state not in LISTENING or r.state == r.was.state
        yield "heard", is_put and is_past if r.event == "heard" else stays, r.id
        yield "grant", not opens or r.was.state in OPENING or r.grants, r.id
        yield "grant", (r.is_open, r.at_us) == (opens and not r.closed_by, r.now_us), r.id
        yield "epoch", r.epoch == r.was.epoch + (r.is_open != r.was.is_open), r.id
    for r, by in ((r, rows["consent_event"][r.event]) for r in rows["consent_key"].values()):
        yield "birth", by.grants and by.at_us == r.at_us == r.now_us, r.id
        yield "birth", (by.scope, by.party, by.epoch) == ("recording", "caller", r.epoch), r.id
    for r in (r for r in rows["segment"].values() if r.party == "caller"):
        yield "words", p.is_open("transcript_retention", r.start_us, r.end_us), r.id
    chunks = [(r, f"data/audio/{r.sha256}") for r in rows["chunk"].values()]
    for r, name in chunks:
        by, from_us, gate = rows["consent_key"][r.key_id], r.captured_from_us, r.recording
        yield "birth", by.party == r.party and by.at_us <= from_us, r.id
        yield "open", p.is_open("recording", from_us, from_us + r.samples * 10**6 // r.rate), r.id
        yield "epoch", gate.first_epoch <= r.epoch <= gate.epoch, r.id
        yield "erased", r.key_id not in gone or name not in p.files, name
        there = p.hashes.get(name, r.sha256 if r.id in gaps else "")
        yield "audio", r.key_id in gone or there == r.sha256, name
    numbers = {(r.party, r.epoch, r.n) for r in (*rows["chunk"].values(), *gaps.values())}
    once = len({(r.key_id, r.epoch, r.n) for r, _ in chunks}) == len(chunks)
    whole = all(not n or (party, epoch, n - 1) in numbers for party, epoch, n in numbers)
    yield "gaps", whole and once, "a chunk is missing, or twice there, and no row says why"
    for r, name in ((r, name) for r, name in chunks if name in p.files and r.key_id in p.keys):
        yield "sealed", len(p.pcm(r, name)) == 2 * r.samples, name


def verify(directory: str, checkpoint: str = "", key: str = "", keys: str = "") -> dict[str, Any]:
    faults: dict[str, Any] = defaultdict(list)  # Rule -> what speaks against the pack.
    held, opened = (Path(file).read_text() if file else "" for file in (checkpoint, keys))
    try:
        for rule, holds, where in judged(Pack(Path(directory), opened), held, key):
            faults[rule] += [] if holds else [where]
    except Exception as error:  # A hostile pack provokes any; each is a reason not to believe it.
        rules = {"InvalidSignature": "signature", "InvalidTag": "sealed"}
        faults[rules.get(type(error).__name__, "readable")].append(repr(error))
    return {rule: where for rule, where in faults.items() if where}


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    for option in ("directory", "--checkpoint", "--key", "--keys"):
        parser.add_argument(option, default="")
    found = verify(**vars(parser.parse_args()))
    lines = [f"FAILS {rule}: {'; '.join(where[:9])}" for rule, where in found.items()]
    print(*lines, "verify: not ok" if found else "verify: ok", sep="\n")
    raise SystemExit(bool(found))
