"""The sealed audio: vault, evidence, verification."""

from recordings.evidence import Pack, PackError
from recordings.export import ExportError, write
from recordings.vault import Chunk, VaultError, open_chunk

__all__ = [
    "Chunk",
    "ExportError",
    "Pack",
    "PackError",
    "VaultError",
    "open_chunk",
    "write",
]
