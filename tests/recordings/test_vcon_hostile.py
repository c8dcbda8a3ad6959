"""vCons of people who mean harm: each is refused for its own reason, or says nothing.

The list is kept here: add what you think of.
"""

import base64
import gzip
import hmac
import json
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwcrypto.jwe import JWE
from jwcrypto.jwk import JWK

from recordings.vcon import building, encrypting, signing, strict_json
from recordings.vcon.errors import VconError
from recordings.vcon.opening import Opened, open_vcon
from recordings.vcon.values import base64url
from tests.recordings.conversations import NOW, UUID, alone, conversation, ec_key, rsa_key

PLAIN = building.build(conversation())
KEY = rsa_key()
SIGNED = signing.sign(PLAIN, UUID, KEY, [alone(KEY)])


def opened(data: bytes, **more: Any) -> Opened:
    return open_vcon(data, now=NOW, **more)


def whole() -> Any:
    return json.loads(SIGNED)


def refused(data: object, reason: str, **more: Any) -> None:
    encoded = data if isinstance(data, bytes) else json.dumps(data).encode()
    with pytest.raises(VconError, match=reason):
        opened(encoded, **more)


def plain(**changes: Any) -> bytes:
    return json.dumps(json.loads(PLAIN) | changes).encode()


# What is read is what was signed.


def test_a_name_written_beside_the_payload_is_not_read() -> None:
    forged = whole() | {"parties": [{"name": "Mallory"}], "dialog": []}
    found = opened(json.dumps(forged).encode())
    assert found.dropped == ("dialog", "parties")
    assert found.payload == PLAIN
    assert "Mallory" not in json.dumps(found.vcon)


def test_a_changed_payload_is_refused() -> None:
    forged = whole() | {"payload": base64url(plain(subject="another"))}
    refused(forged, "does not hold")


def test_a_signature_of_another_vcon_is_refused() -> None:
    other = json.loads(signing.sign(plain(subject="x"), UUID, KEY, [alone(KEY)]))
    refused(whole() | {"signatures": other["signatures"]}, "does not hold")


def test_a_certificate_put_in_the_place_of_the_signers_is_refused() -> None:
    forged = whole()
    ours = base64.b64encode(alone(rsa_key(1)).public_bytes(Encoding.DER)).decode()
    forged["signatures"][0]["header"]["x5c"] = [ours]
    refused(forged, "does not hold")


def test_no_signature_is_as_bad_as_a_false_one() -> None:
    refused(whole() | {"signatures": []}, "0 signatures")


def test_of_two_signatures_both_hold_or_none_counts() -> None:
    good = whole()["signatures"][0]
    other = json.loads(signing.sign(PLAIN, UUID, ec_key(), [alone(ec_key())]))["signatures"][0]
    found = opened(json.dumps(whole() | {"signatures": [good, other]}).encode())
    assert len(found.signers) == 2
    refused(whole() | {"signatures": [good, other | {"signature": good["signature"]}]}, "not hold")
    refused(
        whole() | {"signatures": [good, other]}, "none of the authorities", anchors=[alone(KEY)]
    )
    refused(whole() | {"signatures": [good] * 5}, "5 signatures")


def test_a_uuid_in_the_header_that_is_of_another_vcon_is_told() -> None:
    forged = whole()
    forged["signatures"][0]["header"]["uuid"] = "01a20009-3f1d-89f1-85f8-fbd25a68c09c"
    assert any("uuid" in problem for problem in opened(json.dumps(forged).encode()).problems)


# Which algorithm, and whose key, is not for the sender to say.


def with_header(protected: dict[str, Any], sign: Callable[[bytes], bytes]) -> dict[str, Any]:
    forged: dict[str, Any] = whole()
    head = base64url(json.dumps(protected).encode())
    made = base64url(sign(f"{head}.{forged['payload']}".encode()))
    forged["signatures"][0] |= {"protected": head, "signature": made}
    return forged


@pytest.mark.parametrize("name", ["none", "None", "NONE", "", None, ["RS256"], "RS1", "RS512"])
def test_algorithms_that_are_none_are_refused(name: object) -> None:
    refused(with_header({"alg": name}, lambda _: b""), "it is signed with")


def test_a_public_key_is_no_secret_to_sign_with() -> None:
    pem = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    der = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    for secret in (pem, der):
        forged = with_header({"alg": "HS256"}, partial(hmac.digest, secret, digest="sha256"))
        refused(forged, "it is signed with 'HS256'")


