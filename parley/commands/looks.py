"""A command that shows what was said leaves a trace first: who looked, at what.

The trace is an action in the log. A server that runs writes it; where none does, the command holds
the directory for a moment. A copy that nobody can write to, on an auditor's desk or in a backup,
is shown all the same, and so is what lies on a full disk; the command says that nothing was noted:
whoever has the files and the keys can read them without us, too.
"""

import getpass
import os
import shutil
import sys
from typing import Any

from parley import operating
from parley.commands import No
from parley.commands.place import Place
from recordings.access import Looked
from runtime.sealed import Sealed, to_json

NOT_NOTED = "not noted in the log: {data} cannot be written"
FULL = "not noted in the log: the disk of {data} is full"
ROOM_BYTES = 1024 * 1024
"""With less, a store may not even be opened to be written to."""


def operator() -> str:
    """The name of who runs this command, as the system has it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


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
