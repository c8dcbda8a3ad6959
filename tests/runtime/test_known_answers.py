"""Claims about published answers: ours must be the same, to the bit."""

import base64
import json
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from runtime import canonical, checkpoint, merkle
from tests.runtime.test_merkle import INPUTS, ROOTS

# The proofs over the eight inputs, as Certificate Transparency's code has them:
# github.com/transparency-dev/merkle, proof/verify_test.go and rfc6962/rfc6962_test.go; before that
# github.com/google/certificate-transparency, cpp/merkletree/merkle_tree_test.cc.
INCLUSION = [
    (0, 1, []),
    (
        0,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        1,
        5,
        [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
    (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        5,
        8,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
]
CONSISTENCY = [
    (1, 1, []),
    (1, 8, INCLUSION[1][2]),
    (
        2,
        5,
        [
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
    (
        6,
        7,
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        6,
        8,
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
]
LEAVES = [merkle.leaf_hash(entry) for entry in INPUTS]
# The last leaf of a log of another house (Tessera), as it stands in the tests of
# github.com/project-oak/oak, tlog verification.
TESSERA_ENTRY, TESSERA_SIZE = b"hello tesseroak\n", 76_959
TESSERA_ROOT = "QYfrD7XAd4qUHbRBs4dDyDZwpZN4M/cccXr2G56pxkY="
TESSERA_PATH = [
    "fGRlLyuz+L9Jb8+uTSut/2aVc4z7fKFW+clvsb6xjEM=",
    "F6LautOHD5eppkWC0xn/lz00X5g2yLlZAkl2jCI/wdE=",
    "qH7OJxFNup+TDvJuohd2HphKVngfMeMzUK8QChEDcas=",
    "+Y3g758yXtPCRh/eqhLTA3bdcx+cCV1Uah0JdgB0YEs=",
    "vq8cJSjj8dPVmFBRUqDLlaMqW6aAYR2GKugVhgudXLs=",
    "J0z3X5qTb9WFC1gABhVFx0bW1rVZRL+DAoBL2e2h4G4=",
    "NmSbYg25xNFzTRerIsF3HbEMyTIDqW87AQd9ekzopE8=",
    "L8BZipjURnkctkjJtGJs+YyTXMssvNKA7+a8nV2JT/s=",
    "pva4RFzCejMkVMVmYc93As2lbk7WAyrw58TvrzEOjNc=",
]


def test_leaf_and_node_are_hashed_apart_as_published() -> None:
    assert merkle.leaf_hash(b"L123456").hex() == (
        "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
    )
    assert merkle.node_hash(b"N123", b"N456").hex() == (
        "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"
    )


@pytest.mark.parametrize(("index", "size", "path"), INCLUSION)
def test_an_inclusion_proof_is_the_published_one(index: int, size: int, path: list[str]) -> None:
    proof = merkle.inclusion_proof(index, LEAVES[:size])
    assert [node.hex() for node in proof] == path
    root = bytes.fromhex(ROOTS[size - 1])
    assert merkle.verify_inclusion(LEAVES[index], index, size, proof, root)


@pytest.mark.parametrize(("old", "new", "path"), CONSISTENCY)
def test_a_consistency_proof_is_the_published_one(old: int, new: int, path: list[str]) -> None:
    proof = merkle.consistency_proof(old, LEAVES[:new])
    assert [node.hex() for node in proof] == path
    roots = bytes.fromhex(ROOTS[old - 1]), bytes.fromhex(ROOTS[new - 1])
    assert merkle.verify_consistency(old, new, *roots, proof)


def test_a_proof_from_a_large_log_of_another_house_is_accepted() -> None:
    path = [base64.b64decode(node) for node in TESSERA_PATH]
    leaf, root = merkle.leaf_hash(TESSERA_ENTRY), base64.b64decode(TESSERA_ROOT)
    verify = merkle.verify_inclusion
    assert verify(leaf, TESSERA_SIZE - 1, TESSERA_SIZE, path, root)
    assert not verify(leaf, TESSERA_SIZE - 2, TESSERA_SIZE, path, root)
    assert not verify(leaf, TESSERA_SIZE - 1, TESSERA_SIZE, path[1:], root)


# RFC 8785 section 3.2.3, and the test data of its authors where no number is a fraction:
# github.com/cyberphone/json-canonicalization, testdata.
JCS = [
    pytest.param(
        r"""{"\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33":
            "Hebrew Letter Dalet With Dagesh", "1": "One", "\ud83d\ude00": "Emoji: Grinning Face",
            "\u0080": "Control", "\u00f6": "Latin Small Letter O With Diaeresis"}""",
        '{"\\r":"Carriage Return","1":"One","\x80":"Control",'
        '"\u00f6":"Latin Small Letter O With Diaeresis","\u20ac":"Euro Sign",'
        '"\U0001f600":"Emoji: Grinning Face","\ufb33":"Hebrew Letter Dalet With Dagesh"}',
        id="section 3.2.3",
    ),
    pytest.param(
        r"""{"\u20ac": "Euro Sign", "1": "One", "\u0080": "Control\u007f",
            "\ud83d\ude02": "Smiley", "\u00f6": "Latin Small Letter O With Diaeresis",
            "\ufb33": "Hebrew Letter Dalet With Dagesh", "</script>": "Browser Challenge"}""",
        '{"1":"One","</script>":"Browser Challenge","\x80":"Control\x7f",'
        '"\u00f6":"Latin Small Letter O With Diaeresis","\u20ac":"Euro Sign",'
        '"\U0001f602":"Smiley","\ufb33":"Hebrew Letter Dalet With Dagesh"}',
        id="weird.json",
    ),
    pytest.param(
        '{"1": {"f": {"f": "hi","F": 5} ,"\\n": 56}, "10": { }, "": "empty", "a": { },'
        ' "111": [ { } ], "A": { }}',
        '{"":"empty","1":{"\\n":56,"f":{"F":5,"f":"hi"}},"10":{},"111":[{}],"A":{},"a":{}}',
        id="structures.json",
    ),
    pytest.param(
        '{"Unnormalized Unicode":"\\u1e0d\\u0307"}',
        '{"Unnormalized Unicode":"\u1e0d\u0307"}',
        id="unicode.json",
    ),
    pytest.param(
        '{"peach": "This sorting order", "p\u00e9ch\u00e9": "is wrong according to French",'
        ' "p\u00eache": "but canonicalization MUST", "sin": "ingnore locale"}',
        '{"peach":"This sorting order","p\u00e9ch\u00e9":"is wrong according to French",'
        '"p\u00eache":"but canonicalization MUST","sin":"ingnore locale"}',
        id="french.json",
    ),
]


@pytest.mark.parametrize(("given", "wanted"), JCS)
def test_canonical_json_is_that_of_rfc_8785(given: str, wanted: str) -> None:
    assert canonical.encode(json.loads(given)).decode() == wanted


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (0, b"0"),
        (-1, b"-1"),
        (10**15, b"1" + b"0" * 15),
        (9007199254740991, b"9007199254740991"),
        (-9007199254740991, b"-9007199254740991"),
    ],
)
def test_a_whole_number_is_written_as_rfc_8785_appendix_b_has_it(value: int, wanted: bytes) -> None:
    assert canonical.encode(value) == wanted


@pytest.mark.parametrize("number", [b"4.50", b"2e-3", b"333333333.33333329", b"1E30", b"-0.0"])
def test_a_fraction_of_rfc_8785_has_no_place_in_a_log(number: bytes) -> None:
    with pytest.raises(ValueError, match="not an integer"):
        canonical.decode(b'{"numbers":[%s]}' % number)


# The keys of the signed note's reference code, golang.org/x/mod, sumdb/note/note_test.go. A
# checkpoint's text is another, so the signatures below are of the same keys over our text.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
PETER_SAID = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
PETER_SIGNED = (
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
)
ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"


def test_a_private_key_of_the_reference_has_the_verifier_key_of_the_reference() -> None:
    key = Ed25519PrivateKey.from_private_bytes(PETER_SEED)
    assert checkpoint.verifier_key("PeterNeumann", key.public_key()) == PETER


def test_we_sign_as_the_reference_does() -> None:
    key = Ed25519PrivateKey.from_private_bytes(PETER_SEED)
    signed = base64.b64decode(PETER_SIGNED)
    assert key.sign(PETER_SAID.encode()) == signed[4:]
    # The same key id stands before the signature of a checkpoint.
    note = checkpoint.sign("PeterNeumann", 1, sha256().digest(), key)
    assert base64.b64decode(note.split(" ")[-1])[:4] == signed[:4]


@pytest.mark.parametrize("line", [PETER, ENOCH])
def test_a_mangled_verifier_key_of_the_reference_is_refused(line: str) -> None:
    name, key = checkpoint.parse_verifier_key(line)
    assert checkpoint.verifier_key(name, key) == line
    cuts = [line[:at] for at in range(len(line))] + [line[at:] for at in range(1, len(line))]
    bumped = [line[:at] + chr(ord(line[at]) + 1) + line[at + 1 :] for at in range(len(line))]
    for forged in [*cuts, *bumped]:
        with pytest.raises(ValueError):
            checkpoint.parse_verifier_key(forged)


@pytest.mark.parametrize(
    "line",
    [
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ],
    ids=["a key of the wrong length", "an unknown algorithm"],
)
def test_a_false_verifier_key_of_the_reference_is_refused(line: str) -> None:
    with pytest.raises(ValueError):
        checkpoint.parse_verifier_key(line)