def test_an_algorithm_goes_with_its_own_kind_of_key() -> None:
    refused(with_header({"alg": "ES256"}, lambda _: bytes(64)), "does not go with the key")
    refused(with_header({"alg": "PS256"}, lambda _: bytes(256)), "does not hold")


def test_an_algorithm_that_nobody_protected_is_none() -> None:
    forged = with_header({"typ": "vcon"}, lambda _: b"")
    forged["signatures"][0]["header"]["alg"] = "RS256"
    refused(forged, "it is signed with 'None'")


def test_headers_that_disagree_are_refused() -> None:
    forged = whole()
    forged["signatures"][0]["header"]["alg"] = "none"
    refused(forged, "another 'alg'")


@pytest.mark.parametrize("extra", [{"crit": ["x"], "x": 1}, {"b64": False}, {"crit": []}])
def test_headers_that_ask_for_more_are_refused(extra: dict[str, Any]) -> None:
    refused(with_header({"alg": "RS256"} | extra, lambda _: b""), "crit, b64")


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({}, "no certificate"),
        ({"x5u": "http://127.0.0.1/x"}, "never fetched"),
        ({"jwk": json.loads(JWK.from_pyca(KEY.public_key()).export())}, "no certificate"),
        ({"x5c": []}, "1 to 8"),
        ({"x5c": ["AAAA"]}, "cannot be read"),
        ({"x5c": ["%%%"]}, "base64"),
        ({"x5c": ["AAAA"] * 9}, "1 to 8"),
        ({"x5c": "AAAA"}, "no certificate"),
        ([], "a header is an object"),
    ],
)
def test_keys_come_from_certificates_and_from_nowhere_else(header: object, reason: str) -> None:
    forged = whole()
    forged["signatures"][0]["header"] = header
    refused(forged, reason)


def test_weak_keys_prove_nothing() -> None:
    short = rsa.generate_private_key(public_exponent=65_537, key_size=1_024)
    other = ec.generate_private_key(ec.SECP256K1())
    for key in (short, other):
        forged = whole()
        der = alone(key).public_bytes(Encoding.DER)
        forged["signatures"][0]["header"]["x5c"] = [base64.b64encode(der).decode()]
        refused(forged, "neither RSA of 2048 bits nor P-256")


# Encryption proves nothing about who speaks.


def encrypted(
    inside: bytes, protected: dict[str, Any], header: dict[str, Any] | None = None
) -> dict[str, Any]:
    jwe = JWE(inside, protected=json.dumps(protected))
    jwe.add_recipient(
        JWK.from_pyca(rsa_key(1).public_key()), header=json.dumps(header or {"alg": "RSA-OAEP"})
    )
    flat: dict[str, Any] = json.loads(jwe.serialize())
    flat["recipients"] = [
        {"header": flat.pop("header"), "encrypted_key": flat.pop("encrypted_key")}
    ]
    return flat


ENC = {"enc": "A256CBC-HS512"}


def test_what_was_encrypted_by_anybody_and_signed_by_nobody_is_refused() -> None:
    refused(encrypted(PLAIN, ENC), "without being signed", key=rsa_key(1))


def test_a_bomb_in_a_jwe_is_not_unpacked() -> None:
    bomb = encrypted(bytes(10_000_000), ENC | {"zip": "DEF"})
    refused(bomb, "zip", key=rsa_key(1))


def test_what_stands_beside_the_ciphertext_is_not_read() -> None:
    data = json.loads(encrypting.encrypt(SIGNED, UUID, [rsa_key(1).public_key()]))
    found = opened(json.dumps(data | {"parties": [{"name": "Mallory"}]}).encode(), key=rsa_key(1))
    assert found.dropped == ("parties",)
    assert "Mallory" not in json.dumps(found.vcon)


@pytest.mark.parametrize("name", ["ciphertext", "tag", "iv", "protected"])
def test_a_changed_part_of_a_jwe_is_refused(name: str) -> None:
    data = json.loads(encrypting.encrypt(SIGNED, UUID, [rsa_key(1).public_key()]))
    changed = data[name][:-2] + ("AA" if data[name][-2:] != "AA" else "BB")
    with pytest.raises(VconError):
        opened(json.dumps(data | {name: changed}).encode(), key=rsa_key(1))


