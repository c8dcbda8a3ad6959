"""A command that shows what was said leaves a trace first: who looked, at what.

The trace is an action in the log. A server that runs writes it; where none does, the command holds
the directory for a moment. A copy that nobody can write to, on an auditor's desk or in a backup,
is shown all the same, and the command says that nothing was noted: whoever has the files and the
keys can read them without us, too.
"""

import getpass
import os
import sys
from typing import Any

from parley import operating
from parley.commands.place import Place
from recordings.access import Looked
from runtime.sealed import Sealed, to_json

NOT_NOTED = "not noted in the log: {data} cannot be written"


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
    operating.perform(here, "access.note", **told)
    return True


def is_writable(here: Place) -> bool:
    return os.access(here.data, os.W_OK) and os.access(here.database, os.W_OK)
