"""The certificate of an erasure: what was destroyed, who agreed, and the proof; checked offline.

One JSON object: what it says, the log entries it says it from with their inclusion proofs
(RFC 6962), a signed checkpoint (C2SP tlog-checkpoint), and the log key's Ed25519 signature over
all the rest as canonical JSON (RFC 8785). It holds no personal data of the caller.
"""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from runtime import canonical, checkpoint, merkle
from runtime.identities import signing
from runtime.log import Entry

FORMAT = "parley-erasure/1"
BYTES_MAX = 16 * 1024 * 1024
ENTRIES_MAX = 10_000
APPROVERS = 2

SAYS = ("format", "call", "party", "erasure", "trigger", "destroyed", "approvers", "backups")


class BadCertificate(ValueError):
    """This is no certificate of an erasure, or it does not hold; the message says why."""


@dataclass(frozen=True, slots=True)
class Proved:
    """A log entry (its canonical bytes) at `index` of the tree, and its path."""

    entry: bytes
    index: int
    path: Sequence[bytes]


def issue(
    says: dict[str, Any],
    entries: Sequence[Proved],
    note: str,
    origin: str,
    key: Ed25519PrivateKey,
) -> bytes:
    """The certificate, signed. `says` are the fields SAYS but for the format."""
    body: dict[str, Any] = {
        "format": FORMAT,
        **says,
        "entries": [
            {
                "entry": base64.b64encode(one.entry).decode(),
                "index": one.index,
                "path": [node.hex() for node in one.path],
            }
            for one in entries
        ],
        "checkpoint": note,
        "log": checkpoint.verifier_key(origin, key.public_key()),
    }
    signature = base64.b64encode(key.sign(canonical.encode(body))).decode()
    return canonical.encode({**body, "signature": signature}) + b"\n"


def check(data: bytes, trusted: str | None = None) -> dict[str, Any]:
    """What a certificate says, once all of it is proved. Raises BadCertificate.

    `trusted` is the verifier key of the log as you know it: without it the key is the
    certificate's own.
    """
    try:
        return _checked(data, trusted)
    except BadCertificate:
        raise
    # A hostile file can provoke any error at all; each one is a reason not to believe it.
    except Exception as error:
        raise BadCertificate(f"it cannot be read: {type(error).__name__} {error}") from error


def _checked(data: bytes, trusted: str | None) -> dict[str, Any]:
    if len(data) > BYTES_MAX:
        raise BadCertificate(f"it has more than {BYTES_MAX} bytes")
    body = cast("dict[str, Any]", canonical.decode(data.strip()))
    if body.get("format") != FORMAT:
        raise BadCertificate(f"its format is not {FORMAT}")
    signature = base64.b64decode(body.pop("signature"), validate=True)
    if trusted is not None and body["log"].strip() != trusted.strip():
        raise BadCertificate("it is signed by another key than the one you trust")
    origin, key = checkpoint.parse_verifier_key(body["log"])
    try:
        key.verify(signature, canonical.encode(body))
    except InvalidSignature as error:
        raise BadCertificate("its signature is false") from error
    entries = [*_entries(body, origin, key)]
    _destroyed_as_it_says(body, entries)
    _agreed_by_two(body, entries, origin)
    return body


def _entries(body: dict[str, Any], origin: str, key: Ed25519PublicKey) -> Iterator[Entry]:
    """The entries, each proved to be in the signed log."""
    signed = checkpoint.verify(body["checkpoint"], origin, key)
    if len(body["entries"]) > ENTRIES_MAX:
        raise BadCertificate(f"it has more than {ENTRIES_MAX} entries")
    for one in body["entries"]:
        raw = base64.b64decode(one["entry"], validate=True)
        path = [bytes.fromhex(node) for node in one["path"]]
        leaf = merkle.leaf_hash(raw)
        if not merkle.verify_inclusion(leaf, one["index"], signed.size, path, signed.root):
            raise BadCertificate(f"entry {one['index'] + 1} is not in the log")
        entry = Entry.decode(raw)
        if entry.seq != one["index"] + 1:
            raise BadCertificate(f"entry {entry.seq} is not at its place in the log")
        yield entry


def _new_rows(entries: Sequence[Entry], table: str) -> Iterator[tuple[Entry, dict[str, Any]]]:
    for entry in entries:
        for name, _, new in entry.deltas:
            if name == table and new is not None:
                yield entry, new