@pytest.mark.parametrize(
    "change",
    [
        {"recipients": []},
        {"recipients": {}},
        {"recipients": [1]},
        {"recipients": [{}] * 33},
        {"recipients": [{"header": {"alg": "dir"}, "encrypted_key": ""}]},
        {"recipients": [{"header": {"alg": "PBES2-HS256+A128KW", "p2c": 10**9}}]},
        {"unprotected": {"enc": "A128GCM"}},
        {"iv": 7},
    ],
)
def test_a_jwe_that_is_none_is_refused(change: dict[str, Any]) -> None:
    data = json.loads(encrypting.encrypt(SIGNED, UUID, [rsa_key(1).public_key()]))
    with pytest.raises(VconError):
        opened(json.dumps(data | change).encode(), key=rsa_key(1))


# Sizes and shapes.


def test_a_bomb_in_gzip_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strict_json, "BYTES_MAX", 100_000)
    refused(gzip.compress(bytes(10_000_000)), "larger than 100000")
    refused(gzip.compress(PLAIN)[:-20], "cut off")
    refused(gzip.compress(b"{}") + b"more", "after what was packed")
    refused(b"\x1f\x8b" + zlib.compress(b"{}"), "cannot be unpacked")


def test_a_packed_payload_is_read() -> None:
    data = signing.sign(gzip.compress(PLAIN), UUID, KEY, [alone(KEY)])
    assert opened(data).vcon["uuid"] == UUID


def test_what_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strict_json, "BYTES_MAX", 100)
    refused(PLAIN, "larger than 100")


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_what_is_nested_too_deep_is_refused(opening: str) -> None:
    refused((opening * 100_000).encode(), "deeper than 64")
    refused(plain(attachments=json.loads("[" * 70 + "]" * 70)), "deeper than 64")


def test_more_values_than_a_call_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strict_json, "VALUES_MAX", 1_000)
    refused(b"[" + b"[]," * 1_000 + b"0]", "more than 1000 values")


def test_structure_within_strings_is_none() -> None:
    vcon = opened(plain(subject='[[{"' * 1_000 + "\\")).vcon
    assert vcon["subject"].startswith("[[{")


@pytest.mark.parametrize("layers", [5, 9])
def test_what_is_wrapped_without_end_is_refused(layers: int) -> None:
    data = PLAIN
    for _ in range(layers):
        data = signing.sign(data, UUID, ec_key(), [alone(ec_key())])
    refused(data, "wrapped more than 5 times")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"{", "not JSON"),
        (b'{"a": 1}{"b": 2}', "not JSON"),
        (b'"' + b"\\" * 99, "not JSON"),
        (b"[1]", "not an object"),
        (b"null", "not an object"),
        (b'{"uuid": "a", "uuid": "b"}', "'uuid' twice"),
        (b'{"parties": [{"name": "A", "name": "B"}]}', "'name' twice"),
        (b'{"duration": NaN}', "NaN is not JSON"),
        (b'{"duration": Infinity}', "Infinity is not JSON"),
        (b'{"duration": 1e999}', "no number"),
        (b'{"duration": ' + b"9" * 5_000 + b"}", "no number"),
        (b'{"vcon": "9.9.9"}', "its syntax is"),
        (b'{"payload": 1, "signatures": [1]}', "no JWS"),
        (b'{"payload": "", "signatures": [1]}', "a signature is an object"),
        (b'{"payload": "", "signatures": [{}]}', "no protected header"),
        (b'{"payload": "", "signatures": [{"protected": "?", "signature": ""}]}', "base64url"),
        (b'{"payload": "", "signatures": [{"protected": "e30", "signature": ""}]}', "signed with"),
        (b'{"ciphertext": 1, "recipients": 1}', "--key"),
    ],
)
def test_what_is_no_vcon_is_refused(data: bytes, reason: str) -> None:
    refused(data, reason)


def test_a_header_that_says_a_name_twice_is_refused() -> None:
    forged = whole()
    forged["signatures"][0]["protected"] = base64url(b'{"alg":"RS256","alg":"none"}')
    refused(forged, "'alg' twice")


# What is well signed may still be badly made: it is told, each in its place.


def problems(**changes: Any) -> str:
    return "\n".join(opened(plain(**changes)).problems)


def dialog(**changes: Any) -> dict[str, Any]:
    return {"type": "recording", "start": "2026-03-01T14:00:00Z"} | changes


