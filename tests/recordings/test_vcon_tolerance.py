"""Claims about what is read with goodwill: older syntaxes, and what the drafts' examples do."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from jwcrypto.jwe import JWE
from jwcrypto.jwk import JWK

from recordings.vcon.errors import VconError
from recordings.vcon.opening import Opened, open_vcon
from recordings.vcon.values import base64url
from tests.recordings.conversations import NOW, UUID, alone, rsa_key

CREATED = {"uuid": UUID, "created_at": "2026-03-01T14:00:00Z"}
HASH = "A" * 86


def opened(vcon: dict[str, Any], **more: Any) -> Opened:
    return open_vcon(json.dumps(vcon).encode(), now=NOW, **more)


def dialog(**changes: Any) -> dict[str, Any]:
    return {"type": "recording", "start": "2026-03-01T14:00:00+00:00"} | changes


def test_a_vcon_of_0_0_1_is_read_as_one_of_today() -> None:
    recording = dialog(
        mimetype="audio/x-wav",
        url="https://a.example/x.wav",
        alg="SHA-512",
        signature=HASH,
    )
    found = opened({"vcon": "0.0.1", **CREATED, "parties": [{}], "dialog": [recording]})
    assert found.problems == ()
    read = found.vcon["dialog"][0]
    assert (read["mediatype"], read["content_hash"]) == ("audio/x-wav", f"sha512-{HASH}")
    assert len(found.notes) == 3


def test_a_vcon_of_0_0_2_has_its_transfers_renamed() -> None:
    moved = dialog(type="transfer") | {"transfer-target": 0, "target-dialog": 0}
    read = opened({"vcon": "0.0.2", **CREATED, "parties": [{}], "dialog": [moved]}).vcon["dialog"]
    assert (read[0]["transfer_target"], read[0]["target_dialog"]) == (0, 0)


def test_a_vcon_of_0_3_0_has_its_whole_renamed() -> None:
    old: dict[str, Any] = {
        "vcon": "0.3.0",
        **CREATED,
        "must_support": ["unheard_of"],
        "appended": {"uuid": UUID},
    }
    old |= {"dialog": [dialog(session_id="ab12")]}
    found = opened(old)
    assert found.vcon["amended"] == {"uuid": UUID}
    assert found.vcon["dialog"][0]["session_id"] == {"local": "ab12"}
    # An older name for what must not be read without being known, and as binding.
    assert any("unheard_of" in problem for problem in found.problems)


@pytest.mark.parametrize(
    ("old", "new"), [("mimetype", "mediatype"), ("transfer-target", "transfer_target")]
)
def test_two_names_that_disagree_are_refused(old: str, new: str) -> None:
    vcon = {**CREATED, "dialog": [dialog() | {old: "a", new: "b"}]}
    with pytest.raises(VconError, match="says something else"):
        opened(vcon)


def test_an_unknown_hash_is_not_taken_for_a_known_one() -> None:
    with pytest.raises(VconError, match="none that we know"):
        opened({**CREATED, "dialog": [dialog(alg="MD5", signature="AAAA")]})


def test_what_the_examples_of_the_draft_leave_out_is_told() -> None:
    found = opened({"uuid": UUID, "redacted": {}, "dialog": [{}], "attachments": []})
    assert found.problems == ()
    assert len(found.notes) == 3


def test_json_in_a_string_is_taken_and_never_unpacked() -> None:
    bomb = "[" * 100_000
    analysis = {"type": "x", "vendor": "y", "encoding": "json", "body": bomb}
    found = opened({**CREATED, "analysis": [analysis]})
    assert found.vcon["analysis"][0]["body"] == bomb
    assert any("JSON in a string" in note for note in found.notes)


def test_an_attachment_that_says_type_has_a_purpose() -> None:
    attachment = {"type": "lawful_basis", "encoding": "json", "body": {}}
    found = opened({**CREATED, "parties": [{}], "dialog": [dialog()], "attachments": [attachment]})
    assert found.vcon["attachments"][0]["purpose"] == "lawful_basis"
    assert found.problems == ()


def as_in_the_draft(protected: dict[str, Any], header: dict[str, Any]) -> dict[str, Any]:
    """Signed as the draft's example is: names stand in both headers."""
    payload = base64url(json.dumps({"uuid": UUID, "parties": []}).encode())
    head = base64url(json.dumps(protected).encode())
    made = rsa_key().sign(f"{head}.{payload}".encode(), PKCS1v15(), SHA256())
    signature = {"protected": head, "header": header, "signature": base64url(made)}
    return {"payload": payload, "signatures": [signature]}


def test_headers_that_repeat_a_name_are_read_where_they_agree() -> None:
    der = alone(rsa_key()).public_bytes(Encoding.DER)
    head = {"alg": "RS256", "typ": "JWT", "x5c": [base64.b64encode(der).decode()]}
    del (told := dict(head))["typ"]
    assert opened(as_in_the_draft(head, told | {"uuid": UUID})).is_signed
    with pytest.raises(VconError, match="another 'alg'"):
        opened(as_in_the_draft(head, told | {"alg": "RS512"}))


@pytest.mark.parametrize("enc", ["A256CBC-HS512", "A128GCM"])
def test_an_encrypted_one_repeats_its_names_too(enc: str) -> None:
    der = alone(rsa_key()).public_bytes(Encoding.DER)
    signed = as_in_the_draft({"alg": "RS256", "x5c": [base64.b64encode(der).decode()]}, {})
    head = {"alg": "RSA-OAEP", "enc": "A256CBC-HS512"}
    jwe = JWE(json.dumps(signed).encode(), protected=json.dumps(head))
    jwe.add_recipient(JWK.from_pyca(rsa_key(1).public_key()))
    flat = json.loads(jwe.serialize())
    told = {"header": {"enc": enc}, "encrypted_key": flat.pop("encrypted_key")}
    flat |= {"recipients": [told], "unprotected": {"enc": enc, "cty": "application/vcon+json"}}
    if enc == "A256CBC-HS512":
        assert opened(flat, key=rsa_key(1)).forms == ("encrypted", "signed", "unsigned")
    else:
        with pytest.raises(VconError, match="another 'enc'"):
            opened(flat, key=rsa_key(1))
