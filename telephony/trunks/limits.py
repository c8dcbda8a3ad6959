"""How many new calls a second: a bucket that fills again, one token for each call."""

from __future__ import annotations


class Bucket:
    """Holds a second's worth. `now` is in seconds, on any clock."""

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._tokens = float(per_second)
        self._filled_at = 0.0

    def take(self, now: float) -> bool:
        """Whether there was one."""
        # A clock that is put back fills nothing, and takes nothing away.
        passed = max(0.0, now - self._filled_at)
        self._filled_at = now
        self._tokens = min(float(self._per_second), self._tokens + passed * self._per_second)
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
