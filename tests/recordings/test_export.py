"""Claims about writing a pack: the whole folder, or nothing."""

import wave
from array import array
from dataclasses import replace
from pathlib import Path

import pytest

from recordings import evidence, export, segments, vault, verify
from tests.recordings.call import GRANTED_US, LOG_KEY, SECOND_US, WITHDRAWN_US, granted, honest
from tests.runtime.damage import flip


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def faults(pack: Path) -> dict[str, list[str]]:
    return dict(verify.verify(str(pack)))


def test_a_pack_has_its_files_and_no_others(tmp_path: Path) -> None:
    pack = honest().write(tmp_path)
    assert names(pack) == {
        "README.txt", "bag-info.txt", "bagit.txt", "data", "manifest-sha256.txt", "open_keys.py",
        "tagmanifest-sha256.sig", "tagmanifest-sha256.txt", "verify.mjs", "verify.py",
    }  # fmt: skip
    assert names(pack / "data") == {
        "audio", "call.txt", "call.wav", "certificate-902.md", "checkpoint.txt", "entries.jsonl",
        "keys.json", "log.vkey", "proof.json", "report.html", "transcript.json", "transcript.vtt",
    }  # fmt: skip
    assert len(names(pack / "data" / "audio")) == 4
    assert names(tmp_path) == {"pack", "recordings"}


def test_only_its_owner_may_read_a_pack(tmp_path: Path) -> None:
    pack = honest().write(tmp_path)
    assert pack.stat().st_mode & 0o077 == 0
    assert (pack / "data" / "keys.json").stat().st_mode & 0o077 == 0


def test_both_tracks_are_on_one_timeline_from_the_start_of_the_leg(tmp_path: Path) -> None:
    pack = honest().write(tmp_path)
    with wave.open(str(pack / "data" / "call.wav")) as file:
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
    name = call.chunks[0].name
    if ciphertext is None:
        del call.ciphertexts[name]
    else:
        call.ciphertexts[name] = ciphertext
    call.store(tmp_path / "recordings")
    unreadable = export.write(call.pack(), tmp_path / "pack", tmp_path / "recordings", LOG_KEY)
    assert unreadable == [name]
    assert "audio" in faults(tmp_path / "pack")


def test_rows_that_name_no_file_make_no_pack(tmp_path: Path) -> None:
    call = honest()
    chunk, pack = call.chunks[0], call.write(tmp_path)
    for wrong in (replace(chunk, sha256="../../evil"), replace(chunk, path="../evil")):
        with pytest.raises((export.ExportError, vault.VaultError)):
            export.write(
                replace(call.pack(), chunks=[wrong]),
                tmp_path / "other",
                tmp_path / "recordings",
                LOG_KEY,
            )
    assert names(tmp_path) == {pack.name, "recordings"}


def test_a_wide_recording_sounds_at_its_own_rate(tmp_path: Path) -> None:
    call = granted()
    call.record("caller", 1, 0, GRANTED_US, GRANTED_US + SECOND_US, rate=16_000)
    call.record("agent", 1, 0, GRANTED_US, GRANTED_US + SECOND_US, rate=16_000)
    pack = call.write(tmp_path)
    assert faults(pack) == {}
    with wave.open(str(pack / "data" / "call.wav")) as file:
        assert (file.getframerate(), file.getnframes()) == (16_000, 3 * 16_000)
        assert not any(file.readframes(2 * 16_000))
        assert any(file.readframes(1))


def test_tracks_of_two_rates_share_one_timeline(tmp_path: Path) -> None:
    call = granted()
    call.record("caller", 1, 0, GRANTED_US, GRANTED_US + SECOND_US)
    call.record("agent", 1, 0, GRANTED_US, GRANTED_US + SECOND_US)
    again_us = GRANTED_US + SECOND_US
    call.turn(again_us, epoch=2)
    call.record("caller", 2, 0, again_us, again_us + SECOND_US, rate=16_000)
    pack = call.write(tmp_path)
    assert faults(pack) == {}
    with wave.open(str(pack / "data" / "call.wav")) as file:
        assert (file.getframerate(), file.getnframes()) == (16_000, 4 * 16_000)
        assert not any(file.readframes(2 * 16_000))
        raised, wide = file.readframes(16_000), file.readframes(16_000)
    sealed = call.ciphertexts[call.chunks[0].name]
    low = vault.open_chunk(sealed, call.keys["key-caller"], call.chunks[0])
    left = array("h", raised)[0::2]
    assert left[0::2].tobytes() == low
    assert any(array("h", wide)[0::2]) and not any(array("h", wide)[1::2])


def test_chunks_are_found_between_those_of_other_calls_in_two_segments(tmp_path: Path) -> None:
    call = honest()
    pack = call.write(tmp_path)
    assert {chunk.path for chunk in call.chunks} == names(tmp_path / "recordings")
    assert len(names(tmp_path / "recordings")) == 2
    assert faults(pack) == {}


def test_a_flipped_bit_in_a_segment_is_found(tmp_path: Path) -> None:
    call = honest()
    call.write(tmp_path / "first")
    chunk = call.chunks[1]
    flip(tmp_path / "first" / "recordings" / chunk.path, chunk.offset + chunk.bytes // 2)
    export.write(call.pack(), tmp_path / "pack", tmp_path / "first" / "recordings", LOG_KEY)
    assert set(faults(tmp_path / "pack")) == {"audio", "sealed"}


def test_what_was_erased_is_not_in_the_pack_and_the_rest_is_proved(tmp_path: Path) -> None:
    call = honest()
    call.store(tmp_path / "recordings")
    gone = [chunk for chunk in call.chunks if chunk.party == "caller"]
    ranges = [segments.Range(chunk.path, chunk.offset, chunk.bytes) for chunk in gone]
    segments.erase(tmp_path / "recordings", ranges)
    call.destroy(WITHDRAWN_US + SECOND_US, "key-caller")
    export.write(call.pack(), tmp_path / "pack", tmp_path / "recordings", LOG_KEY)
    assert len(names(tmp_path / "pack" / "data" / "audio")) == 2
    assert faults(tmp_path / "pack") == {}
