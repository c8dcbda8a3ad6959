"""Claims about the tree: the published vectors, and a naive tree beside ours."""

import pytest

from runtime import merkle

# The eight inputs and the roots of the Certificate Transparency reference implementation.
INPUTS = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
SIZES = [*range(1, 34), 63, 64, 65, 100]


def leaves(size: int) -> list[bytes]:
    return [merkle.leaf_hash(str(index).encode()) for index in range(size)]


def naive_root(hashes: list[bytes]) -> bytes:
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return merkle.node_hash(naive_root(hashes[:split]), naive_root(hashes[split:]))


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_the_reference_implementation(size: int) -> None:
    hashes = [merkle.leaf_hash(entry) for entry in INPUTS[:size]]
    assert merkle.root(hashes).hex() == ROOTS[size - 1]


def test_proofs_are_those_of_the_reference_implementation() -> None:
    hashes = [merkle.leaf_hash(entry) for entry in INPUTS]
    assert [node.hex() for node in merkle.inclusion_proof(5, hashes)] == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
    assert [node.hex() for node in merkle.consistency_proof(6, hashes)] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


def test_the_empty_tree_has_the_root_of_nothing() -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert merkle.root([]).hex() == empty
    assert merkle.Frontier().root.hex() == empty


@pytest.mark.parametrize("size", SIZES)
def test_tree_and_frontier_agree_with_a_naive_tree_at_every_size(size: int) -> None:
    frontier, tree = merkle.Frontier(), merkle.Tree(leaves(100))
    for leaf in leaves(size):
        frontier = frontier.with_leaf(leaf)
    assert frontier.size == size
    assert frontier.root == tree.root(size) == naive_root(leaves(size))


@pytest.mark.parametrize("size", SIZES)
def test_every_leaf_is_proved_included_and_no_other(size: int) -> None:
    hashes = leaves(size)
    root = merkle.root(hashes)
    for index, leaf in enumerate(hashes):
        proof = merkle.inclusion_proof(index, hashes)
        assert merkle.verify_inclusion(leaf, index, size, proof, root)
        assert not merkle.verify_inclusion(merkle.EMPTY_ROOT, index, size, proof, root)
        assert not merkle.verify_inclusion(leaf, index + 1, size, proof, root)
        assert not merkle.verify_inclusion(leaf, index, size, [*proof, root], root)
        if proof:
            assert not merkle.verify_inclusion(leaf, index, size, proof[:-1], root)


@pytest.mark.parametrize("size", SIZES)
def test_every_older_root_is_proved_consistent_and_no_other(size: int) -> None:
    tree = merkle.Tree(leaves(size))
    for old in range(1, size + 1):
        proof = tree.consistency_proof(old)
        verify = merkle.verify_consistency
        assert verify(old, size, tree.root(old), tree.root(), proof)
        assert not verify(old, size, merkle.EMPTY_ROOT, tree.root(), proof)
        assert not verify(old, size, tree.root(old), merkle.EMPTY_ROOT, proof)
        assert not verify(old, size, tree.root(old), tree.root(), [*proof, tree.root()])
        assert not verify(old + size, size, tree.root(old), tree.root(), proof)


def test_a_rewritten_log_has_no_consistency_with_its_past() -> None:
    hashes = leaves(20)
    before = merkle.root(hashes[:13])
    rewritten = merkle.Tree([*hashes[:4], *hashes[5:]])
    assert not merkle.verify_consistency(
        13, 19, before, rewritten.root(), rewritten.consistency_proof(13)
    )


@pytest.mark.parametrize("size", [0, 1, 6, 7, 64])
def test_a_frontier_comes_back_from_its_bytes(size: int) -> None:
    frontier = merkle.Frontier()
    for leaf in leaves(size):
        frontier = frontier.with_leaf(leaf)
    assert merkle.Frontier.from_bytes(frontier.to_bytes()) == frontier


@pytest.mark.parametrize("data", [b"", b"\0" * 7, b"\0" * 7 + b"\1", b"\0" * 40])
def test_a_frontier_of_the_wrong_length_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="does not take"):
        merkle.Frontier.from_bytes(data)


def test_proofs_of_what_is_not_there_are_refused() -> None:
    tree = merkle.Tree(leaves(5))
    for index in (-1, 5):
        with pytest.raises(ValueError, match="no leaf"):
            tree.inclusion_proof(index)
    for old in (0, 6):
        with pytest.raises(ValueError, match="no consistency proof"):
            tree.consistency_proof(old)
    with pytest.raises(ValueError, match="no root"):
        tree.root(6)
    with pytest.raises(ValueError, match="32 bytes"):
        merkle.Tree([b"short"])
