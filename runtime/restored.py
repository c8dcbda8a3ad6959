"""A restored store goes on from an older state: its log says so, for whoever compares."""

from runtime.context import Context
from runtime.reducers import reducer


@reducer
def store_restored(ctx: Context, size: int, at: int) -> None:
    """The store was restored from a backup of `size` entries, made at `at` (us since 1970, UTC).

    What had been appended to the log after that backup is not in this one.
    """
