"""Claims about the signed and the encrypted form, and about who vouches for them."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from recordings.vcon import building, encrypting, signing
from recordings.vcon.certificates import Certificate, SigningKey
from recordings.vcon.errors import VconError
from recordings.vcon.opening import Opened, open_vcon
from recordings.vcon.values import unbase64url
from tests.recordings.conversations import (
    DAY,
    NOW,
    UUID,
    alone,
    authority,
    conversation,
    ec_key,
    issued,
    rsa_key,
)

PLAIN = building.build(conversation())


def signed(key: SigningKey | None = None, chain: list[Certificate] | None = None) -> bytes:
    key = key or rsa_key()
    return signing.sign(PLAIN, UUID, key, chain or [alone(key)])


def opened(data: bytes, **more: Any) -> Opened:
    return open_vcon(data, now=more.pop("now", NOW), **more)


@pytest.mark.parametrize(("key", "algorithm"), [(rsa_key(), "RS256"), (ec_key(), "ES256")])
def test_what_is_signed_is_opened_again(key: SigningKey, algorithm: str) -> None:
    found = opened(signed(key))
    assert found.payload == PLAIN
    assert found.forms == ("signed", "unsigned")
    assert [one.algorithm for one in found.signers] == [algorithm]
    assert (found.problems, found.notes, found.dropped) == ((), (), ())


def test_headers_share_no_name_and_the_algorithm_is_protected() -> None:
    whole = json.loads(signed())
    assert whole.keys() == {"payload", "signatures"}
    (one,) = whole["signatures"]
    assert json.loads(unbase64url(one["protected"])) == {"alg": "RS256"}
    assert one["header"].keys() == {"x5c", "uuid"}
    der = alone(rsa_key()).public_bytes(Encoding.DER)
    assert base64.b64decode(one["header"]["x5c"][0])[:100] == der[:100]


def test_a_certificate_of_another_key_signs_nothing() -> None:
    with pytest.raises(VconError, match="of another key"):
        signed(rsa_key(), [alone(rsa_key(1))])


@pytest.mark.parametrize("algorithm", [encrypting.RSA_OAEP, encrypting.RSA_OAEP_256])
def test_each_recipient_opens_it_and_nobody_else(algorithm: str) -> None:
    keys: list[SigningKey] = [rsa_key(1), ec_key(1)]
    data = encrypting.encrypt(signed(), UUID, [key.public_key() for key in keys], algorithm)
    for key in keys:
        found = opened(data, key=key)
        assert (found.payload, found.forms[:2]) == (PLAIN, ("encrypted", "signed"))
    for stranger in (rsa_key(2), ec_key(2)):
        with pytest.raises(VconError, match="not for the key"):
            opened(data, key=stranger)
    with pytest.raises(VconError, match="--key"):
        opened(data)


def test_one_recipient_stands_in_a_list_too() -> None:
    whole = json.loads(encrypting.encrypt(signed(), UUID, [rsa_key(1).public_key()]))
    assert json.loads(unbase64url(whole["protected"])) == {"enc": "A256CBC-HS512"}
    assert whole["unprotected"] == {"cty": "application/vcon", "uuid": UUID}
    (recipient,) = whole["recipients"]
    assert recipient["header"] == {"alg": "RSA-OAEP"}
    assert b"tel:+41790001122" not in json.dumps(whole).encode()


def chain_of_three(**changes: Any) -> list[Certificate]:
    root, middle, leaf = rsa_key(1), rsa_key(2), rsa_key()
    ca = issued("Middle", middle, "Root", root, ca=True, **changes)
    return [issued("Signer", leaf, "Middle", middle, ca=False), ca, authority(root)]


def test_a_chain_leads_to_whom_one_trusts() -> None:
    chain = chain_of_three()
    data = signed(chain=chain)
    for anchor in (chain[2], chain[1], chain[0]):
        (signer,) = opened(data, anchors=[anchor]).signers
        assert signer.anchor == anchor
    (signer,) = opened(signed(chain=chain[:2]), anchors=[chain[2]]).signers
    assert signer.anchor == chain[2]


def test_a_certificate_may_be_trusted_for_itself() -> None:
    ours = alone(rsa_key())
    (signer,) = opened(signed(chain=[ours]), anchors=[ours]).signers
    assert signer.anchor == ours


def test_another_authority_of_the_same_name_vouches_for_nobody() -> None:
    with pytest.raises(VconError, match="none of the authorities"):
        opened(signed(chain=chain_of_three()), anchors=[authority(rsa_key(3))])


def test_a_chain_that_is_out_of_order_is_broken() -> None:
    leaf, middle, root = chain_of_three()
    with pytest.raises(VconError, match="broken"):
        opened(signed(chain=[leaf, root, middle]), anchors=[root])


def test_a_chain_ends_with_the_first_of_its_certificates() -> None:
    chain = chain_of_three(until=NOW - DAY)
    with pytest.raises(VconError, match="Middle is valid from"):
        opened(signed(chain=chain), anchors=[chain[2]])
    with pytest.raises(VconError, match="is valid from"):
        opened(signed(), now=NOW + timedelta(days=5_000))
    with pytest.raises(VconError, match="is valid from"):
        opened(signed(), now=NOW - timedelta(days=9))


def test_a_chain_that_does_not_hold_is_told_where_nobody_is_trusted() -> None:
    leaf, middle, root = chain_of_three()
    (signer,) = opened(signed(chain=[leaf, root, middle])).signers
    assert signer.anchor is None
    assert signer.doubt is not None and "broken" in signer.doubt


def test_who_is_no_authority_vouches_for_nobody() -> None:
    root, middle, leaf = rsa_key(1), rsa_key(2), rsa_key()
    person = issued("Middle", middle, "Root", root, ca=False)
    chain = [issued("Signer", leaf, "Middle", middle, ca=False), person]
    with pytest.raises(VconError, match="no authority"):
        opened(signed(chain=chain), anchors=[authority(root)])


def test_an_authority_for_some_names_only_is_not_taken_for_one_of_all() -> None:
    root, middle, leaf = rsa_key(1), rsa_key(2), rsa_key()
    within = x509.NameConstraints([x509.DNSName("a.example")], None)
    ca = issued("Middle", middle, "Root", root, ca=True, limit=within)
    chain = [issued("Signer", leaf, "Middle", middle, ca=False), ca]
    with pytest.raises(VconError, match="limited in a way"):
        opened(signed(chain=chain), anchors=[authority(root)])


def test_a_certificate_for_something_else_signs_no_vcon() -> None:
    names = ("content_commitment", "key_agreement", "key_cert_sign", "crl_sign")
    others = ("digital_signature", "data_encipherment", "encipher_only", "decipher_only")
    usage = x509.KeyUsage(key_encipherment=True, **dict.fromkeys((*names, *others), False))
    server = issued("Server", rsa_key(), "Root", rsa_key(1), ca=False, limit=usage)
    with pytest.raises(VconError, match="not for signing"):
        opened(signed(chain=[server]))


def test_an_authority_for_signers_only_makes_no_other_authority() -> None:
    root, middle, low, leaf = rsa_key(1), rsa_key(2), rsa_key(3), rsa_key()
    top = issued("Root", root, "Root", root, ca=True, path_length=0)
    chain = [
        issued("Signer", leaf, "Low", low, ca=False),
        issued("Low", low, "Middle", middle, ca=True),
        issued("Middle", middle, "Root", root, ca=True),
    ]
    with pytest.raises(VconError, match="none of the authorities"):
        opened(signed(chain=chain), anchors=[top])
    with pytest.raises(VconError, match="no authority"):
        opened(signed(chain=[*chain, top]), anchors=[top])


def test_what_was_signed_long_ago_is_signed_again_around_it() -> None:
    again = signing.sign(signed(), UUID, ec_key(), [alone(ec_key())])
    found = opened(again)
    assert [one.algorithm for one in found.signers] == ["ES256", "RS256"]
    assert found.payload == PLAIN
