"""What goes wrong with keys, and which of it is the end of this process."""

import errno
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from runtime.errors import StoreBroken

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class KeyDestroyed(KeyError):
    """There is no such key (any more): what it sealed can not be read."""


class KeystoreError(OSError):
    """There is no room for a key, or no KEK; nothing was half done. The message says what to do."""


class KekError(KeystoreError):
    """The KEK is not to be had, or it is another. No new one is made beside what it wrapped."""


@contextmanager
def failures(directory: Path) -> Generator[None]:
    """Of a disk, while keys are written: KeystoreError where it is full, else StoreBroken.

    Nobody knows then which keys are on it, and a flush that failed is never tried again.
    """
    try:
        yield
    except KeystoreError:
        raise
    except OSError as error:
        why = f"the keys in {directory} cannot be written: {error.strerror}"
        if error.errno in NO_ROOM:
            raise KeystoreError(error.errno, f"{why}; make room there") from error
        raise StoreBroken(f"the disk failed, restart to recover: {why}") from error
