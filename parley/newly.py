"""A file that is there whole, or not at all; and never in the place of another."""

import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


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
        # A link fails where a rename would replace what came meanwhile.
        os.link(unfinished, path)
    finally:
        unfinished.unlink()
