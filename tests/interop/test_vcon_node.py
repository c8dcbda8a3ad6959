"""Our vCons, read with jose, Node's X.509 and ajv: none of it is ours."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from consent.machine import Event
from recordings.vcon import building, encrypting, signing
from recordings.vcon.certificates import SigningKey
from recordings.vcon.conversation import Gap, LogProof
from recordings.vcon.encrypting import PublicKey
from tests.interop import node
from tests.recordings.conversations import (
    UUID,
    alone,
    at,
    authority,
    conversation,
    ec_key,
    issued,
    rsa_key,
    story,
    track,
    transfer,
    turn,
    words,
)

pytestmark = pytest.mark.interop

SCHEMA = Path(building.__file__).parent / "core-0.4.0.schema.json"

CALLS: dict[str, dict[str, Any]] = {
    "recorded": {
        "transcript": [words("caller", "Grüße 👋", 6)],
        "turns": [turn("dtmf:5", 7)],
        "actions": [transfer("tel:+41449998877", 9)],
        "gaps": [Gap("caller", at(6), 500_000, "gate_closed")],
        "proof": LogProof("c2sp.org/tlog-proof@v1\n", "log+1+key", b"\x30\x03"),
    },
    "refused": {"consent": story((Event.NO, "voice", 4.0)), "tracks": []},
    "unanswered": {"call": {"answered_us": None, "cause": "busy"}, "consent": [], "tracks": []},
    "external": {"tracks": [track("caller", url="https://a.example/caller.wav")]},
    "erased": {"call": {"remote": None, "local": None, "erased": True}, "tracks": []},
}


def read(tmp_path: Path, data: bytes, *key: object) -> dict[str, Any]:
    file = tmp_path / "call.vcon"
    file.write_bytes(data)
    done = node.run("read_vcon.cjs", SCHEMA, file, *key)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", CALLS)
def test_every_kind_of_call_verifies_and_is_as_the_schema_has_it(tmp_path: Path, name: str) -> None:
    plain = building.build(conversation(**CALLS[name]))
    found = read(tmp_path, signing.sign(plain, UUID, rsa_key(), [alone(rsa_key())]))
    assert found["payload"] == plain.decode()
    assert found["problems"] == []
    assert (found["alg"], found["uuid"], found["chained"]) == ("RS256", UUID, True)


def test_es256_and_a_chain_verify(tmp_path: Path) -> None:
    plain, root = building.build(conversation()), rsa_key(1)
    chain = [issued("Ours", ec_key(), "Root", root, ca=False), authority(root)]
    found = read(tmp_path, signing.sign(plain, UUID, ec_key(), chain))
    assert (found["alg"], found["chained"], found["payload"]) == ("ES256", True, plain.decode())


RECIPIENTS: list[tuple[SigningKey, str]] = [
    (rsa_key(1), "RSA-OAEP"),
    (rsa_key(1), "RSA-OAEP-256"),
    (ec_key(1), "ECDH-ES+A256KW"),
]


@pytest.mark.parametrize("alone_in_it", [True, False])
@pytest.mark.parametrize(("key", "algorithm"), RECIPIENTS, ids=[name for _, name in RECIPIENTS])
def test_each_recipient_decrypts_it(
    tmp_path: Path, key: SigningKey, algorithm: str, alone_in_it: bool
) -> None:
    plain = building.build(conversation())
    signed = signing.sign(plain, UUID, rsa_key(), [alone(rsa_key())])
    others: list[PublicKey] = (
        [] if alone_in_it else [rsa_key(2).public_key(), ec_key(2).public_key()]
    )
    for_rsa = algorithm if algorithm.startswith("RSA") else encrypting.RSA_OAEP
    sealed = encrypting.encrypt(signed, UUID, [*others, key.public_key()], for_rsa)
    pem = tmp_path / "theirs.key"
    pem.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    found = read(tmp_path, sealed, pem, algorithm)
    assert found["forms"] == ["encrypted", "signed"]
    assert found["payload"] == plain.decode()


def test_a_changed_one_is_refused_there_too(tmp_path: Path) -> None:
    plain = building.build(conversation())
    signed = json.loads(signing.sign(plain, UUID, rsa_key(), [alone(rsa_key())]))
    file = tmp_path / "call.vcon"
    file.write_text(json.dumps(signed | {"payload": signed["payload"][:-4] + "AAAA"}))
    done = node.run("read_vcon.cjs", SCHEMA, file)
    assert done.returncode == 1
    assert "ERR_JWS_SIGNATURE_VERIFICATION_FAILED" in done.stderr


def test_another_recipient_is_refused_there_too(tmp_path: Path) -> None:
    sealed = encrypting.encrypt(b"{}", UUID, [rsa_key(1).public_key()])
    file, pem = tmp_path / "call.vcon", tmp_path / "others.key"
    file.write_bytes(sealed)
    pem.write_bytes(rsa_key(2).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    done = node.run("read_vcon.cjs", SCHEMA, file, pem, "RSA-OAEP")
    assert done.returncode == 1
    assert "ERR_JWE_DECRYPTION_FAILED" in done.stderr
