"""Claims about the tree, beside an implementation that is not ours: the package pymerkle."""

from collections.abc import Callable
from itertools import combinations_with_replacement

import pymerkle  # type: ignore[import-untyped]
import pytest
from pymerkle import ConsistencyProof, InclusionProof, InmemoryTree, InvalidProof

from runtime import merkle

SIZES = [*range(1, 20), 31, 32, 33, 63, 64, 65, 127, 128, 129, 1000]
PAIRS = [*combinations_with_replacement(range(1, 18), 2), (31, 33), (64, 129), (127, 1000)]
ENTRIES = [f"entry {number}".encode() for number in range(max(SIZES))]
LEAVES = [merkle.leaf_hash(entry) for entry in ENTRIES]
OURS = merkle.Tree(LEAVES)
THEIRS = InmemoryTree(algorithm="sha256")
THEIRS.append_entries(ENTRIES)


def flip(node: bytes) -> bytes:
    return bytes([node[0] ^ 1]) + node[1:]


def tree(size: int) -> merkle.Tree:
    return merkle.Tree(LEAVES[:size])


def agree_on_inclusion(leaf: bytes, index: int, size: int, path: list[bytes], root: bytes) -> bool:
    """What both say of our path. Theirs begins with the leaf, and counts leaves from one."""
    ours = merkle.verify_inclusion(leaf, index, size, path, root)
    rule = THEIRS.prove_inclusion(index + 1, size).rule
    proof = InclusionProof("sha256", True, size, index + 1, rule, [leaf, *path])
    theirs = accepts(lambda: pymerkle.verify_inclusion(leaf, root, proof, index + 1, size))
    assert ours == theirs
    return ours


def accepts(verify: Callable[[], None]) -> bool:
    try:
        verify()
    except InvalidProof:
        return False
    return True


@pytest.mark.parametrize("size", SIZES)
def test_both_have_the_same_root_at_every_size(size: int) -> None:
    frontier = merkle.Frontier()
    for leaf in LEAVES[:size]:
        frontier = frontier.with_leaf(leaf)
    assert THEIRS.get_root(size) == OURS.root(size) == frontier.root


@pytest.mark.parametrize("size", SIZES)
def test_each_accepts_the_inclusion_proofs_of_the_other_and_no_changed_one(size: int) -> None:
    root = OURS.root(size)
    for index in {0, 1, size // 2, size - 2, size - 1} & set(range(size)):
        leaf, path = LEAVES[index], tree(size).inclusion_proof(index)
        assert THEIRS.prove_inclusion(index + 1, size).path == [leaf, *path]
        assert agree_on_inclusion(leaf, index, size, path, root)
        assert not agree_on_inclusion(flip(leaf), index, size, path, root)
        assert not agree_on_inclusion(leaf, index, size, path, flip(root))
        assert not agree_on_inclusion(leaf, index, size, [*path, root], root)
        for at in range(len(path)):
            forged = [*path[:at], flip(path[at]), *path[at + 1 :]]
            assert not agree_on_inclusion(leaf, index, size, forged, root)
            assert not agree_on_inclusion(leaf, index, size, path[:at], root)


@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_their_consistency_proofs_are_ours_and_no_changed_one_is_accepted(
    old: int, new: int
) -> None:
    roots = OURS.root(old), OURS.root(new)
    theirs = as_in_the_rfc(THEIRS.prove_consistency(old, new))
    assert theirs == tree(new).consistency_proof(old)
    verify = merkle.verify_consistency
    assert verify(old, new, *roots, theirs)
    assert not verify(old, new, flip(roots[0]), roots[1], theirs)
    assert not verify(old, new, roots[0], flip(roots[1]), theirs)
    for at in range(len(theirs)):
        assert not verify(old, new, *roots, [*theirs[:at], flip(theirs[at]), *theirs[at + 1 :]])
        assert not verify(old, new, *roots, theirs[:at])


@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_they_accept_our_consistency_proofs_and_no_changed_one(old: int, new: int) -> None:
    shape = THEIRS.prove_consistency(old, new)
    ours = tree(new).consistency_proof(old)
    whole = [OURS.root(old), *ours] if sum(shape.subset) == 1 else ours
    # They split the part that is new to its last leaf; what we say of it in one hash is theirs.
    new_part = shape.subset.index(1)
    path = whole if new_part == 0 else [*shape.path[:new_part], whole[0], *whole[2:]]
    assert they_accept(shape, path)
    for at in range(len(path)):
        assert not they_accept(shape, [*path[:at], flip(path[at]), *path[at + 1 :]])
        assert not they_accept(shape, path[:at])


def as_in_the_rfc(proof: ConsistencyProof) -> list[bytes]:
    """Their proof as RFC 9162 section 2.1.4.1 has it.

    They tell what is new leaf by leaf, so it is folded to one hash, which goes behind the part
    that is old; and they tell the old root even where it is a node of the new tree.
    """
    new_part = proof.subset.index(1)
    before: list[bytes] = proof.path[:new_part]
    after: list[bytes] = proof.path[new_part:]
    if before:
        folded = before[0]
        for bit, node in zip(proof.rule, before[1:], strict=False):
            folded = merkle.node_hash(*((node, folded) if bit else (folded, node)))
        after.insert(1, folded)
    return after[1:] if sum(proof.subset) == 1 else after


def they_accept(shape: ConsistencyProof, path: list[bytes]) -> bool:
    old, new = shape.prior_size, shape.size
    proof = ConsistencyProof("sha256", True, new, old, shape.rule, shape.subset, path)
    roots = OURS.root(old), OURS.root(new)
    return accepts(lambda: pymerkle.verify_consistency(*roots, proof, old, new))
