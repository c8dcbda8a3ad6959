"""Claims about writing a pack: the whole folder, or nothing."""

import wave
from dataclasses import replace
from pathlib import Path

import pytest

from recordings import evidence, export, vault, verify
from tests.recordings.call import LOG_KEY, honest


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_pack_has_its_files_and_no_others(tmp_path: Path) -> None:
    pack = honest().write(tmp_path)
    assert names(pack) == {
        "README.txt", "audio", "callers.json", "checkpoint.txt", "chunks", "consistency.json",
        "entries.jsonl",
        "keys.json", "log.vkey", "manifest.json", "manifest.sig", "proofs.json", "record.json",
        "transcript.json", "transcript.vtt", "verify.py",
    }  # fmt: skip
    assert names(pack / "audio") == {"caller.wav", "agent.wav", "stereo.wav"}
    assert len(names(pack / "chunks")) == 4
    assert names(tmp_path) == {"pack", "recordings"}


def test_only_its_owner_may_read_a_pack(tmp_path: Path) -> None:
    assert honest().write(tmp_path).stat().st_mode & 0o077 == 0


def test_both_tracks_are_on_one_timeline_from_the_start_of_the_leg(tmp_path: Path) -> None:
    pack = honest().write(tmp_path)
    with wave.open(str(pack / "audio" / "stereo.wav")) as file:
        assert (file.getnchannels(), file.getnframes()) == (2, 4 * vault.SAMPLE_RATE)
        assert not any(file.readframes(2 * vault.SAMPLE_RATE))
        assert any(file.readframes(1))


def test_a_folder_that_holds_something_is_never_written_to(tmp_path: Path) -> None:
    (tmp_path / "pack").mkdir()
    assert honest().write(tmp_path).is_dir()
    with pytest.raises(export.ExportError, match="not an empty folder"):
        honest().write(tmp_path)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(export.ExportError, match="not an empty folder"):
        export.write(honest().pack(), tmp_path / "file", tmp_path, LOG_KEY)


def test_what_fails_midway_leaves_nothing(tmp_path: Path) -> None:
    call = honest()
    call.log.entries.clear()
    with pytest.raises(evidence.PackError):
        call.write(tmp_path)
    assert names(tmp_path) == {"recordings"}


@pytest.mark.parametrize("ciphertext", [None, b"", b"x" * 16_016])
def test_a_chunk_that_is_lost_or_damaged_is_told_and_hides_nothing_else(
    tmp_path: Path, ciphertext: bytes | None
) -> None:
    call = honest()
    path = call.chunks[0].path
    if ciphertext is None:
        del call.ciphertexts[path]
    else:
        call.ciphertexts[path] = ciphertext
    assert path in (call.write(tmp_path) / "record.json").read_text(encoding="utf-8")
    reasons = verify.verify(tmp_path / "pack").failures
    assert "chunk caller-1-0 does not open as the audio that was logged" in reasons


def test_rows_that_name_no_file_make_no_pack(tmp_path: Path) -> None:
    call = honest()
    chunk, pack = call.chunks[0], call.write(tmp_path)
    for wrong in (replace(chunk, sha256="../../evil"), replace(chunk, call="../evil")):
        with pytest.raises((export.ExportError, vault.VaultError)):
            export.write(
                replace(call.pack(), chunks=[wrong]),
                tmp_path / "other",
                tmp_path / "recordings",
                LOG_KEY,
            )
    assert names(tmp_path) == {pack.name, "recordings"}
