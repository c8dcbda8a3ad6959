"""How a command has an operation performed: by the server that runs, or here, where none does."""

import asyncio
import secrets
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import apsw

from parley import control, operations
from parley.commands import No, NotLikeThis
from parley.commands.place import Place
from parley.keeper import KeeperError
from parley.keeper.directory import Directory
from parley.retaining import retention
from runtime.errors import NotNow, Refused, StoreBroken
from runtime.store import Store
from sessions.discreet import EffectFailed

WAIT_SECONDS_MAX = 15.0
"""How long a server may take to come up, or to come back after a crash."""
RETRY_SECONDS = 0.1
ANSWER_SECONDS_MAX = 30.0

MISUSES = frozenset({"bad_args", "bad_request", "too_large"})


def perform(here: Place, op: str, **args: Any) -> Any:
    """The operation's result. Raises No where the rules refuse it, NotLikeThis for misuse."""
    # Named once, so that asking again after a crash does not do it twice.
    asked = {"op": op, "request": secrets.token_hex(8), **args}
    told = _told(here, asked)
    if "ok" in told:
        return told["ok"]
    raise (NotLikeThis if told["error"] in MISUSES else No)(told["why"])


def _told(here: Place, asked: dict[str, Any]) -> dict[str, Any]:
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while True:
        try:
            return control.ask(here.data, asked, ANSWER_SECONDS_MAX)
        except PermissionError as error:
            raise NotLikeThis(
                f"{here.data} belongs to somebody else: be the user that runs the server"
            ) from error
        except TimeoutError as error:
            raise No(f"the server did not answer in {ANSWER_SECONDS_MAX:.0f} s") from error
        except (FileNotFoundError, ConnectionError):
            told = _alone(here, asked)
        if told is not None:
            return told
        if time.monotonic() > deadline:
            raise No(_why_not(here))
        time.sleep(RETRY_SECONDS)


def _why_not(here: Place) -> str:
    if not shutil.disk_usage(here.data).free:
        return f"the disk of {here.data} is full: free some space; what is stored can be read"
    return f"a server holds {here.data} and does not answer: see what it says, or stop it"


def _alone(here: Place, asked: dict[str, Any]) -> dict[str, Any] | None:
    """Do it here, holding the directory; None where a server holds it."""
    database = here.database
    try:
        directory = Directory(here.data)
    except KeeperError as error:
        if isinstance(error.__cause__, BlockingIOError):
            return None
        raise NotLikeThis(str(error)) from error
    try:
        # On a thread of its own: whoever calls a command from code may have a loop that runs.
        with ThreadPoolExecutor(max_workers=1) as alone:
            return alone.submit(lambda: asyncio.run(_perform(here, database, asked))).result()
    finally:
        directory.close()


async def _perform(here: Place, database: Path, asked: dict[str, Any]) -> dict[str, Any]:
    try:
        store = await Store.open(database, _clock, secrets.token_bytes)
    except (Refused, StoreBroken, apsw.Error) as error:
        raise No(f"{database} cannot be opened: {error}") from error
    try:
        retaining = retention(store, here.data, here.keystore(), here.recordings)
        doing = {**operations.OPERATIONS, **retaining.operations}
        told = await operations.answer(store, asked, doing)
        # What people have decided is done here as well: no server is there to do it.
        try:
            await retaining.carry_out()
        except (NotNow, EffectFailed) as later:
            print(f"parley: what was decided is left for later: {later}", file=sys.stderr)
        return told
    finally:
        await store.close()


def _clock() -> int:
    """Microseconds since 1970, UTC."""
    return time.time_ns() // 1_000
