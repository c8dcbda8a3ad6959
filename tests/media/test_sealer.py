import hashlib
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from media.recorder import Chunk
from media.seal import GateMark, Sealed, SealFailed, SealJob, associated_data, nonce, seal
from media.sealer import Sealer
from media.units import pcm
from tests.media.line import CALLER_KEY, noise

WAIT_S = 10.0


def job(n: int = 0) -> SealJob:
    return SealJob("leg", Chunk("call", CALLER_KEY, 3, n, 8_000 * n, noise(1_000)), 5)


def results(sealer: Sealer, count: int) -> list[Sealed | SealFailed | GateMark]:
    found: list[Sealed | SealFailed | GateMark] = []
    with DefaultSelector() as selector:
        selector.register(sealer, EVENT_READ)
        while len(found) < count:
            assert selector.select(WAIT_S), "the sealer has nothing to say"
            found += sealer.results()
    return found


def test_a_sealed_chunk_opens_with_its_key_its_nonce_and_its_place(tmp_path: Path) -> None:
    sealer = Sealer(tmp_path)
    sealer.start()
    assert sealer.offer(job())
    (sealed,) = results(sealer, 1)
    sealer.close()
    assert isinstance(sealed, Sealed)
    assert sealed.path == "call/caller-3-0.chunk"
    data = (tmp_path / sealed.path).read_bytes()
    assert (len(data), hashlib.sha256(data).hexdigest()) == (sealed.size, sealed.sha256)
    opened = AESGCM(CALLER_KEY.key).decrypt(
        (3).to_bytes(4, "big") + bytes(8), data, b"call|caller|3|0"
    )
    assert opened == pcm(noise(1_000))


def test_a_chunk_in_the_place_of_another_does_not_open() -> None:
    first, second = job(0).chunk, job(1).chunk
    with pytest.raises(InvalidTag):
        AESGCM(CALLER_KEY.key).decrypt(nonce(first), seal(first), associated_data(second))


def test_results_come_in_order_and_the_end_of_a_gate_last(tmp_path: Path) -> None:
    sealer = Sealer(tmp_path)
    mark = GateMark("leg", 3, "closed")
    for n in range(5):
        sealer.offer(job(n))
    sealer.offer(mark)
    sealer.start()
    found = results(sealer, 6)
    sealer.close()
    assert [r.job.chunk.n for r in found if isinstance(r, Sealed)] == [0, 1, 2, 3, 4]
    assert found[-1] is mark


def test_a_full_queue_refuses_chunks_but_not_the_end_of_a_gate(tmp_path: Path) -> None:
    sealer = Sealer(tmp_path, queue_max=1)
    assert sealer.offer(job(0))
    assert not sealer.offer(job(1))
    assert sealer.offer(GateMark("leg", 3, "closed"))
    sealer.close()


def test_a_nonce_used_twice_is_a_failure_not_a_file(tmp_path: Path) -> None:
    sealer = Sealer(tmp_path)
    sealer.start()
    sealer.offer(job())
    sealer.offer(job())
    _, again = results(sealer, 2)
    sealer.close()
    assert isinstance(again, SealFailed)
    assert "FileExistsError" in again.reason


def test_a_disk_that_fails_is_told(tmp_path: Path) -> None:
    (tmp_path / "call").write_text("in the way")
    sealer = Sealer(tmp_path)
    sealer.start()
    sealer.offer(job())
    (failed,) = results(sealer, 1)
    sealer.close()
    assert isinstance(failed, SealFailed)