def event(**changes: Any) -> dict[str, Any]:
    return {"party": 0, "time": "2026-03-01T14:00:00Z", "event": "join"} | changes


AUDIO = {"mediatype": "audio/x-wav", "encoding": "base64url"}


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (dialog(parties=7), "names 7, and there are 2"),
        (dialog(parties=[0, [1, 2], None]), "names 2, and there are 2"),
        (dialog(parties=-1), "none of the forms"),
        (dialog(parties=True), "none of the forms"),
        (dialog(originator=2), "originator names 2"),
        (dialog(party_history=[event(party=3)]), "names 3"),
        (dialog(party_history=[event(event="keyup")]), "which button"),
        (dialog(party_history=[event(), event(time="2026-02-01T14:00:00Z")]), "is before"),
        (dialog(type="incomplete"), "does not say why"),
        (dialog(type="recording-set"), "recordings belong"),
        (dialog(recordings=[0]), "recordings belong"),
        (dialog(type="recording-set", recordings=[9]), "names 9"),
        (dialog(type="recording-set", recordings=[0]), "which is no recording"),
        (dialog(recording_set=0), "which does not name it"),
        (dialog(type="transfer", parties=0), "is a transfer and has parties"),
        (dialog(transferee=0), "belongs to a transfer"),
        (dialog(type="transfer", original=4), "original names 4"),
        (dialog(type="incomplete", disposition="busy", body="", encoding="none"), "has a body"),
        (dialog(body="AAAA", url="https://a.example/", content_hash="sha512-x", **AUDIO), "both"),
        (dialog(body="AAAA", mediatype="audio/x-wav"), "no encoding"),
        (dialog(body="????", **AUDIO), "not base64url"),
        (dialog(body=[1], **AUDIO), "no text"),
        (dialog(body="AAAA", encoding="base64url"), "no mediatype"),
        (dialog(body="AAAA", **AUDIO), "is not audio/x-wav"),
        (dialog(body="AAAA", encoding="none", mediatype="x/sh"), "none that a dialog"),
        (dialog(encoding="none"), "no body"),
        (dialog(url="https://a.example/x.wav"), "no content_hash"),
        (dialog(url="https://a.example/x.wav", content_hash="md5-AAAA"), "no SHA-512"),
        (dialog(url="https://a.example/x.wav", content_hash=[]), "no content_hash"),
        (dialog(url="file:///etc/passwd", content_hash="sha512-" + "A" * 86), "no https"),
        (dialog(url="http://169.254.169.254/", content_hash="sha512-" + "A" * 86), "no https"),
        (dialog(url="https://[/", content_hash="sha512-" + "A" * 86), "no uri"),
        (dialog(start="yesterday"), "no date-time"),
        (dialog(start="2026-13-01T00:00:00Z"), "no date-time"),
        (dialog(duration=-1), "none of the forms"),
        (dialog(type="video"), "none of recording"),
        (7, "not of type object"),
    ],
)  # fmt: skip
def test_a_dialog_that_is_badly_made_is_told(item: object, reason: str) -> None:
    assert reason in problems(dialog=[item], analysis=[], attachments=[])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"uuid": "7"}, "no uuid"),
        ({"uuid": None}, "not of type string"),
        ({"created_at": 7}, "not of type string"),
        ({"updated_at": "2001-01-01T00:00:00Z"}, "before created_at"),
        ({"critical": ["unheard_of"]}, "it is not to be read"),
        ({"redacted": {"type": "x"}, "amended": {"uuid": UUID}}, "both redacted and amended"),
        ({"redacted": {"uuid": UUID}}, "has no type"),
        ({"parties": {}}, "not of type array"),
        ({"parties": [{"tel": 7}]}, "not of type string"),
        ({"analysis": [{"type": "x", "vendor": "y", "dialog": 9}]}, "names 9"),
        ({"attachments": [{"party": 9, "dialog": 0, "start": "2026-03-01T14:00:00Z"}]}, "names 9"),
    ],
)
def test_a_vcon_that_is_badly_made_is_told(changes: dict[str, Any], reason: str) -> None:
    assert reason in problems(**changes)


def test_a_vcon_with_a_thousand_faults_is_told_in_two_hundred_lines() -> None:
    found = opened(plain(dialog=[7] * 1_000)).problems
    assert len(found) == 200
