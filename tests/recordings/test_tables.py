"""A store of before there were segments, opened by code that knows them."""

import apsw

from recordings.tables import Chunk
from runtime.migration import migrate
from runtime.tables import schema_of, select

BEFORE = (
    "CREATE TABLE chunk (id TEXT NOT NULL, call TEXT NOT NULL, party TEXT NOT NULL,"
    " epoch INTEGER NOT NULL, n INTEGER NOT NULL, key_id TEXT NOT NULL,"
    " first_sample INTEGER NOT NULL, samples INTEGER NOT NULL, sha256 TEXT NOT NULL,"
    " bytes INTEGER NOT NULL, path TEXT NOT NULL, captured_from_us INTEGER NOT NULL,"
    " at_us INTEGER NOT NULL, PRIMARY KEY (id)) STRICT"
)
ROW = ("k", "c1", "caller", 1, 0, "key", 0, 8_000, "00", 16_016, "c1/caller-1-0.chunk", 5, 6)


def test_a_chunk_of_before_is_a_whole_file_at_8_khz() -> None:
    connection = apsw.Connection(":memory:")
    connection.execute(BEFORE)
    connection.execute(f"INSERT INTO chunk VALUES ({', '.join('?' * len(ROW))})", ROW)
    migrate(connection, [schema_of(Chunk)])
    assert select(connection, Chunk, (), ()) == [Chunk(*ROW, offset=0, rate=8_000)]
    assert migrate(connection, [schema_of(Chunk)]) == []
