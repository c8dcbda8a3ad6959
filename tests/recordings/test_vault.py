"""Claims about the reading side of the sealed audio."""

import io
import os
import wave
from array import array
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from media import recorder
from media.appending import Appender
from media.recorder import Track
from media.seal import Sealed, SealJob
from media.sealer import Sealer
from media.units import pcm
from recordings import vault

KEY = b"k" * vault.KEY_BYTES
PCM = bytes(range(200))
NONCE = bytes.fromhex("00000003000000000000000a")
SEALED = AESGCM(KEY).encrypt(NONCE, PCM, b"c1|caller|3|10")
CHUNK = vault.Chunk(
    call="c1",
    party="caller",
    epoch=3,
    n=10,
    key_id="k",
    first_sample=0,
    samples=100,
    sha256=sha256(SEALED).hexdigest(),
    bytes=len(SEALED),
    at_us=0,
    captured_from_us=0,
    path="c1/caller-3-10.chunk",
)


def test_a_chunk_opens_as_exactly_the_piece_it_was_sealed_as() -> None:
    assert vault.open_chunk(SEALED, KEY, CHUNK) == PCM
    for other in (
        replace(CHUNK, call="c2"),
        replace(CHUNK, party="agent"),
        replace(CHUNK, epoch=4),
        replace(CHUNK, n=11),
        replace(CHUNK, rate=16_000),
        replace(CHUNK, epoch=-1),
        replace(CHUNK, n=2**64),
    ):
        with pytest.raises(vault.VaultError, match="does not open"):
            vault.open_chunk(SEALED, KEY, other)
    with pytest.raises(vault.VaultError, match="does not open"):
        vault.open_chunk(SEALED[:-1], KEY, CHUNK)


def test_the_rate_of_a_chunk_is_sealed_with_it() -> None:
    wide = AESGCM(KEY).encrypt(NONCE, PCM, b"c1|caller|3|10|16000")
    assert vault.open_chunk(wide, KEY, replace(CHUNK, rate=16_000)) == PCM
    with pytest.raises(vault.VaultError, match="does not open"):
        vault.open_chunk(wide, KEY, CHUNK)


def test_the_key_of_a_chunk_opens_that_chunk_and_with_the_key_of_its_track_only() -> None:
    own = b"o" * vault.KEY_BYTES
    box = vault.wrapped(own, KEY, bytes(12), vault.bound(CHUNK))
    chunk = replace(CHUNK, wrapped_key=box)
    ciphertext = AESGCM(own).encrypt(NONCE, PCM, vault.bound(chunk))
    assert vault.open_chunk(ciphertext, KEY, chunk) == PCM
    for key, other in (
        (own, chunk),
        (KEY, replace(chunk, wrapped_key="")),
        (KEY, replace(chunk, wrapped_key="?")),
        (KEY, replace(chunk, wrapped_key="AAAA")),
        (KEY, replace(chunk, wrapped_key=vault.wrapped(own, KEY, bytes(12), b"c1|caller|3|11"))),
    ):
        with pytest.raises(vault.VaultError, match="does not open"):
            vault.open_chunk(ciphertext, key, other)


def test_a_chunk_is_read_where_its_row_says(tmp_path: Path) -> None:
    (tmp_path / "c1").mkdir()
    (tmp_path / CHUNK.path).write_bytes(SEALED)
    segment = "0123456789abcdef-7.seg"
    (tmp_path / segment).write_bytes(b"before" + SEALED + b"after")
    assert vault.read_chunk(tmp_path, CHUNK) == SEALED
    assert vault.read_chunk(tmp_path, replace(CHUNK, path=segment, offset=6)) == SEALED
    assert vault.read_chunk(tmp_path, replace(CHUNK, path="c1/agent-3-10.chunk")) is None


