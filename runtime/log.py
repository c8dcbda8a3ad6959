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
)


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
    deltas: list[list[Any]]
    proof: dict[str, str] | None = None

    def encode(self) -> bytes:
        """Canonical JSON (RFC 8785): what is hashed, stored and shown to auditors."""
        return canonical.encode({"v": VERSION, **{n: getattr(self, n) for n in self.__slots__}})

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
