"""What a backup holds: each file with its hash, and where the log ends."""

import json
import re
from dataclasses import asdict, dataclass
from typing import Any, cast

from recordings.vault import is_place
from runtime.kek_check import CHECK
from runtime.wrapped import is_id

FORMAT = "parley-backup/1"
NAME = "manifest.json"
DATABASE = "parley.db"
CHECKPOINT = "checkpoint.txt"
RECORDINGS = "recordings"
KEYS = "keys"
"""Wrapped, and only where they were asked for."""
MANIFEST_BYTES_MAX = 256 * 1024 * 1024
"""Room for a million files."""

_HASH = re.compile(r"[0-9a-f]{64}")
_INT_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Kept:
    """A file of the backup. `path` is below its folder, `sha256` is hex."""

    path: str
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """`at_us` is when it was taken (microseconds since 1970, UTC); `root` is hex.

    A segment of audio has holes where no row names a chunk. `missing` are the chunks that rows
    name, and that were not there as the rows say.
    """

    at_us: int
    size: int
    root: str
    files: tuple[Kept, ...]
    missing: tuple[str, ...]

    def encode(self) -> bytes:
        return (json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n").encode()


def parse(data: bytes) -> Manifest:
    """Raises ValueError for what is no manifest."""
    found = _fields(json.loads(data), {"format", "at_us", "size", "root", "files", "missing"})
    if found["format"] != FORMAT:
        raise ValueError(f"its format is not {FORMAT}")
    files = tuple(_kept(one) for one in _list(found["files"]))
    paths = [one.path for one in files]
    if len(set(paths)) != len(paths) or DATABASE not in paths:
        raise ValueError(f"each file is named once, and {DATABASE} is one of them")
    missing = tuple(str(one) for one in _list(found["missing"]))
    return Manifest(_int(found["at_us"]), _int(found["size"]), _hash(found["root"]), files, missing)


def _kept(value: Any) -> Kept:
    found = _fields(value, {"path", "sha256", "bytes"})
    path = str(found["path"])
    folder, _, name = path.partition("/")
    known = (folder == RECORDINGS and is_place(name)) or (folder == KEYS and is_key(name))
    if path not in (DATABASE, CHECKPOINT) and not known:
        raise ValueError(f"{path!r} is no file of a backup")
    return Kept(path, _hash(found["sha256"]), _int(found["bytes"]))


def is_key(name: str) -> bool:
    """Whether this names a file of a keystore that a backup may hold, and vouches for."""
    return is_id(name) or name == CHECK


def _fields(value: Any, names: set[str]) -> dict[str, Any]:
    found = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    if found.keys() != names:
        raise ValueError(f"{', '.join(sorted(names))} are due")
    return found


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("a list is due")
    return cast("list[Any]", value)


def _int(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _INT_MAX:
        raise ValueError("a number is due")
    return value


def _hash(value: Any) -> str:
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        raise ValueError("a SHA-256 in hex is due")
    return value