@pytest.mark.parametrize(
    "changes",
    [{"path": "../evil/a-0-0.chunk"}, {"path": "c1/x/caller-3-10.chunk"}, {"path": "/etc/passwd"},
     {"path": "c1"}, {"path": ""}, {"path": "c1/caller-3-10.chunk\n"}, {"path": "c1/a-1.seg"},
     {"offset": -1}, {"bytes": -1}, {"bytes": 2**40}],
)  # fmt: skip
def test_no_row_leads_out_of_the_vault(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(vault.VaultError):
        vault.read_chunk(tmp_path, replace(CHUNK, **changes))


def test_a_link_in_the_vault_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(SEALED)
    (tmp_path / "0123456789abcdef-7.seg").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        vault.read_chunk(tmp_path, replace(CHUNK, path="0123456789abcdef-7.seg"))


def test_a_track_is_raised_to_twice_its_rate_sample_by_sample() -> None:
    low = array("h", [0, 10, -5, 32_767, 32_767, -32_768]).tobytes()
    high = array("h", vault.raised(low, 8_000, 16_000))
    assert list(high) == [0, 5, 10, 2, -5, 16_381, 32_767, 32_767, 32_767, -1, -32_768, -32_768]
    assert vault.raised(low, 8_000, 8_000) == low == vault.raised(low, 16_000, 16_000)
    assert vault.raised(b"", 8_000, 16_000) == b""
    with pytest.raises(vault.VaultError):
        vault.raised(low, 16_000, 8_000)


def test_gaps_are_silent_and_later_chunks_win() -> None:
    track = vault.timeline([(1, b"aaaa"), (4, b"bb"), (2, b"cc")], samples=6, rate=8_000)
    assert track == b"\0\0aacc\0\0bb\0\0"


@pytest.mark.parametrize(("first", "samples"), [(-1, 4), (3, 4), (0, -1), (0, 2**40)])
def test_a_track_has_the_length_it_was_given(first: int, samples: int) -> None:
    with pytest.raises(vault.VaultError):
        vault.timeline([(first, b"aaaa")], samples, 8_000)


def test_wave_files_are_read_by_others() -> None:
    left, right = b"\1\0\2\0", b"\3\0\4\0"
    both = vault.stereo(left, right)
    with wave.open(io.BytesIO(vault.wav_header(len(both), 2, 8_000) + both)) as file:
        assert file.getparams()[:4] == (2, 2, 8000, 2)
        assert file.readframes(2) == b"\1\0\3\0\2\0\4\0"
    with wave.open(io.BytesIO(vault.wav_header(len(left), 1, 16_000) + left)) as file:
        assert file.getparams()[:4] == (1, 2, 16000, 2)


def test_only_chunk_files_without_a_row_are_purged_and_no_fresh_ones(tmp_path: Path) -> None:
    names = ["c1/caller-1-0.chunk", "c1/caller-1-1.chunk", "c1/caller-1-2.chunk", "c1/notes.txt"]
    (tmp_path / "c1").mkdir()
    for at_us, name in enumerate(names):
        (tmp_path / name).write_bytes(b"")
        os.utime(tmp_path / name, ns=(0, at_us * 1_000))
    (tmp_path / "c2").symlink_to(tmp_path / "c1")
    purged = vault.purge_orphans(tmp_path, "c1", {"c1/caller-1-0.chunk"}, before_us=2)
    assert purged == ["c1/caller-1-1.chunk"]
    assert vault.old_calls(tmp_path) == ["c1"]
    assert vault.purge_orphans(tmp_path, "c2", set(), before_us=2) == []
    assert sorted(path.name for path in (tmp_path / "c1").iterdir()) == [
        "caller-1-0.chunk",
        "caller-1-2.chunk",
        "notes.txt",
    ]


@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_what_the_media_process_seals_is_opened_here(tmp_path: Path, rate: int) -> None:
    samples = np.random.default_rng(rate).integers(-9_000, 9_000, rate).astype(np.int16)
    track = Track("caller", "k")
    sealer = Sealer(Appender(tmp_path, "0123456789abcdef"))
    sealer.offer(SealJob("leg", recorder.Chunk("c1", track, 3, 10, 77, samples, rate), 5))
    sealer.start()
    with DefaultSelector() as selector:
        selector.register(sealer, EVENT_READ)
        assert selector.select(10.0)
    (sealed,) = sealer.results()
    sealer.close()
    assert isinstance(sealed, Sealed)
    chunk = replace(
        CHUNK, path=sealed.path, offset=sealed.offset, bytes=sealed.size, rate=sealed.rate
    )
    own = vault.wrapped(sealed.key, KEY, bytes(range(12)), vault.bound(chunk))
    chunk = replace(chunk, wrapped_key=own)
    ciphertext = vault.read_chunk(tmp_path, chunk)
    assert ciphertext is not None and sha256(ciphertext).hexdigest() == sealed.sha256
    assert vault.open_chunk(ciphertext, KEY, chunk) == pcm(samples)
    with pytest.raises(vault.VaultError, match="does not open"):
        vault.open_chunk(ciphertext, KEY, replace(chunk, wrapped_key=""))
