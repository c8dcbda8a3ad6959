"""A file that is there whole, or not at all; and never in the place of another."""

import errno
import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

WITHOUT_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS)


@contextmanager
def made(path: Path) -> Generator[BinaryIO]:
    """Write it, readable by its owner only: what is exported is confidential.

    FileExistsError where something is there already; whatever fails leaves nothing.
    """
    if os.path.lexists(path):
        raise FileExistsError(f"{path} exists")
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    unfinished = Path(name)
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _put(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def _put(unfinished: Path, path: Path) -> None:
    try:
        # A link fails where a rename would replace what came meanwhile.
        os.link(unfinished, path)
    except OSError as error:
        # File systems of sticks and cameras have no links.
        if error.errno not in WITHOUT_LINKS:
            raise
        os.rename(unfinished, path)