def _destroyed_as_it_says(body: dict[str, Any], entries: Sequence[Entry]) -> None:
    """The log itself says that these keys went, of this call, each by a rule that let it."""
    logged = {
        row["id"]: (sorted(row["artefacts"]), entry)
        for entry, row in _new_rows(entries, "key_destroyed")
        if (row["call"], row["erasure"]) == (body["call"], body["erasure"])
    }
    said = {one["key"]: sorted(one["artefacts"]) for one in body["destroyed"]}
    if not said or said != {key: artefacts for key, (artefacts, _) in logged.items()}:
        raise BadCertificate("the keys it names are not those that the log says were destroyed")
    for one in body["destroyed"]:
        entry = logged[one["key"]][1]
        if (one["entry"], one["at_us"]) != (entry.seq, entry.at_us):
            raise BadCertificate(f"{one['key']} was not destroyed in entry {one['entry']}")
    for key, (artefacts, entry) in logged.items():
        began = [
            row
            for earlier, row in _new_rows(entries, "erasure")
            if row["id"] == body["erasure"]
            and row["state"] == "begun"
            and key in row["keys"]
            and earlier.seq < entry.seq
        ]
        if not began:
            raise BadCertificate(f"{key} was destroyed without the last look at holds")
        allowed = [one["artefact"] for one in began[-1]["decisions"] if one["outcome"] == "execute"]
        if not set(artefacts) <= set(allowed):
            raise BadCertificate(f"{key} was destroyed though a rule stood against it")


def _agreed_by_two(body: dict[str, Any], entries: Sequence[Entry], origin: str) -> None:
    """Two people signed, neither of them who had proposed it."""
    gate, proposer = _gate(body, entries)
    keys = {row["id"]: _octets(row["key"]) for _, row in _new_rows(entries, "identity")}
    voters: dict[str, Entry] = {}
    for entry, row in _new_rows(entries, "gate_vote"):
        if row["gate"] != gate or not row["approve"] or entry.actor != row["identity"]:
            continue
        if entry.actor not in keys or entry.actor == proposer:
            raise BadCertificate(f"{entry.actor} had no vote")
        try:
            signing.verify_entry(entry, keys[entry.actor], origin)
        except ValueError as error:
            raise BadCertificate(str(error)) from error
        voters[entry.actor] = entry
    if len(voters) < APPROVERS:
        raise BadCertificate(f"{len(voters)} people agreed to it, not {APPROVERS}")
    said = [(one["identity"], one["entry"]) for one in body["approvers"]]
    if sorted(said) != sorted((who, entry.seq) for who, entry in voters.items()):
        raise BadCertificate("who agreed is not who it says")


def _gate(body: dict[str, Any], entries: Sequence[Entry]) -> tuple[str, str]:
    """Where it was agreed to, and who had proposed it."""
    rows = [row for _, row in _new_rows(entries, "erasure") if row["id"] == body["erasure"]]
    if not rows or any(row["call"] != body["call"] for row in rows):
        raise BadCertificate("the log entries are not those of this erasure")
    last = rows[-1]
    if last["gate"] is not None:
        return last["gate"], last["requested_by"]
    for _, row in _new_rows(entries, "standing_approval"):
        if row["id"] == last["standing"]:
            return row["gate"], row["proposed_by"]
    raise BadCertificate("nobody was asked")


def _octets(value: Any) -> bytes:
    """Bytes as the log has them, {"$bytes": base64}, which canonical JSON decodes."""
    if not isinstance(value, bytes):
        raise BadCertificate("an identity has no key")
    return value


def readable(body: dict[str, Any]) -> str:
    """The same for people to read."""
    lines = [
        f"Certificate of erasure {body['erasure']}",
        "",
        f"Call      {body['call']}",
        f"Party     {body['party']}",
        f"Because   {body['trigger']}",
        "",
        "Destroyed, so that nobody can read it any more, here or in a backup of the store:",
    ]
    for one in body["destroyed"]:
        lines.append(f"  {', '.join(one['artefacts'])}: key {one['key']}, entry {one['entry']}")
    lines += ["", "Agreed to, and signed, by:"]
    lines += [f"  {one['identity']}, entry {one['entry']}" for one in body["approvers"]]
    until = body["backups"]["keys_until"] or "not known here: ask who keeps copies of the keystore"
    lines += [
        "",
        "Backups of the store hold no keys. The last copy of the keystore that could hold these",
        f"keys expires: {until}",
        "",
        "What is left is that there was a call, when, and what was agreed to; it is kept under",
        "GDPR Art 17(3)(b) and (e). To verify this: parley verify FILE --key KEY",
    ]
    return "\n".join(lines) + "\n"
