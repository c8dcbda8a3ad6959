"""Claims about signed checkpoints."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from runtime import checkpoint

ORIGIN = "log.example/parley"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
ROOT = bytes(range(32))
NOTE = checkpoint.sign(ORIGIN, 7, ROOT, KEY)
BODY = f"{ORIGIN}\n7\n{base64.b64encode(ROOT).decode()}\n"


def test_a_checkpoint_is_a_signed_note_of_origin_size_and_root() -> None:
    body, signature = NOTE.split("\n\n")
    assert body + "\n" == BODY
    assert signature.startswith(f"\u2014 {ORIGIN} ")
    assert checkpoint.parse(NOTE) == checkpoint.Checkpoint(ORIGIN, 7, ROOT)
    assert checkpoint.verify(NOTE, ORIGIN, KEY.public_key()) == checkpoint.parse(NOTE)


def test_the_example_key_of_the_signed_note_format_is_read() -> None:
    # The example published with the signed note format (Go's sumdb/note package).
    vkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    name, key = checkpoint.parse_verifier_key(vkey)
    assert name == "PeterNeumann"
    assert checkpoint.verifier_key(name, key) == vkey


def test_a_changed_body_is_refused() -> None:
    with pytest.raises(ValueError, match="signature of the checkpoint is false"):
        checkpoint.verify(NOTE.replace("\n7\n", "\n8\n"), ORIGIN, KEY.public_key())


def test_another_key_is_refused() -> None:
    with pytest.raises(ValueError, match="bears no signature"):
        checkpoint.verify(NOTE, ORIGIN, OTHER.public_key())


def test_another_log_is_refused() -> None:
    with pytest.raises(ValueError, match="not 'elsewhere'"):
        checkpoint.verify(NOTE, "elsewhere", KEY.public_key())


def test_signatures_of_unknown_witnesses_are_passed_over() -> None:
    witnessed = NOTE + f"\u2014 witness.example {base64.b64encode(bytes(76)).decode()}\n"
    assert checkpoint.verify(witnessed, ORIGIN, KEY.public_key()).size == 7


def test_an_extension_line_is_passed_over_but_for_control_characters() -> None:
    for line, fine in (("more", True), ("mo\x1bre", False), ("mo\tre", False)):
        body = f"{BODY}{line}\n"
        signature = base64.b64decode(NOTE.split(" ")[-1])[:4] + KEY.sign(body.encode())
        note = f"{body}\n\u2014 {ORIGIN} {base64.b64encode(signature).decode()}\n"
        if fine:
            assert checkpoint.verify(note, ORIGIN, KEY.public_key()).size == 7
        else:
            with pytest.raises(ValueError, match="control characters"):
                checkpoint.verify(note, ORIGIN, KEY.public_key())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        BODY,
        NOTE[:-1],
        NOTE.replace("\n7\n", "\n07\n"),
        NOTE.replace("\n7\n", "\n-7\n"),
        NOTE.replace("\n7\n", "\n9223372036854775808\n"),
        NOTE.replace("\n7\n", "\n\u0667\n"),
        NOTE.replace("AAEC", "AAE"),
        NOTE.replace("Hh8=", "Hh9="),
        NOTE.replace("\u2014", "-"),
        NOTE.replace(f"\u2014 {ORIGIN}", "\u2014 "),
        NOTE + "\u2014 x AA==\n" * checkpoint.SIGNATURES_MAX,
        "x" * checkpoint.TEXT_BYTES_MAX + NOTE,
        "\ud800" + NOTE,
        "\x01" + NOTE,
        NOTE.replace("\n", "\r\n"),
    ],
)
def test_what_is_no_checkpoint_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        checkpoint.verify(text, ORIGIN, KEY.public_key())


@pytest.mark.parametrize(
    ("origin", "size", "root"), [("a b", 1, ROOT), ("a", -1, ROOT), ("a", 1, b"")]
)
def test_only_a_checkpoint_is_signed(origin: str, size: int, root: bytes) -> None:
    with pytest.raises(ValueError, match="not a checkpoint"):
        checkpoint.sign(origin, size, root, KEY)


def test_a_verifier_key_comes_back_and_a_forged_one_does_not() -> None:
    line = checkpoint.verifier_key(ORIGIN, KEY.public_key())
    origin, key = checkpoint.parse_verifier_key(line + "\n")
    assert (origin, raw(key)) == (ORIGIN, raw(KEY.public_key()))
    for forged in ("", "a+b", "x" + line, line[:-4], line.replace("+", "+0", 1)):
        with pytest.raises(ValueError):
            checkpoint.parse_verifier_key(forged)
    with pytest.raises(ValueError, match="cannot name"):
        checkpoint.verifier_key("a+b", KEY.public_key())


def test_a_private_key_comes_back_from_its_pem() -> None:
    pem = checkpoint.private_key_to_pem(KEY)
    assert pem.startswith(b"-----BEGIN PRIVATE KEY-----")
    assert raw(checkpoint.private_key_from_pem(pem).public_key()) == raw(KEY.public_key())
    with pytest.raises(ValueError):
        checkpoint.private_key_from_pem(b"nonsense")


def raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes_raw()
