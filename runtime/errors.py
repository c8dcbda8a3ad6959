"""What can go wrong with an action, and who can mend it."""

from pathlib import PurePath


class Refused(Exception):
    """The rules say no: nothing was changed, the sender may correct and try again."""


class NotAllowed(Refused):
    """The sender is unknown, suspended or revoked, or has not the role for this."""


class NotNow(Refused):
    """The rules were not asked: the same action may be taken after `retry_after_ms`."""

    def __init__(self, why: str, retry_after_ms: int) -> None:
        super().__init__(f"{why}; try again in {retry_after_ms} ms")
        self.retry_after_ms = retry_after_ms


class Busy(NotNow):
    """The queue is full, or the share of it that one tenant or one scope may take."""


class StoreFull(NotNow):
    """The disk is full: the action was not taken, what is stored stays readable."""


class Paused(NotNow):
    """The scope or the module is paused: its state is kept until it is resumed."""


class StoreBroken(Exception):
    """The disk failed in the middle of a commit: only a restart tells what was written."""


class StoreDamaged(StoreBroken):
    """The log on disk is not the log that was written.

    `seq` is the first entry that nothing vouches for: all before it are sound.
    """

    def __init__(self, seq: int, why: str) -> None:
        sound = f"entries 1 to {seq - 1} are sound" if seq > 1 else "no entry is known to be sound"
        super().__init__(
            f"the log is damaged at entry {seq}: {why}; {sound}."
            " Keep the damaged files, and restore a backup: parley restore --from DIR"
        )
        self.seq = seq
        self.why = why


class Nondeterminism(Exception):
    """A reducer does what a replay could not repeat."""


def named(error: BaseException) -> str:
    """What failed and where, such as "ValueError at lines.py:94", without the error's own words:
    those may quote whoever called."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    file = PurePath(trace.tb_frame.f_code.co_filename).name if trace else ""
    at = f" at {file}:{trace.tb_lineno}" if trace else ""
    why = f": {error.strerror}" if isinstance(error, OSError) and error.strerror else ""
    return f"{type(error).__name__}{at}{why}"
