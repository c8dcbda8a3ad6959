"""The log as perfect subtrees side by side: some are entries that are shown, the rest are told.

One list proves that all those entries are in the log, and at each cut what the root was when the
log had that size (RFC 6962 section 2.1): both inclusion and consistency, in O(n log n) hashes.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from runtime.merkle import Tree

Told = tuple[int, str | None]
"""How many leaves, and the hash over them in hex; none: the next of the entries that are shown."""


def frontier(tree: Tree, shown: Iterable[int], cuts: Iterable[int]) -> list[Told]:
    """`shown` are indices of leaves, `cuts` sizes the log had before."""
    leaves, marks, found = sorted(set(shown)), sorted(set(cuts)), list[Told]()
    waiting = [(0, tree.size)] if tree.size else []
    while waiting:
        low, high = waiting.pop()
        count = high - low
        is_shown = bisect_left(leaves, low) < bisect_left(leaves, high)
        is_cut = bisect_right(marks, low) < bisect_left(marks, high)
        if is_shown and count == 1:
            found.append((1, None))
        elif is_shown or is_cut or count & (count - 1):
            middle = low + (1 << (count - 1).bit_length() - 1)
            waiting += [(middle, high), (low, middle)]
        else:
            found.append((count, tree.perfect(low, high).hex()))
    return found
