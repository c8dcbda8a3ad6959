"""The sealer: a thread that encrypts, writes and fsyncs chunks, so that RTP never waits."""

import hashlib
import os
import socket
from collections import deque
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

from media.seal import GateMark, Sealed, SealFailed, SealJob, chunk_path, seal

SEAL_QUEUE_MAX = 4_096


class Sealer:
    """Jobs in, results out, in order. `fileno` becomes readable when there are results."""

    def __init__(self, recordings: Path, queue_max: int = SEAL_QUEUE_MAX) -> None:
        self._recordings = recordings
        self._queue_max = queue_max
        self._jobs: SimpleQueue[SealJob | GateMark | None] = SimpleQueue()
        self._results: deque[Sealed | SealFailed | GateMark] = deque()
        self._wake, self._woken = socket.socketpair()
        self._wake.setblocking(False)
        self._woken.setblocking(False)
        self._thread = Thread(target=self._run, name="sealer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def offer(self, job: SealJob | GateMark) -> bool:
        """Queue a job; False if the queue is full. The end of a gate always gets in."""
        if isinstance(job, SealJob) and self._jobs.qsize() >= self._queue_max:
            return False
        self._jobs.put(job)
        return True

    def fileno(self) -> int:
        return self._woken.fileno()

    def results(self) -> list[Sealed | SealFailed | GateMark]:
        """What has been done since the last time this was asked."""
        self._drain()
        count = len(self._results)
        return [self._results.popleft() for _ in range(count)]

    def close(self) -> None:
        """Do what is queued, then end the thread."""
        self._jobs.put(None)
        if self._thread.ident is not None:
            self._thread.join()
        self._wake.close()
        self._woken.close()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._results.append(self._do(job))
            self._signal()

    def _do(self, job: SealJob | GateMark) -> Sealed | SealFailed | GateMark:
        if isinstance(job, GateMark):
            return job
        try:
            sealed = seal(job.chunk)
            path = chunk_path(job.chunk)
            write_durably(self._recordings / path, sealed)
        except (OSError, ValueError, OverflowError) as error:
            return SealFailed(job, f"{type(error).__name__}: {error}")
        return Sealed(job, path, len(sealed), hashlib.sha256(sealed).hexdigest())

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


def write_durably(path: Path, data: bytes) -> None:
    """Write a new file and flush it with its folder. FileExistsError if it is not new."""
    if not path.parent.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _flush(path.parent.parent)
    # Exclusive: a name seen before would mean a nonce used twice.
    with open(path, "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    _flush(path.parent)


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
