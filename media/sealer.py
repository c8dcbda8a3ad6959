"""The sealer: a thread that encrypts chunks and has them on disk, so that RTP never waits."""

import os
import socket
import time
from collections import OrderedDict, deque
from queue import Empty, SimpleQueue
from threading import Thread
from typing import NamedTuple, TypeAlias

from media.appending import Appender
from media.recorder import Chunk
from media.seal import KEY_BYTES, GateMark, Sealed, SealFailed, SealJob, seal_into, sealed_bytes
from media.segment import FRAME_BYTES

SEAL_QUEUE_MAX = 16_384
"""256 MiB of chunks: 8 s of a thousand calls, while the disk is busy."""

BATCH_S = 0.15
"""A flush costs the same for one chunk as for hundreds: there is at most one in this time."""

BATCH_BYTES_MAX = 8 * 1024 * 1024
TRACKS_REMEMBERED_MAX = 16_384

Job: TypeAlias = SealJob | GateMark
Result: TypeAlias = Sealed | SealFailed | GateMark


class _Placed(NamedTuple):
    """A chunk that is sealed in memory: its ciphertext begins at `offset` of the batch."""

    job: SealJob
    offset: int
    size: int
    sha256: str
    key: bytes

    def told(self, path: str, begin: int, lost: str) -> Sealed | SealFailed:
        """What became of it once its batch was flushed, or was lost."""
        if lost:
            return SealFailed(self.job, lost)
        return Sealed(self.job, path, self.size, self.sha256, self.key, begin + self.offset)


_Done: TypeAlias = _Placed | SealFailed | GateMark


class Sealer:
    """Jobs in, results out, in order. `fileno` becomes readable when there are results."""

    def __init__(
        self, appender: Appender, queue_max: int = SEAL_QUEUE_MAX, batch_s: float = BATCH_S
    ) -> None:
        self._appender = appender
        self._queue_max = queue_max
        self._batch_s = batch_s
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._results: deque[Result] = deque()
        self._names: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._due_s = 0.0
        self._ciphertext = bytearray()
        """Of one batch after the other; as long as the longest was."""
        self._wake, self._woken = socket.socketpair()
        self._wake.setblocking(False)
        self._woken.setblocking(False)
        self._thread = Thread(target=self._run, name="sealer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def offer(self, job: Job) -> bool:
        """Queue a job; False if the queue is full. The end of a gate always gets in."""
        if isinstance(job, SealJob) and self._jobs.qsize() >= self._queue_max:
            return False
        self._jobs.put(job)
        return True

    def fileno(self) -> int:
        return self._woken.fileno()

    def results(self) -> list[Result]:
        """What has been done since the last time this was asked."""
        self._drain()
        count = len(self._results)
        return [self._results.popleft() for _ in range(count)]

    def close(self) -> None:
        """Do what is queued, then end the thread."""
        self._jobs.put(None)
        if self._thread.ident is not None:
            self._thread.join()
        self._appender.close()
        self._wake.close()
        self._woken.close()

    def _run(self) -> None:
        more = True
        while more:
            done, end, more = self._gather()
            self._results.extend(self._flush(done, end))
            self._signal()

    def _gather(self) -> tuple[list[_Done], int, bool]:
        """Seal what comes until a flush is due again: what, how many bytes, and is there more.

        Each as it comes, which is after a tick: all of them at once would last until the next
        one, and that would wait for the interpreter's lock.
        """
        done: list[_Done] = []
        end, job = 0, self._jobs.get()
        while job is not None:
            one = self._place(job, end) if isinstance(job, SealJob) else job
            done.append(one)
            end = one.offset + one.size if isinstance(one, _Placed) else end
            if end >= BATCH_BYTES_MAX:
                break
            try:
                job = self._jobs.get(timeout=max(0.0, self._due_s - time.monotonic()))
            except Empty:
                break
        self._due_s = time.monotonic() + self._batch_s
        return done, end, job is not None

    def _flush(self, done: list[_Done], end: int) -> list[Result]:
        """Have a batch on disk with one flush, and only then say so."""
        path, begin, lost = "", 0, ""
        try:
            if end:
                path, begin = self._appender.append(memoryview(self._ciphertext)[:end])
        except OSError as error:
            lost = _why(error)
        return [one.told(path, begin, lost) if isinstance(one, _Placed) else one for one in done]

    def _place(self, job: SealJob, begin: int) -> _Placed | SealFailed:
        chunk = job.chunk
        size = FRAME_BYTES + sealed_bytes(chunk)
        if (short := begin + size - len(self._ciphertext)) > 0:
            self._ciphertext.extend(bytes(short))
        try:
            self._use_name(chunk)
            key = os.urandom(KEY_BYTES)
            sha256 = seal_into(chunk, key, memoryview(self._ciphertext)[begin : begin + size])
        except (ValueError, OverflowError) as error:
            return SealFailed(job, _why(error))
        return _Placed(job, begin + FRAME_BYTES, sealed_bytes(chunk), sha256, key)

    def _use_name(self, chunk: Chunk) -> None:
        """The chunks of a track only ever rise. ValueError: there may be another of this name."""
        key_id, place = chunk.track.key_id, (chunk.epoch, chunk.n)
        if place <= self._names.get(key_id, (-1, -1)):
            raise ValueError(f"chunk {chunk.n} of epoch {chunk.epoch} may have been sealed before")
        self._names[key_id] = place
        self._names.move_to_end(key_id)
        if len(self._names) > TRACKS_REMEMBERED_MAX:
            self._names.popitem(last=False)

    def _signal(self) -> None:
        try:
            self._wake.send(b"\0")
        except BlockingIOError:
            return  # The reader has yet to come, and will then see all results.

    def _drain(self) -> None:
        try:
            while self._woken.recv(4_096):
                continue
        except BlockingIOError:
            return


def _why(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
