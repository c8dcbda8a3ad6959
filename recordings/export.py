"""Write an evidence pack to disk: the whole folder, or nothing."""

import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from recordings import evidence, readable, vault, verify
from recordings.evidence import Pack
from recordings.pack import open_keys
from recordings.vault import Chunk

VERIFY_MJS = Path(open_keys.__file__).with_name("verify.mjs")

_SHA256 = re.compile("[0-9a-f]{64}")


class ExportError(Exception):
    """The pack cannot be written there."""


def write(pack: Pack, directory: Path, recordings: Path, key: Ed25519PrivateKey) -> list[str]:
    """Write the pack as `directory`, signed with the log key, audio read below `recordings`.

    Returns the names of chunks whose key is at hand but which are missing or would not open. The
    pack is written all the same, and the verifier will name them too.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ExportError(f"{directory} exists and is not an empty folder")
    directory.parent.mkdir(parents=True, exist_ok=True)
    # Made with mode 700, which the pack keeps: it holds keys.
    unfinished = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    try:
        unreadable = _fill(_Folder(unfinished), pack, recordings, key)
        os.rename(unfinished, directory)
    except BaseException:
        shutil.rmtree(unfinished)
        raise
    return unreadable


class _Folder:
    """Files written, and what the manifests will say of them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.sizes: dict[str, int] = {}
        self.digests: dict[str, str] = {}

    def put(self, name: str, *parts: bytes | bytearray) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        digest = sha256()
        with open(path, "xb", opener=_private) as file:
            for part in parts:
                file.write(part)
                digest.update(part)
        self.sizes[name] = sum(len(part) for part in parts)
        self.digests[name] = digest.hexdigest()

    def manifest(self, below: str = "") -> bytes:
        """Of the files whose name begins like this; of those beside data/ without a name."""
        return evidence.manifest(
            {
                name: digest
                for name, digest in self.digests.items()
                if name.startswith("data/") == bool(below)
            }
        )


def _private(path: str, flags: int) -> int:
    """It may hold keys."""
    return os.open(path, flags, 0o600)


def _fill(folder: _Folder, pack: Pack, recordings: Path, key: Ed25519PrivateKey) -> list[str]:
    unreadable = _put_audio(folder, pack, recordings)
    for name, content in evidence.documents(pack).items():
        folder.put(name, content)
    info = evidence.bag_info(pack, dict(folder.sizes))
    folder.put(evidence.MANIFEST, folder.manifest("data/"))
    folder.put("bagit.txt", evidence.BAGIT)
    folder.put("bag-info.txt", info)
    folder.put("README.txt", readable.README.encode())
    for beside in (Path(verify.__file__), VERIFY_MJS, Path(open_keys.__file__)):
        folder.put(beside.name, beside.read_bytes())
    tags = folder.manifest()
    folder.put(evidence.TAG_MANIFEST, tags)
    folder.put(evidence.SIGNATURE, evidence.sign(tags, key))
    return unreadable


def _put_audio(folder: _Folder, pack: Pack, recordings: Path) -> list[str]:
    rate = vault.track_rate(pack.chunks)
    samples = vault.track_samples(pack.chunks, rate)
    tracks = {party: vault.timeline([], samples, rate) for party in vault.PARTIES}
    unreadable: list[str] = []
    for chunk in sorted(pack.chunks, key=lambda chunk: (chunk.epoch, chunk.n)):
        ciphertext = vault.read_chunk(recordings, chunk)
        if ciphertext is not None:
            _put_chunk(folder, chunk, ciphertext)
        if chunk.key_id in pack.keys and not _place(chunk, ciphertext, pack.keys, tracks, rate):
            unreadable.append(chunk.name)
    if evidence.is_clear(pack):
        both = vault.stereo(*(tracks[party] for party in vault.PARTIES))
        folder.put("data/call.wav", vault.wav_header(len(both), 2, rate), both)
    return unreadable


def _put_chunk(folder: _Folder, chunk: Chunk, ciphertext: bytes) -> None:
    """Under the hash the log gives, also when the bytes are no longer those: that is evidence."""
    if not _SHA256.fullmatch(chunk.sha256):
        raise ExportError(f"chunk {chunk.name} has no SHA-256 in its row")
    name = f"data/audio/{chunk.sha256}"
    if name not in folder.digests:
        folder.put(name, ciphertext)


def _place(
    chunk: Chunk,
    ciphertext: bytes | None,
    keys: Mapping[str, bytes],
    tracks: Mapping[str, bytearray],
    rate: int,
) -> bool:
    """Put the chunk on its track. False when it would not open: its place stays silent."""
    if ciphertext is None or chunk.party not in tracks:
        return False
    try:
        pcm = vault.open_chunk(ciphertext, keys[chunk.key_id], chunk)
        first_sample = chunk.first_sample * (rate // chunk.rate)
        vault.place(tracks[chunk.party], first_sample, vault.raised(pcm, chunk.rate, rate))
    except vault.VaultError:
        return False
    return True
