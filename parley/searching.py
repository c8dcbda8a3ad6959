"""Where something was said: the index brought up to the rows, and asked.

What is found is opened and compared again, so that the index is believed in nothing: a hit is
words that stand there, and that its reader may see.
"""

from collections.abc import Iterator
from pathlib import Path

import apsw

from parley import transcript
from parley.plain import Key, Plain
from runtime.engines import sqlite
from runtime.keystore import KeyDestroyed
from runtime.tables import select
from sessions.tables import Call
from transcripts import terms
from transcripts.index import Document, Index

NAME = "index.db"

# Rows are only ever added: their number tells whether there are new ones.
_COUNTS = (
    "SELECT call, sum(kept), sum(changed) FROM"
    " (SELECT call, 1 AS kept, 0 AS changed FROM segment"
    "  UNION ALL SELECT call, 0, 1 FROM transcript_revision) GROUP BY call"
)


def refresh(index: Index, rows: apsw.Connection, key: Key) -> int:
    """Bring the index up to the rows; whose key is gone goes. Answers how many calls changed."""
    there = index.states()
    now = {call: f"{kept}/{changed}" for call, kept, changed in rows.execute(_COUNTS)}
    known = {row.id: row for row in select(rows, Call, (), ())}
    changed = 0
    for call in sorted(there.keys() | now.keys()):
        row = known.get(call)
        secret = None if row is None or call not in now else _secret(row, key)
        if secret is None:
            changed += call in there
            index.forget(call)
        elif there.get(call) != now[call]:
            changed += 1
            index.put(call, now[call], _documents(rows, key, call, secret))
    return changed


def sweep(data: Path, database: Path, key: Key) -> int:
    """The same where there is an index, so that what was erased goes though nobody searches."""
    if not (data / NAME).exists():
        return 0
    rows, index = sqlite.open_reader(database), Index(data / NAME)
    try:
        rows.execute("BEGIN")
        return refresh(index, rows, key)
    finally:
        index.close()
        rows.close()


def find(
    index: Index,
    rows: apsw.Connection,
    key: Key,
    query: str,
    *,
    since_us: int | None = None,
    until_us: int | None = None,
) -> list[Plain]:
    """The segments that have all of it, the newest call first. `query`: see `terms.phrases`."""
    wanted = terms.phrases(query)
    found: list[Plain] = []
    calls = sorted(select(rows, Call, (), ()), key=lambda row: (row.offered_us, row.id))[::-1]
    in_index = index.states()
    for call in calls if wanted else ():
        secret = _secret(call, key) if call.id in in_index else None
        if secret is None or not _is_within(call.offered_us, since_us, until_us):
            continue
        hits = set(index.find(call.id, [terms.terms(phrase, secret) for phrase in wanted]))
        if not hits:
            continue
        found += [
            {"call": call.id, "offered_us": call.offered_us, **one}
            for one in transcript.segments(rows, key, call.id)
            if one["id"] in hits and terms.has(one["text"] or "", wanted)
        ]
    return found


def _documents(rows: apsw.Connection, key: Key, call: str, secret: bytes) -> Iterator[Document]:
    for one in transcript.segments(rows, key, call):
        if one["text"] is not None:
            yield Document(one["id"], terms.terms(terms.compared(one["text"]), secret))


def _secret(call: Call, key: Key) -> bytes | None:
    try:
        return terms.index_key(key(call.words_key))
    except KeyDestroyed:
        return None


def _is_within(at_us: int, since_us: int | None, until_us: int | None) -> bool:
    return (since_us is None or at_us >= since_us) and (until_us is None or at_us < until_us)
