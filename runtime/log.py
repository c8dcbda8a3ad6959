"""The log: one entry per action, chained, and a leaf of one Merkle tree."""

from dataclasses import dataclass
from typing import Any, cast

from runtime import canonical
from runtime.merkle import leaf_hash

VERSION = 2
GENESIS = "0" * 64
"""What stands before the first entry."""

DDL = (
    "CREATE TABLE IF NOT EXISTS log (seq INTEGER PRIMARY KEY, at_us INTEGER NOT NULL,"
    " scope TEXT, request TEXT, entry BLOB NOT NULL, leaf BLOB NOT NULL) STRICT",
    "CREATE UNIQUE INDEX IF NOT EXISTS log_by_request ON log (request) WHERE request IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS log_by_scope ON log (scope, seq) WHERE scope IS NOT NULL",
    "CREATE TABLE IF NOT EXISTS checkpoint (size INTEGER PRIMARY KEY, at_us INTEGER NOT NULL,"
    " note TEXT NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS stamp (size INTEGER PRIMARY KEY, at_us INTEGER NOT NULL,"
    " token BLOB NOT NULL) STRICT",
)
APPEND = "INSERT INTO log VALUES (?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Entry:
    """One action, as it happened. Times are microseconds since 1970, UTC; hashes are hex."""

    seq: int
    at_us: int
    actor: str
    reducer: str
    module: str
    request: str | None
    scope: str | None
    scope_seq: int | None
    scope_prev: str | None
    prev: str
    seed: str
    args: dict[str, Any]
    result: Any
    closes: str | None
    proof: dict[str, str] | None
    deltas: list[list[Any]]

    def encode(self) -> bytes:
        """Canonical JSON (RFC 8785): what is hashed, stored and shown to auditors."""
        return canonical.encode_plain(
            {
                "v": VERSION,
                "seq": self.seq,
                "at_us": self.at_us,
                "actor": self.actor,
                "reducer": self.reducer,
                "module": self.module,
                "request": self.request,
                "scope": self.scope,
                "scope_seq": self.scope_seq,
                "scope_prev": self.scope_prev,
                "prev": self.prev,
                "seed": self.seed,
                "args": self.args,
                "result": self.result,
                "closes": self.closes,
                "proof": self.proof,
                "deltas": self.deltas,
            }
        )

    @staticmethod
    def decode(data: bytes) -> "Entry":
        """Raises ValueError for bytes that are not an entry of this version."""
        found = canonical.decode(data)
        fields = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
        if fields.pop("v", None) != VERSION:
            raise ValueError(f"not a log entry of version {VERSION}")
        try:
            return Entry(**fields)
        except TypeError as error:
            raise ValueError(f"a log entry lacks a field: {error}") from error


def leaf_of(entry: bytes) -> bytes:
    """The entry's leaf in the tree (RFC 6962 section 2.1)."""
    return leaf_hash(entry)
