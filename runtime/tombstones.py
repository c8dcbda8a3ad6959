"""The ids of keys that were destroyed: what comes back from a copy is not read."""

from collections.abc import Iterable
from pathlib import Path

from runtime import key_files
from runtime.key_errors import failures
from runtime.wrapped import is_id, parent_of

TOMBSTONES = "destroyed"
"""The file that lists them: ids, one to a line, only ever added to."""


class Tombstones:
    """Of one keystore. One for the key of a call stands for all keys under it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._ids = read_tombstones(directory)

    def __contains__(self, key_id: str) -> bool:
        return key_id in self._ids or parent_of(key_id) in self._ids

    def add(self, key_ids: Iterable[str]) -> None:
        """On disk before this returns. Raises KeystoreError, StoreBroken."""
        new = sorted(set(key_ids) - self._ids)
        if not new:
            return
        # A line that a crash cut short must not swallow the next: each begins with a line feed.
        lines = "".join(f"\n{key_id}\n" for key_id in new).encode()
        with failures(self._directory):
            key_files.append(self._directory / TOMBSTONES, lines)
        self._ids.update(new)


def read_tombstones(directory: Path) -> set[str]:
    """The ids that a keystore, or a copy of one, says were destroyed."""
    try:
        text = (directory / TOMBSTONES).read_text("ascii", "replace")
    except FileNotFoundError:
        return set()
    # A crash may have cut the last line short: its key was not touched yet.
    return {line for line in text.split("\n") if is_id(line)}
