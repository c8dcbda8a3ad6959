"""Merkle tree arithmetic of RFC 6962 over SHA-256.

Everywhere here a *leaf* is a 32-byte leaf hash and a *proof* is a list of 32-byte hashes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

HASH_BYTES = 32
# RFC 6962 section 2.1: the hash of an empty tree is the hash of an empty string.
EMPTY_ROOT = sha256().digest()


def leaf_hash(entry: bytes) -> bytes:
    """RFC 6962 section 2.1: leaves and nodes are hashed apart, so neither can pose as the other."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """What a growing tree must remember: the roots of its perfect subtrees, largest first.

    It is a value: a transaction that is rolled back keeps the frontier it began with.
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def with_leaf(self, leaf: bytes) -> "Frontier":
        """The frontier after one more leaf."""
        peaks = list(self.peaks)
        size = self.size
        while size & 1:
            leaf = node_hash(peaks.pop(), leaf)
            size >>= 1
        peaks.append(leaf)
        return Frontier(self.size + 1, tuple(peaks))

    @property
    def root(self) -> bytes:
        return _fold(self.peaks)

    def to_bytes(self) -> bytes:
        """8 bytes of size, big-endian, then the peaks."""
        return self.size.to_bytes(8, "big") + b"".join(self.peaks)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        size = int.from_bytes(data[:8], "big")
        if len(data) != 8 + HASH_BYTES * size.bit_count():
            raise ValueError(f"a frontier of {size} leaves does not take {len(data)} bytes")
        return cls(size, tuple(_hashes(data[8:])))


class Tree:
    """All leaves of a log, hashed once: any root or proof then takes O(log n) hashes."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        if any(len(leaf) != HASH_BYTES for leaf in leaves):
            raise ValueError(f"a leaf hash has {HASH_BYTES} bytes")
        self.size = len(leaves)
        # _levels[k] holds the roots of the perfect subtrees of 2^k leaves, side by side.
        self._levels = [b"".join(leaves)]
        while len(self._levels[-1]) > HASH_BYTES:
            self._levels.append(_parents(self._levels[-1]))

    def root(self, size: int | None = None) -> bytes:
        """The root of the whole log, or of its first `size` leaves."""
        size = self.size if size is None else size
        self._check(0 <= size <= self.size, f"no root at size {size}")
        return self._subtree(0, size) if size else EMPTY_ROOT

    def inclusion_proof(self, index: int) -> list[bytes]:
        """RFC 6962 section 2.1.1: the audit path of leaf `index`, nearest sibling first."""
        self._check(0 <= index < self.size, f"no leaf {index}")
        path: list[bytes] = []
        start, end = 0, self.size
        while end - start > 1:
            middle = start + _split(end - start)
            if index < middle:
                path.append(self._subtree(middle, end))
                end = middle
            else:
                path.append(self._subtree(start, middle))
                start = middle
        return path[::-1]

    def consistency_proof(self, old: int) -> list[bytes]:
        """RFC 6962 section 2.1.2: that the first `old` leaves are still what they were."""
        self._check(0 < old <= self.size, f"no consistency proof from size {old}")
        path: list[bytes] = []
        start, end = 0, self.size
        while old != end:
            middle = start + _split(end - start)
            if old <= middle:
                path.append(self._subtree(middle, end))
                end = middle
            else:
                path.append(self._subtree(start, middle))
                start = middle
        # The verifier knows the old root itself; any other subtree must be told.
        if start:
            path.append(self._subtree(start, end))
        return path[::-1]

    def perfect(self, start: int, end: int) -> bytes:
        """The root of the perfect subtree of leaves [start, end): a node of every larger tree."""
        level = (end - start).bit_length() - 1
        self._check(end - start == 1 << level and start % (end - start) == 0, "no such subtree")
        return self._subtree(start, end)

    def _subtree(self, start: int, end: int) -> bytes:
        """Root of leaves [start, end); `start` is a multiple of the largest power of two within."""
        peaks: list[bytes] = []
        while start < end:
            level = (end - start).bit_length() - 1
            at = (start >> level) * HASH_BYTES
            peaks.append(self._levels[level][at : at + HASH_BYTES])
            start += 1 << level
        return _fold(peaks)

    def _check(self, holds: bool, complaint: str) -> None:
        if not holds:
            raise ValueError(f"{complaint} in a log of {self.size} leaves")


def root(leaves: Sequence[bytes]) -> bytes:
    return Tree(leaves).root()


def inclusion_proof(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    return Tree(leaves).inclusion_proof(index)


def consistency_proof(old: int, leaves: Sequence[bytes]) -> list[bytes]:
    return Tree(leaves).consistency_proof(old)


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> bool:
    """RFC 9162 section 2.1.3.2."""
    if not 0 <= index < size:
        return False
    node, last, computed = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            computed = node_hash(sibling, computed)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            computed = node_hash(computed, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and computed == root


def verify_consistency(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """RFC 9162 section 2.1.4.2."""
    if not 0 < old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if not path:
        return False
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            first = node_hash(sibling, first)
            second = node_hash(sibling, second)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            second = node_hash(second, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


def _fold(peaks: Sequence[bytes]) -> bytes:
    """One root over perfect subtrees, largest first."""
    if not peaks:
        return EMPTY_ROOT
    folded = peaks[-1]
    for peak in reversed(peaks[:-1]):
        folded = node_hash(peak, folded)
    return folded


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def _parents(level: bytes) -> bytes:
    pairs = range(0, len(level) - 2 * HASH_BYTES + 1, 2 * HASH_BYTES)
    return b"".join(sha256(b"\x01" + level[at : at + 2 * HASH_BYTES]).digest() for at in pairs)


def _hashes(data: bytes) -> list[bytes]:
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]
