"""Is the log on disk the log that was written? The entries' own hashes say so.

Damage is never guessed around: StoreDamaged names the first entry that nothing vouches for. No
entry is decoded here, so a cold start can afford to read all of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import apsw

from runtime import checkpoint
from runtime.checkpoint import Checkpoint
from runtime.errors import StoreDamaged
from runtime.log import GENESIS, leaf_of
from runtime.merkle import Frontier, root

TAIL = 10_000
"""How many entries a node reads that takes over while callers wait: tens of milliseconds."""

UNREADABLE = (apsw.CorruptError, apsw.NotADBError, apsw.IOError, UnicodeDecodeError)
"""What SQLite, or its adapter, raises for pages that are not what it wrote."""

_BLOCK = 1_024
_TABLES = "SELECT name FROM sqlite_schema"
_COLUMNS = "SELECT name || type FROM pragma_table_info(?)"
_NOTHING = bytes.fromhex(GENESIS)


@dataclass(frozen=True, slots=True)
class Sound:
    """A log that was read to its end: its frontier, and its last leaf."""

    frontier: Frontier
    last: bytes


EMPTY = Sound(Frontier(), _NOTHING)


class Growing:
    """The frontier of a tree whose leaves come by, folded by blocks: cheap, and of any length."""

    def __init__(self) -> None:
        self._blocks = Frontier()
        self._rest: list[bytes] = []

    @property
    def size(self) -> int:
        return self._blocks.size * _BLOCK + len(self._rest)

    def add(self, leaf: bytes) -> None:
        self._rest.append(leaf)
        if len(self._rest) == _BLOCK:
            self._blocks = self._blocks.with_leaf(root(self._rest))
            self._rest = []

    def frontier(self) -> Frontier:
        """The root of a block is a node of the whole tree, since a block is a power of two."""
        rest = Frontier()
        for leaf in self._rest:
            rest = rest.with_leaf(leaf)
        return Frontier(self.size, self._blocks.peaks + rest.peaks)


class Reading:
    """The whole log, read from its beginning in steps; `found` is what was read so far."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._growing = Growing()
        self._last = _NOTHING
        self.signed = _newest_checkpoint(connection)

    @property
    def found(self) -> Sound:
        return Sound(self._growing.frontier(), self._last)

    @property
    def size(self) -> int:
        return self._growing.size

    def step(self, count: int) -> bool:
        """Read up to `count` more entries; False where there are none. Raises StoreDamaged."""
        before = self.size
        for _, leaf in walk(self._connection, before + 1, count):
            self._last = leaf
            self._growing.add(leaf)
            if self.signed is not None and self.signed.size == self.size:
                _check_signed(self._connection, self.signed, self.found.frontier.root)
        return self.size > before

    def check_end(self, head: Sound) -> None:
        """What was read is what the head row said when reading began. Raises StoreDamaged."""
        if self.found != head:
            # The tree says that something is wrong, the chain says from where on.
            for _ in chained(self._connection, 1, _NOTHING, self.size):
                continue
            _check_head(head, self.found)


def walk(connection: apsw.Connection, first: int, count: int = -1) -> Iterator[tuple[bytes, bytes]]:
    """Entry and leaf from entry `first` on, each leaf the hash of its entry. A negative `count`
    is all. Raises StoreDamaged."""
    expected = first
    statement = "SELECT seq, entry, leaf FROM log WHERE seq >= ? ORDER BY seq LIMIT ?"
    try:
        for seq, entry, leaf in connection.execute(statement, (first, count)):
            if seq != expected:
                raise StoreDamaged(expected, f"it is missing, the next one is {seq}")
            if not isinstance(entry, bytes) or leaf_of(entry) != leaf:
                raise StoreDamaged(expected, "its bytes do not have the hash kept beside them")
            yield entry, leaf
            expected += 1
    except UNREADABLE as error:
        raise StoreDamaged(expected, f"it cannot be read: {error}") from error


def chained(
    connection: apsw.Connection, first: int, prev: bytes, count: int = -1
) -> Iterator[bytes]:
    """The leaves from entry `first` on, each entry naming the leaf before it; `prev` is the
    leaf before the first. Raises StoreDamaged."""
    for seq, (entry, leaf) in enumerate(walk(connection, first, count), first):
        # As RFC 8785 writes it. Inside a string its quotes would be escaped.
        if b'"prev":"%b"' % prev.hex().encode() not in entry:
            raise StoreDamaged(max(1, seq - 1), "the next entry was written after another")
        yield leaf
        prev = leaf


def check(connection: apsw.Connection) -> Sound:
    """Read the whole log; in a transaction, where others write. Raises StoreDamaged."""
    reading = Reading(connection)
    while reading.step(_BLOCK):
        continue
    found, signed = reading.found, reading.signed
    reading.check_end(_head(connection, reading.size))
    if signed is not None and signed.size > reading.size:
        raise StoreDamaged(reading.size + 1, f"{signed.size} entries were signed for")
    return found


