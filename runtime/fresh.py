"""A replay in a fresh process, where all that must not matter is otherwise.

Another hash seed, time zone and locale, other addresses, no imports but those that declare, and
the shortest limit on the digits of a number. What a reducer does there and did not do here, it
does by accident. `python -P -m runtime.fresh` is that process; it is told on its stdin, and
answers in lines of JSON.
"""

import importlib
import json
import locale
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import apsw

from runtime import reducers
from runtime.replay import Audit, Difference, replay
from runtime.state import Damage

INTERRUPTED = 130

_OTHERWISE = {
    "PYTHONHASHSEED": ("1", "2"),
    "TZ": ("Pacific/Chatham", "America/St_Johns"),
    "LC_ALL": ("tr_TR.UTF-8", "C"),
    "PYTHONINTMAXSTRDIGITS": ("640", "641"),
}
"""The first of each which is not the case here."""

Tell = Callable[[int, int], object]


class ReplayFailed(Exception):
    """The process ended without an answer; what Python said about it went to stderr."""


def surroundings(here: Mapping[str, str]) -> dict[str, str]:
    """The environment of the fresh process, given that of this one."""
    other = {
        name: next(value for value in values if here.get(name) != value)
        for name, values in _OTHERWISE.items()
    }
    # The same code must be found there, and no file name may depend on the locale.
    return {**here, **other, "PYTHONUTF8": "1", "PYTHONPATH": os.pathsep.join(_found_in())}


def _found_in() -> list[str]:
    return [str(Path(place).absolute()) for place in sys.path]


def replay_elsewhere(
    database: Path,
    declaring: str,
    scope: str | None = None,
    *,
    tell: Tell | None = None,
    environment: Mapping[str, str] | None = None,
) -> Audit:
    """`replay` in a process of its own. `declaring` is the module whose import declares all
    tables and reducers. Raises ReplayFailed.
    """
    asked = {
        "database": str(database.absolute()),
        "declaring": declaring,
        "scope": scope,
        "modules": reducers.settle(),
    }
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "runtime.fresh"],
        env=surroundings(os.environ) if environment is None else environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps(asked))
            process.stdin.close()
        answer: Any = None
        for line in process.stdout:
            answer = json.loads(line)
            if tell is not None and "done" in answer:
                tell(answer["done"], answer["size"])
    if process.returncode != 0 or answer is None or "failed" in answer:
        why = answer.get("failed") if answer else f"it ended with code {process.returncode}"
        raise ReplayFailed(f"{database} could not be replayed: {why}")
    return _audit(answer)


def _audit(answer: dict[str, Any]) -> Audit:
    answer["differences"] = tuple(Difference(**one) for one in answer["differences"])
    answer["damaged"] = tuple(Damage(**one) for one in answer["damaged"])
    answer["changed"] = tuple(answer["changed"])
    return Audit(**answer)


def main() -> int:
    """In the fresh process: replay, and answer."""
    asked = json.load(sys.stdin)
    with suppress(locale.Error):  # A machine without that locale has one difference less.
        locale.setlocale(locale.LC_ALL, "")
    importlib.import_module(asked["declaring"])
    unstable = _unstable(asked["modules"])
    try:
        audit = replay(Path(asked["database"]), asked["scope"], _told)
    except apsw.Error as error:
        print(json.dumps({"failed": str(error)}), flush=True)
        return 1
    answer = replace(
        audit,
        differed=audit.differed + len(unstable),
        differences=(*unstable, *audit.differences),
    )
    print(json.dumps(asdict(answer)), flush=True)
    return 0


def _unstable(modules: dict[str, str]) -> list[Difference]:
    """Reducers that are made of something else here: a value computed at the start, say."""
    why = "holds a value computed when its module was imported, which differs between processes"
    here = reducers.settle()
    return [
        Difference(None, name, why)
        for name, digest in modules.items()
        if here.get(name, digest) != digest
    ]


def _told(done: int, size: int) -> None:
    print(json.dumps({"done": done, "size": size}), flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
