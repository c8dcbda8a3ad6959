"""Room for every slot, mapped at once and touched only where a leg is; and windows into it."""

import mmap
import sys
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import DTypeLike, NDArray

Slots: TypeAlias = NDArray[np.int64]
"""Numbers of slots, or positions in samples, one for each leg concerned."""

Mask: TypeAlias = NDArray[np.bool_]
Frames: TypeAlias = NDArray[np.int16]
"""Samples of many legs: (legs, samples)."""

Levels: TypeAlias = NDArray[np.float32]
"""One number for each leg, or samples before they are rounded."""

NEVER = -(1 << 60)
"""Stands for "no position", and comes before every one of them."""

NO_RESERVE = 0x4000 if sys.platform == "linux" else 0
"""MAP_NORESERVE: what is never touched is never asked of the machine."""


def lazily(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Zeros, whose pages exist from the first write on."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | NO_RESERVE
    return np.frombuffer(mmap.mmap(-1, size, flags=flags), dtype).reshape(shape)


def windows(matrix: Frames, width: int) -> Frames:
    """Every run of `width` samples of a matrix seen flat: (size - width + 1, width).

    Indexed with the starts of many runs it reads or writes all of them, each as one copy.
    """
    flat = matrix.reshape(-1)
    return as_strided(flat, (flat.size - width + 1, width), (2, 2))


def ranks(values: Slots) -> Slots:
    """How many equal values, none below 0, come before each one."""
    if values.size and np.bincount(values).max() == 1:
        return np.zeros(len(values), np.int64)
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    places = np.arange(len(values))
    first = np.ones(len(values), np.bool_)
    first[1:] = ordered[1:] != ordered[:-1]
    found = np.empty(len(values), np.int64)
    found[order] = places - np.maximum.accumulate(np.where(first, places, 0))
    return found
