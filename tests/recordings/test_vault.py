"""Claims about the reading side of the sealed audio."""

import io
import os
import wave
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from recordings import vault

KEY = b"k" * vault.KEY_BYTES
PCM = bytes(range(200))
SEALED = AESGCM(KEY).encrypt(bytes.fromhex("00000003000000000000000a"), PCM, b"c1|caller|3|10")


def test_a_chunk_opens_as_exactly_the_piece_it_was_sealed_as() -> None:
    assert vault.open_chunk(SEALED, KEY, call="c1", party="caller", epoch=3, n=10) == PCM
    for call, party, epoch, n in (
        ("c2", "caller", 3, 10),
        ("c1", "agent", 3, 10),
        ("c1", "caller", 4, 10),
        ("c1", "caller", 3, 11),
    ):
        with pytest.raises(vault.VaultError, match="does not open"):
            vault.open_chunk(SEALED, KEY, call=call, party=party, epoch=epoch, n=n)
    with pytest.raises(vault.VaultError, match="does not open"):
        vault.open_chunk(SEALED[:-1], KEY, call="c1", party="caller", epoch=3, n=10)


def test_a_chunk_lies_at_a_path_made_of_its_row() -> None:
    assert vault.chunk_path("c1", "caller", 3, 10) == "c1/caller-3-10.chunk"


@pytest.mark.parametrize(
    ("call", "party", "epoch", "n"),
    [("..", "caller", 0, 0), ("a/b", "caller", 0, 0), ("", "caller", 0, 0), ("a", "/", 0, 0),
     ("a", "b", -1, 0), ("a", "b", 2**32, 0), ("a", "b", 0, 2**64), ("a", "b\n", 0, 0)],
)  # fmt: skip
def test_no_row_leads_out_of_the_vault(call: str, party: str, epoch: int, n: int) -> None:
    with pytest.raises(vault.VaultError):
        vault.chunk_path(call, party, epoch, n)


def test_gaps_are_silent_and_later_chunks_win() -> None:
    track = vault.timeline([(1, b"aaaa"), (4, b"bb"), (2, b"cc")], samples=6)
    assert track == b"\0\0aacc\0\0bb\0\0"


@pytest.mark.parametrize(("first", "samples"), [(-1, 4), (3, 4), (0, -1), (0, 2**40)])
def test_a_track_has_the_length_it_was_given(first: int, samples: int) -> None:
    with pytest.raises(vault.VaultError):
        vault.timeline([(first, b"aaaa")], samples)


def test_wave_files_are_read_by_others() -> None:
    left, right = b"\1\0\2\0", b"\3\0\4\0"
    both = vault.stereo(left, right)
    with wave.open(io.BytesIO(vault.wav_header(len(both), 2) + both)) as file:
        assert file.getparams()[:4] == (2, 2, 8000, 2)
        assert file.readframes(2) == b"\1\0\3\0\2\0\4\0"
    with wave.open(io.BytesIO(vault.wav_header(len(left), 1) + left)) as file:
        assert file.getparams()[:4] == (1, 2, 8000, 2)


def test_only_chunk_files_without_a_row_are_purged_and_no_fresh_ones(tmp_path: Path) -> None:
    names = ["c1/caller-1-0.chunk", "c1/caller-1-1.chunk", "c1/caller-1-2.chunk", "c1/notes.txt"]
    (tmp_path / "c1").mkdir()
    for at_us, name in enumerate(names):
        (tmp_path / name).write_bytes(b"")
        os.utime(tmp_path / name, ns=(0, at_us * 1_000))
    (tmp_path / "c2").symlink_to(tmp_path / "c1")
    purged = vault.purge_orphans(tmp_path, {"c1/caller-1-0.chunk"}, before_us=2)
    assert purged == ["c1/caller-1-1.chunk"]
    assert sorted(path.name for path in (tmp_path / "c1").iterdir()) == [
        "caller-1-0.chunk",
        "caller-1-2.chunk",
        "notes.txt",
    ]
