"""Sealed values: a token to whoever looks, the value to whoever has the key."""

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import pytest
from cryptography.exceptions import InvalidTag

from runtime.sealed import Sealed, from_json, seal, to_json, unseal

KEY, OTHER = bytes(32), bytes([1]) * 32


@pytest.fixture
def entropy() -> Callable[[int], bytes]:
    draws = itertools.count(1)
    return lambda size: next(draws).to_bytes(size, "big")


def test_text_and_bytes_come_back_as_what_they_were(entropy: Callable[[int], bytes]) -> None:
    assert unseal(seal("Zoë", "key_a", KEY, entropy), KEY) == "Zoë"
    assert unseal(seal(b"\x00\xff", "key_a", KEY, entropy), KEY) == b"\x00\xff"


def test_it_is_a_token_however_it_is_shown(entropy: Callable[[int], bytes]) -> None:
    sealed = seal("+41 44 668 18 00", "key_a", KEY, entropy)

    for shown in (repr(sealed), str(sealed), f"{sealed}", f"{[sealed]}", "%s" % sealed):  # noqa: UP031
        assert shown.strip("[]") == "<sealed key_a>"
    with pytest.raises(TypeError):
        json.dumps(sealed)


def test_the_same_value_looks_different_each_time(entropy: Callable[[int], bytes]) -> None:
    one, two = (seal("yes", "key_a", KEY, entropy) for _ in range(2))

    assert one.box != two.box
    assert one.commitment != two.commitment
    assert sha256(b"yes").digest() not in (one.commitment, two.commitment)


def test_it_opens_with_its_own_key_under_its_own_name_only(
    entropy: Callable[[int], bytes],
) -> None:
    sealed = seal("yes", "key_a", KEY, entropy)

    with pytest.raises(InvalidTag):
        unseal(sealed, OTHER)
    with pytest.raises(InvalidTag):
        unseal(replace(sealed, key_id="key_b"), KEY)


def test_a_commitment_to_something_else_is_noticed(entropy: Callable[[int], bytes]) -> None:
    one, two = (seal(text, "key_a", KEY, entropy) for text in ("yes", "no"))

    with pytest.raises(ValueError, match="committed"):
        unseal(replace(one, commitment=two.commitment), KEY)


def test_it_comes_back_from_the_log_as_it_was(entropy: Callable[[int], bytes]) -> None:
    sealed: Sealed[str] = seal("yes", "key_a", KEY, entropy)

    assert from_json(json.loads(json.dumps(to_json(sealed)))) == sealed
