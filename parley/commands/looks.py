"""A command that shows what was said leaves a trace first: who looked, at what.

The trace is an action in the log. A server that runs writes it; where none does, the command holds
the directory for a moment. A copy that nobody can write to, on an auditor's desk or in a backup,
is shown all the same, and so is what lies on a full disk; the command says that nothing was noted:
whoever has the files and the keys can read them without us, too.
"""

import argparse
import getpass
import os
import secrets
import shutil
import sys
import time
from typing import Any

import apsw

from parley import keeping, operating
from parley.commands import No
from parley.commands.place import Place
from recordings.access import Access, Looked
from runtime.keystore import KeyDestroyed
from runtime.sealed import Sealed, seal, to_json
from runtime.tables import schema_of, select

NOT_NOTED = "not noted in the log: {data} cannot be written"
FULL = "not noted in the log: the disk of {data} is full"
RESTRICTED = "restricted"
"""Among what was seen: the call was restricted, and `query` says why it was looked at."""
DAY_US = 86_400_000_000
ROOM_BYTES = 1024 * 1024
"""With less, a store may not even be opened to be written to."""


def operator() -> str:
    """The name of who runs this command, as the system has it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def add_officer(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--as-officer",
        metavar="REASON",
        help="also a restricted call (GDPR Art 18), for a legal claim or a lock; kept in the log",
    )


def enter(
    here: Place,
    rows: apsw.Connection,
    looked: Looked,
    call: str,
    *what: str,
    officer: str | None,
) -> None:
    """The one door to what a call holds: whoever goes through is noted first.

    Raises No for a restricted call, unless an officer says why.
    """
    restricted = keeping.restrictions(rows).get(call)
    if restricted is None:
        note(here, looked, call, *what)
        return
    if officer is None:
        raise No(why_restricted(call, restricted))
    as_officer(here, rows, looked, call, *what, reason=officer)


def as_officer(
    here: Place, rows: apsw.Connection, looked: Looked, call: str, *what: str, reason: str
) -> None:
    """An officer looks at what is restricted. Raises No where that cannot be noted."""
    if not reason.strip():
        raise No("--as-officer REASON: say why a restricted call is looked at")
    sealed = sealed_of_day(here, rows, reason) if is_writable(here) else None
    if not note(here, looked, call, *what, RESTRICTED, query=sealed):
        raise No(f"{call} is restricted, and nobody looks at it unless that is noted")


def why_restricted(call: str, until_us: int) -> str:
    return (
        f"{call} is restricted until {keeping.day(until_us)} (GDPR Art 18): its erasure was asked"
        " for, and it is kept only because the law asks; then it is destroyed. For a legal claim"
        " or that law, a privacy officer may look: --as-officer REASON, which the log keeps"
    )


def sealed_of_day(here: Place, rows: apsw.Connection, text: str) -> Sealed[str]:
    """What was looked for, or why, under the day's key: it names people, too."""
    # A store that no server of this release has opened yet knows of no searches.
    known = rows.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (schema_of(Access).name,))
    keystore, today = here.keystore(), time.time_ns() // 1_000 // DAY_US
    found = [
        row.query.key_id
        for row in (select(rows, Access, ("looked",), (Looked.SEARCHED,)) if known.get else ())
        if row.query is not None and row.at_us // DAY_US == today
    ]
    for key_id in found[:1]:
        try:
            return seal(text, key_id, keystore.key(key_id), secrets.token_bytes)
        except KeyDestroyed:
            continue
    key_id = keystore.prepare()
    return seal(text, key_id, keystore.key(key_id), secrets.token_bytes)


def note(
    here: Place,
    looked: Looked,
    call: str,
    *what: str,
    query: Sealed[str] | None = None,
    hits: int = 0,
    from_us: int | None = None,
    until_us: int | None = None,
) -> bool:
    """Note it, before it is shown. False where that cannot be. Raises No as `perform` does."""
    if not is_writable(here):
        print(f"parley: {NOT_NOTED.format(data=here.data)}", file=sys.stderr)
        return False
    told: dict[str, Any] = {"who": operator(), "looked": str(looked), "call": call}
    told |= {"what": list(what), "hits": hits, "from_us": from_us, "until_us": until_us}
    told["query"] = None if query is None else to_json(query)
    try:
        operating.perform(here, "access.note", **told)
    except No:
        if shutil.disk_usage(here.data).free >= ROOM_BYTES:
            raise
        print(f"parley: {FULL.format(data=here.data)}", file=sys.stderr)
        return False
    return True


def is_writable(here: Place) -> bool:
    return os.access(here.data, os.W_OK) and os.access(here.database, os.W_OK)
