"""Claims about proofs as files: they hold without a store, and no changed one does."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from runtime import checkpoint, merkle, proofs

ORIGIN = "log.example/parley"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key()
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
ENTRIES = [f'{{"seq":{seq}}}'.encode() for seq in range(1, 12)]
TREE = merkle.Tree([merkle.leaf_hash(entry) for entry in ENTRIES])


def note(size: int = TREE.size) -> str:
    return checkpoint.sign(ORIGIN, size, TREE.root(size), KEY)


def included(seq: int = 5) -> str:
    return proofs.inclusion(ENTRIES[seq - 1], seq, TREE.inclusion_proof(seq - 1), note())


def grown(old: int = 6) -> str:
    return proofs.consistency(old, TREE.consistency_proof(old), note())


def test_a_proof_of_an_entry_is_a_tlog_proof() -> None:
    first, second, third, *path = included().split("\n\n")[0].split("\n")
    assert (first, third) == ("c2sp.org/tlog-proof@v1", "index 4")
    assert second == "extra " + base64.b64encode(ENTRIES[4]).decode()
    assert [base64.b64decode(node) for node in path] == TREE.inclusion_proof(4)
    assert included().endswith("\n\n" + note())


@pytest.mark.parametrize("seq", range(1, len(ENTRIES) + 1))
def test_every_entry_can_be_proved(seq: int) -> None:
    found = proofs.check_inclusion(included(seq), ORIGIN, PUBLIC)
    assert (found.seq, found.entry, found.checkpoint.size) == (seq, ENTRIES[seq - 1], TREE.size)
    assert found.note == note()


@pytest.mark.parametrize("old", range(1, len(ENTRIES) + 1))
def test_growth_can_be_proved_from_every_size(old: int) -> None:
    found = proofs.check_consistency(grown(old), note(old), ORIGIN, PUBLIC)
    assert (found.older.size, found.checkpoint.size) == (old, TREE.size)


def test_a_log_of_one_entry_needs_no_path() -> None:
    tree = merkle.Tree([merkle.leaf_hash(b"only")])
    signed = checkpoint.sign(ORIGIN, 1, tree.root(), KEY)
    text = proofs.inclusion(b"only", 1, [], signed)
    assert proofs.check_inclusion(text, ORIGIN, PUBLIC).entry == b"only"


@pytest.mark.parametrize("text", [included(), grown()], ids=["inclusion", "consistency"])
def test_no_changed_character_goes_unseen(text: str) -> None:
    assert check(text)
    for at in range(len(text)):
        for other in {"A", "/", "1", "\n", " "} - {text[at]}:
            with pytest.raises(ValueError):
                check(text[:at] + other + text[at + 1 :])
        with pytest.raises(ValueError):
            check(text[:at] + text[at + 1 :])


def check(text: str) -> object:
    if proofs.is_inclusion(text):
        return proofs.check_inclusion(text, ORIGIN, PUBLIC)
    return proofs.check_consistency(text, note(6), ORIGIN, PUBLIC)


def test_another_key_and_another_log_are_refused() -> None:
    with pytest.raises(ValueError, match="bears no signature"):
        proofs.check_inclusion(included(), ORIGIN, OTHER.public_key())
    with pytest.raises(ValueError, match="not 'elsewhere'"):
        proofs.check_inclusion(included(), "elsewhere", PUBLIC)


def test_a_rewritten_log_does_not_grow_out_of_the_checkpoint_you_hold() -> None:
    forged = merkle.Tree([merkle.leaf_hash(entry) for entry in (b"forged", *ENTRIES[1:])])
    signed = checkpoint.sign(ORIGIN, forged.size, forged.root(), KEY)
    text = proofs.consistency(6, forged.consistency_proof(6), signed)
    with pytest.raises(ValueError, match="was rewritten"):
        proofs.check_consistency(text, note(6), ORIGIN, PUBLIC)


def test_a_proof_from_another_size_than_yours_says_so() -> None:
    with pytest.raises(ValueError, match="from size 6, your checkpoint is of size 5"):
        proofs.check_consistency(grown(6), note(5), ORIGIN, PUBLIC)


# The bad examples of github.com/transparency-dev/merkle, proof/tlog_proof_test.go, and more.
@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "wrong-header\nindex 0\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nextra !!notbase64!!\nindex 0\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\n\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex notanumber\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex -5\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex 0\n!!notbase64!!\n\ncheckpoint\n",
        included().replace("index 4", "index 04"),
        included().replace("index 4", "index \u0664"),
        included().replace("\n\n", "\n" + "A" * 43 + "=" + "\n\n", 1),
        included().replace("\n\n", ("\n" + "A" * 43 + "=") * proofs.PATH_MAX + "\n\n", 1),
        included().replace("index 4\n", f"index 4\n{base64.b64encode(bytes(64)).decode()}\n"),
        "x" * (proofs.TEXT_BYTES_MAX + 1),
    ],
)
def test_what_is_no_proof_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        proofs.check_inclusion(text, ORIGIN, PUBLIC)
    with pytest.raises(ValueError):
        proofs.check_consistency(text, note(6), ORIGIN, PUBLIC)
