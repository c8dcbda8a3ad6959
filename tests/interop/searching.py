"""Every byte of every file below a folder, searched for what must not be there."""

import base64
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be")


def forms(secret: bytes) -> Iterator[bytes]:
    """The bytes as they are, and in base64 wherever in a group of three they begin."""
    yield secret
    for lead in range(3):
        text = base64.b64encode(bytes(lead) + secret)
        # The characters at both ends also depend on their neighbours: six bits each.
        yield text[-(-lead * 8 // 6) : (lead + len(secret)) * 8 // 6]


def forms_of_text(text: str) -> Iterator[bytes]:
    """A text in each encoding, each in each of its forms."""
    for encoding in ENCODINGS:
        yield from forms(text.encode(encoding))


def found_in(folder: Path, wanted: Iterable[bytes]) -> list[str]:
    """The files in which any of it is."""
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    secrets = list(wanted)
    return [str(path) for path, held in files.items() if any(each in held for each in secrets)]


@contextmanager
def planted(path: Path, data: bytes) -> Iterator[None]:
    """For a moment, bytes at the end of a file: a search that does not find them proves nothing."""
    before = path.read_bytes() if path.exists() else None
    path.write_bytes((before or b"") + data)
    try:
        yield
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_bytes(before)
