"""vCons with anything changed anywhere: read, or refused with a reason; never anything else."""

import base64
import json
import random
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from parley import vcon_telling
from recordings.vcon import building, encrypting, signing
from recordings.vcon.errors import VconError
from recordings.vcon.opening import open_vcon
from tests.recordings.conversations import (
    NOW,
    UUID,
    alone,
    authority,
    conversation,
    ec_key,
    track,
    transfer,
    turn,
    words,
)

ROUNDS = 400

PLAIN = building.build(
    conversation(
        transcript=[words("caller", "hello", 6)],
        turns=[turn("dtmf:5", 7)],
        actions=[transfer("sip:a@b", 9)],
        tracks=[track("caller", url="https://a.example/c.wav")],
    )
)
OURS = alone(ec_key())
ROOT = authority(ec_key(2))
SIGNED = signing.sign(PLAIN, UUID, ec_key(), [OURS])
SEALED = encrypting.encrypt(SIGNED, UUID, [ec_key(1).public_key()])

STRANGE: list[Any] = [
    *(None, True, False, 0, -1, 10**40, 1.5, 1e300, "", "\ud800", "\x1b[2J", "A" * 5_000),
    *([], {}, [[]], [None], {"": {}}, [[[[1]]]], "2026-03-01T14:00:00Z", "https://[", "none"),
]
NAMES = [
    "type",
    "parties",
    "start",
    "body",
    "mimetype",
    "alg",
    "signature",
    "header",
    "x5c",
    "vcon",
]


def places(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Every container with a key or index of it."""
    if isinstance(value, dict | list):
        for name in list(value) if isinstance(value, dict) else range(len(value)):
            found.append((value, name))
            places(value[name], found)
    return found


def change(whole: Any, chance: random.Random) -> None:
    """One value replaced, removed, doubled or moved under another name."""
    if not (found := places(whole, [])):
        return
    container, name = chance.choice(found)
    match chance.randrange(4):
        case 0:
            container[name] = deepcopy(chance.choice(STRANGE))
        case 1:
            del container[name]
        case 2 if isinstance(container, list):
            container += deepcopy([container[name]] * chance.choice((1, 9, 40)))
        case _ if isinstance(container, dict):
            container[chance.choice(NAMES)] = deepcopy(container[name])
        case _:
            container[name] = [container[name]]


def opened_or_refused(data: bytes) -> None:
    try:
        opened = open_vcon(data, now=NOW, anchors=[OURS], key=ec_key(1))
    except VconError:
        try:
            opened = open_vcon(data, now=NOW, key=ec_key(1))
        except VconError:
            return
    told = [*vcon_telling.verdict(opened, trusted=False)]
    if not opened.problems:
        told += vcon_telling.told(opened)
    assert all(line.isprintable() for line in told)


@pytest.mark.parametrize("data", [PLAIN, SIGNED, SEALED], ids=["plain", "signed", "sealed"])
def test_changed_values_are_read_or_refused(data: bytes) -> None:
    for seed in range(ROUNDS):
        chance, whole = random.Random(seed), json.loads(data)
        for _ in range(chance.choice((1, 2, 5))):
            change(whole, chance)
        opened_or_refused(json.dumps(whole).encode())


def flipped(data: bytearray, chance: random.Random) -> None:
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def cut(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(len(data)) :]


def moved(data: bytearray, chance: random.Random) -> None:
    begin = chance.randrange(len(data))
    at, piece = chance.randrange(len(data)), data[begin : begin + 40]
    data[at:at] = piece


@pytest.mark.parametrize("damage", [flipped, cut, moved])
def test_changed_bytes_are_read_or_refused(
    damage: Callable[[bytearray, random.Random], None],
) -> None:
    for seed in range(ROUNDS):
        chance = random.Random(seed)
        data = bytearray(chance.choice((PLAIN, SIGNED, SEALED)))
        damage(data, chance)
        opened_or_refused(bytes(data))


def test_changed_certificates_are_read_or_refused() -> None:
    for seed in range(ROUNDS):
        chance, whole = random.Random(seed), json.loads(SIGNED)
        header = whole["signatures"][0]["header"]
        chain: list[str] = []
        for der in (OURS.public_bytes(Encoding.DER), ROOT.public_bytes(Encoding.DER)):
            changed = bytearray(der)
            if chance.randrange(3):
                chance.choice((flipped, cut, moved))(changed, chance)
            chain.append(base64.b64encode(changed).decode())
        header["x5c"] = chain
        opened_or_refused(json.dumps(whole).encode())


def test_no_change_of_a_signed_one_goes_through_unseen() -> None:
    assert open_vcon(SIGNED, now=NOW, anchors=[OURS]).payload == PLAIN
    for seed in range(ROUNDS):
        chance, data = random.Random(seed), bytearray(SIGNED)
        flipped(data, chance)
        try:
            opened = open_vcon(bytes(data), now=NOW, anchors=[OURS])
        except VconError:
            continue
        assert opened.payload == PLAIN or not opened.is_signed
