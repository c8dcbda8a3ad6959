import socket

import numpy as np
import pytest

from media.net import SOCKADDR_BYTES, key, pack, same, unpack
from media.net.address import canonical

ADDRESSES = [
    ("192.0.2.1", 4_000),
    ("192.0.2.1", 4_001),
    ("192.0.2.2", 4_000),
    ("0.0.0.0", 0),
    ("2001:db8::1", 4_000),
    ("2001:db8::1", 4_001),
    ("2001:db8::2", 4_000),
    ("2001:db8:1::1", 4_000),
    ("::", 65_535),
]


def rows(*addresses: tuple[str, int]) -> "np.ndarray[tuple[int, int], np.dtype[np.uint8]]":
    packed = b"".join(map(pack, addresses))
    return np.frombuffer(packed, np.uint8).reshape(-1, SOCKADDR_BYTES).copy()


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_packed_and_unpacked(address: tuple[str, int]) -> None:
    assert len(pack(address)) == SOCKADDR_BYTES
    assert unpack(pack(address)) == address


def test_an_address_stands_as_the_kernel_has_it() -> None:
    assert pack(("192.0.2.1", 0x1234)) == (
        int(socket.AF_INET).to_bytes(2, "little" if np.little_endian else "big")
        + b"\x12\x34\xc0\x00\x02\x01"
        + bytes(20)
    )


def test_ipv4_within_ipv6_is_the_same_address() -> None:
    assert pack(("::ffff:192.0.2.1", 9)) == pack(("192.0.2.1", 9))


@pytest.mark.parametrize("address", [("desk.example", 9), ("192.0.2.1", 65_536), ("", -1)])
def test_what_is_no_address_is_refused(address: tuple[str, int]) -> None:
    with pytest.raises(ValueError, match=r"."):
        pack(address)


@pytest.mark.parametrize("row", [b"", bytes(28), bytes(29)])
def test_what_is_no_row_is_refused(row: bytes) -> None:
    with pytest.raises(ValueError, match="address"):
        unpack(row)


def test_each_address_has_a_key_of_its_own_and_always_the_same() -> None:
    keys = key(rows(*ADDRESSES))
    assert len(set(keys.tolist())) == len(ADDRESSES)
    assert (key(rows(*ADDRESSES, *ADDRESSES))[len(ADDRESSES) :] == keys).all()


def test_addresses_are_the_same_only_where_every_byte_is() -> None:
    ours = rows(*ADDRESSES)
    assert same(ours, ours.copy()).all()
    for place in range(SOCKADDR_BYTES):
        theirs = ours.copy()
        theirs[:, place] ^= 1
        assert not same(ours, theirs).any()
        assert not same(theirs, ours).any()


def test_what_the_kernel_leaves_in_a_row_does_not_show() -> None:
    dirty = rows(("192.0.2.1", 9), ("2001:db8::1", 9), ("192.0.2.1", 9), ("192.0.2.1", 9))
    dirty[0, 8:] = 7  # The rest of a longer address.
    dirty[1, 4:8] = dirty[1, 24:] = 7  # A flow label, and a scope.
    mapped = int(socket.AF_INET6).to_bytes(2, "little" if np.little_endian else "big")
    mapped += b"\x00\x09" + bytes(14) + b"\xff\xff\xc0\x00\x02\x01" + bytes(4)
    dirty[2] = np.frombuffer(mapped, np.uint8)
    canonical(dirty)
    assert (
        dirty.tobytes()
        == rows(("192.0.2.1", 9), ("2001:db8::1", 9), ("192.0.2.1", 9), ("192.0.2.1", 9)).tobytes()
    )
