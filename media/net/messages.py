"""The kernel's tables of messages (struct mmsghdr, struct iovec) as numpy arrays.

sendmsg(2), sendmmsg(2). A table holds addresses: the arrays they lead to must outlive each call.
"""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_POINTER, _SIZE = np.uintp, np.uintp

VECTOR = np.dtype([("base", _POINTER), ("length", _SIZE)], align=True)
HEADER = np.dtype(
    [
        ("name", _POINTER),
        ("name_length", np.uint32),
        ("vectors", _POINTER),
        ("vector_count", _SIZE),
        ("control", _POINTER),
        ("control_length", _SIZE),
        ("flags", np.int32),
    ],
    align=True,
)
MESSAGE = np.dtype([("header", HEADER), ("length", np.uint32)], align=True)


class Messages:
    """So many messages of one piece each."""

    def __init__(self, size: int) -> None:
        self._table: NDArray[Any] = np.zeros(size, MESSAGE)
        self._vectors: NDArray[Any] = np.zeros(size, VECTOR)
        self._rows = np.arange(size, dtype=np.uintp)
        headers = self._table["header"]
        headers["vectors"] = self._vectors.ctypes.data + self._rows * VECTOR.itemsize
        headers["vector_count"] = 1
        self.flags: NDArray[np.int32] = headers["flags"]
        self.name_lengths: NDArray[np.uint32] = headers["name_length"]
        self.lengths: NDArray[np.uint32] = self._table["length"]
        """How much of each was received, of those that came in by one call."""
        self.room: NDArray[np.uintp] = self._vectors["length"]
        """How much of each may be received, or is to be sent."""
        first = self._table.ctypes.data
        # Made once: to make one of a number takes as long as half a call.
        self.pointers = [ctypes.c_void_p(first + row * MESSAGE.itemsize) for row in range(size)]
        """Where each stands, as a message alone or as the first of those behind it."""

    def point(self, data: NDArray[np.uint8], names: NDArray[np.uint8]) -> None:
        """Have the first messages read or write these rows, in their order."""
        rows = self._rows[: len(data)]
        self._vectors["base"][: len(data)] = data.ctypes.data + rows * data.strides[0]
        self._table["header"]["name"][: len(data)] = names.ctypes.data + rows * names.strides[0]


@dataclass(frozen=True, slots=True)
class Calls:
    """Each answers how much it did, or -1: of one message the bytes, of many how many."""

    recvmsg: Callable[[int, ctypes.c_void_p, int], int]
    sendmsg: Callable[[int, ctypes.c_void_p, int], int]
    recvmmsg: Callable[[int, ctypes.c_void_p, int, int, None], int]
    sendmmsg: Callable[[int, ctypes.c_void_p, int, int], int]


def find_calls(library: object) -> Calls | None:
    """The calls, where the C library has them all."""
    names = ("recvmsg", "sendmsg", "recvmmsg", "sendmmsg")
    calls: dict[str, Any] = {name: getattr(library, name, None) for name in names}
    return Calls(**calls) if all(calls.values()) else None


# The interpreter's lock is kept: none of these calls waits, and a thread which took the lock
# between two of a thousand calls would have the clock wait for it, 5 ms each time.
CALLS = find_calls(ctypes.PyDLL(None))