def check_tail(connection: apsw.Connection, count: int = TAIL) -> Sound:
    """Read the last `count` entries: their bytes, their chain, their part of the tree."""
    head = _head(connection, 0)
    before = max(0, head.frontier.size - count)
    leaves = list(chained(connection, before + 1, _leaf_at(connection, before)))
    size = before + len(leaves)
    last = leaves[-1] if leaves else _leaf_at(connection, before)
    peaks = tuple(
        root(leaves[start - before : end - before]) if start >= before else peak
        for (start, end), peak in zip(_spans(size), head.frontier.peaks, strict=False)
    )
    _check_head(head, Sound(Frontier(size, peaks), last))
    return Sound(head.frontier, last)


def check_acknowledged(connection: apsw.Connection, size: int, leaf: bytes, end: int) -> None:
    """What was acknowledged is in the log that ends at `end`. Raises StoreDamaged."""
    if size > end:
        raise StoreDamaged(end + 1, f"the log ends at {end}, but {size} were acknowledged")
    if size and _leaf_at(connection, size) != leaf:
        raise StoreDamaged(size, "it is not the one that was acknowledged")


def has_log(connection: apsw.Connection) -> bool:
    """False for a file in which nothing was ever stored."""
    try:
        rows = cast("list[tuple[str]]", connection.execute(_TABLES).fetchall())
        names = [name for (name,) in rows]
        for name in names:  # Also the columns: a bit of the schema may have been flipped.
            connection.execute(_COLUMNS, (name,)).fetchall()
    except (*UNREADABLE, apsw.SQLError) as error:
        raise StoreDamaged(1, f"the tables cannot be read: {error}") from error
    return "log" in names


def _head(connection: apsw.Connection, size: int) -> Sound:
    """What the head row says. Where it cannot be read, the `size` entries are all there is."""
    try:
        row = connection.execute("SELECT frontier, last FROM head").fetchone()
        if row is None:
            return EMPTY
        return Sound(Frontier.from_bytes(row[0]), bytes.fromhex(row[1]))
    except (*UNREADABLE, TypeError, ValueError) as error:
        raise StoreDamaged(size + 1, f"the row of the log's end cannot be read: {error}") from error


def _check_head(head: Sound, found: Sound) -> None:
    size, due = found.frontier.size, head.frontier.size
    if size != due:
        raise StoreDamaged(min(size, due) + 1, f"the log ends at {size}, it should at {due}")
    unlike = [
        start + 1
        for (start, _), ours, theirs in zip(
            _spans(size), found.frontier.peaks, head.frontier.peaks, strict=False
        )
        if ours != theirs
    ]
    if found.last != head.last:
        # The chain holds, but it is another one: what the tree can not confirm is not known.
        raise StoreDamaged(unlike[0] if unlike else max(1, size), "the log ends in another entry")
    if unlike:
        raise StoreDamaged(size + 1, "the row of the log's end does not fit the entries")


def _spans(size: int) -> Sequence[tuple[int, int]]:
    """The leaves [start, end) below each peak of a frontier."""
    powers = [1 << bit for bit in reversed(range(size.bit_length())) if size >> bit & 1]
    return list(pairwise([sum(powers[:n]) for n in range(len(powers) + 1)]))


def _leaf_at(connection: apsw.Connection, seq: int) -> bytes:
    if seq == 0:
        return _NOTHING
    try:
        row = connection.execute("SELECT leaf FROM log WHERE seq = ?", (seq,)).fetchone()
    except UNREADABLE as error:
        raise StoreDamaged(seq, f"it cannot be read: {error}") from error
    if row is None or not isinstance(row[0], bytes):
        raise StoreDamaged(seq, "it is missing")
    return row[0]


def _newest_checkpoint(connection: apsw.Connection) -> Checkpoint | None:
    statement = "SELECT size, note FROM checkpoint ORDER BY size DESC LIMIT 1"
    try:
        row = connection.execute(statement).fetchone()
        return None if row is None else _noted(*row)
    except (*UNREADABLE, ValueError) as error:
        raise StoreDamaged(1, f"the newest signed checkpoint cannot be read: {error}") from error


def _noted(size: int, note: str) -> Checkpoint:
    claimed = checkpoint.parse(note)
    if claimed.size != size:
        raise ValueError(f"it is kept as of {size} entries, and says {claimed.size}")
    return claimed


def _check_signed(connection: apsw.Connection, signed: Checkpoint, found: bytes) -> None:
    """The tree at the size of a checkpoint has the root that was signed."""
    if found == signed.root:
        return
    roots = {
        size: _noted(size, note).root
        for size, note in connection.execute("SELECT size, note FROM checkpoint")
    }
    growing, kept = Growing(), 0
    for leaf in chained(connection, 1, _NOTHING):
        growing.add(leaf)
        if roots.get(growing.size) == growing.frontier().root:
            kept = growing.size
    raise StoreDamaged(kept + 1, f"it is not what was signed at {signed.size} entries")
