"""Whoever is connected under a login is told at once when it ends."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

from runtime.store import Store
from runtime.writer import Committed


class Endings:
    """Listens to the store; a suspension and a revocation end the logins in their commit."""

    def __init__(self, store: Store) -> None:
        self._waiting: dict[str, list[asyncio.Future[str]]] = {}
        store.listen(self._committed)

    @contextmanager
    def of(self, login: str) -> Generator["asyncio.Future[str]"]:
        """Answered, with the reason, when the login ends. Ask for it before you check the login:
        an end in between is not missed then."""
        end: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(login, [])
        waiting.append(end)
        try:
            yield end
        finally:
            waiting.remove(end)
            if not waiting:
                self._waiting.pop(login, None)

    def _committed(self, batch: list[Committed]) -> None:
        for committed in batch:
            for table, _, new in committed.entry.deltas:
                if table == "login" and new is not None and new["ended"] is not None:
                    for end in self._waiting.get(new["id"], []):
                        finish(end, f"the login has ended: {new['ended']}")


def finish(end: "asyncio.Future[str]", why: str) -> None:
    """The first reason counts."""
    if not end.done():
        end.set_result(why)
