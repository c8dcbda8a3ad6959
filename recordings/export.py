"""Write an evidence pack to disk: the whole folder, or nothing."""

import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from recordings import evidence, vault, verify
from recordings.evidence import FileDigest, Pack
from recordings.vault import Chunk

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
    """Files written, and what the manifest will say of them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.digests: dict[str, FileDigest] = {}

    def put(self, name: str, *parts: bytes | bytearray) -> None:
        path = self.root / name
        path.parent.mkdir(exist_ok=True)
        digest = sha256()
        with path.open("xb") as file:
            for part in parts:
                file.write(part)
                digest.update(part)
        size = sum(len(part) for part in parts)
        self.digests[name] = FileDigest(size, digest.hexdigest())


def _fill(folder: _Folder, pack: Pack, recordings: Path, key: Ed25519PrivateKey) -> list[str]:
    unreadable = _put_audio(folder, pack, recordings)
    for name, content in evidence.documents(pack, unreadable).items():
        folder.put(name, content)
    folder.put("verify.py", Path(verify.__file__).read_bytes())
    manifest = evidence.manifest(pack, folder.digests)
    folder.put(evidence.MANIFEST, manifest)
    folder.put(evidence.MANIFEST_SIGNATURE, evidence.sign_manifest(manifest, key))
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
    for party, track in tracks.items():
        folder.put(f"audio/{party}.wav", vault.wav_header(len(track), 1, rate), track)
    both = vault.stereo(*(tracks[party] for party in vault.PARTIES))
    folder.put("audio/stereo.wav", vault.wav_header(len(both), 2, rate), both)
    return unreadable


def _put_chunk(folder: _Folder, chunk: Chunk, ciphertext: bytes) -> None:
    """Under the hash the log gives, also when the bytes are no longer those: that is evidence."""
    if not _SHA256.fullmatch(chunk.sha256):
        raise ExportError(f"chunk {chunk.name} has no SHA-256 in its row")
    name = f"chunks/{chunk.sha256}"
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
