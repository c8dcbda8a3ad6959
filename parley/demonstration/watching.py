"""Watching the log grow, as anybody may who can read the file."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import apsw

from parley.plain import Key
from parley.timeline import Happening, happenings
from runtime.engines import sqlite
from runtime.log import Entry

LOOK_S = 0.1


class Watch:
    """Tells each happening once, in the order of the log; `seen` answers when one came."""

    def __init__(self, database: Path, key: Key, tell: Callable[[Happening], None]) -> None:
        self._rows = sqlite.open_reader(database)
        self._key = key
        self._tell = tell
        self._seq = 0
        self._entries: list[Entry] = []
        self._grew = asyncio.Event()

    async def run(self) -> None:
        """Look, for ever."""
        try:
            while True:
                self._look()
                await asyncio.sleep(LOOK_S)
        finally:
            self._rows.close()

    async def seen(self, reducer: str, after: int = 0) -> Entry:
        """The first entry of this reducer with a seq above `after`, once it is there."""
        while True:
            for entry in self._entries:
                if entry.seq > after and entry.reducer == reducer:
                    return entry
            self._grew.clear()
            await self._grew.wait()

    def _look(self) -> None:
        for entry in _after(self._rows, self._seq):
            self._seq = entry.seq
            self._entries.append(entry)
            for happening in happenings(entry, self._key):
                self._tell(happening)
            self._grew.set()


def _after(rows: apsw.Connection, seq: int) -> list[Entry]:
    found = rows.execute("SELECT entry FROM log WHERE seq > ? ORDER BY seq", (seq,))
    return [Entry.decode(entry) for (entry,) in found]
