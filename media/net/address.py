"""Socket addresses as rows of 28 bytes, one form for each address, so that bytes compare.

Family (2, native), port (2, big endian); then IPv4 (4) and zeros, or zeros (4), IPv6 (16) and
zeros (4): no flow label, no scope. An IPv4 address inside IPv6 (RFC 4291 2.5.5.2) is IPv4.
"""

import socket
import struct
from ipaddress import IPv4Address, IPv6Address, ip_address

import numpy as np
from numpy.typing import NDArray

SOCKADDR_BYTES = 28
"""sizeof(struct sockaddr_in6), the larger of the two."""

IPV4_BYTES = 16
"""sizeof(struct sockaddr_in): the kernel wants the length that goes with the family."""

HEAD = struct.Struct("=H2s")
MAPPED = bytes(10) + b"\xff\xff"

# Odd constants, so that no bit of an address is lost; which they are does not matter.
MIX_HIGH = np.uint64(0x9E3779B97F4A7C15)
MIX_LOW = np.uint64(0xC2B2AE3D27D4EB4F)

# Family, port and IPv4; the two halves of IPv6; no scope.
FIELDS = np.dtype([("head", "u8"), ("high", "u8"), ("low", "u8"), ("scope", "u4")])
STRING = f"S{SOCKADDR_BYTES}"


def pack(address: tuple[str, int]) -> bytes:
    """28 bytes. ValueError for what is no address, or no port."""
    host = ip_address(address[0])
    if not 0 <= address[1] <= 0xFFFF:
        raise ValueError(f"{address[1]} is not a port")
    port = address[1].to_bytes(2, "big")
    if isinstance(host, IPv6Address) and host.ipv4_mapped is not None:
        host = host.ipv4_mapped
    if isinstance(host, IPv4Address):
        return (HEAD.pack(socket.AF_INET, port) + host.packed).ljust(SOCKADDR_BYTES, b"\0")
    return (HEAD.pack(socket.AF_INET6, port) + bytes(4) + host.packed).ljust(SOCKADDR_BYTES, b"\0")


def unpack(row: bytes) -> tuple[str, int]:
    """Host and port of a row. ValueError for what is none."""
    if len(row) != SOCKADDR_BYTES:
        raise ValueError(f"{len(row)} bytes are no address")
    family, port = HEAD.unpack_from(row)
    if family == socket.AF_INET:
        host: IPv4Address | IPv6Address = IPv4Address(row[4:8])
    elif family == socket.AF_INET6:
        host = IPv6Address(row[8:24])
    else:
        raise ValueError(f"{family} is no family of addresses that we know")
    return str(host), int.from_bytes(port, "big")


def key(sources: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """A number for each row: the same for the same address, exact for IPv4.

    Two IPv6 addresses can be made to share one: who trusts a match compares the rows as well.
    """
    fields = np.ascontiguousarray(sources).view(FIELDS)[:, 0]
    return np.asarray(fields["head"] ^ fields["high"] * MIX_HIGH ^ fields["low"] * MIX_LOW)


def same(ours: NDArray[np.uint8], theirs: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which rows are the same address: bool[n]."""
    # As strings of one length, whose zeros at the end do not tell them apart: numpy compares
    # those in one step each, and not byte by byte.
    ours, theirs = np.ascontiguousarray(ours), np.ascontiguousarray(theirs)
    return np.asarray((ours.view(STRING) == theirs.view(STRING))[:, 0])


def canonical(sources: NDArray[np.uint8]) -> None:
    """Bring addresses into their one form, in place, as the kernel wrote them."""
    family = sources[:, :2].copy().view(np.uint16)[:, 0]
    is_ipv4 = family == socket.AF_INET
    if is_ipv4.all():
        # A row may still hold the rest of a longer address that came in before.
        sources[:, 8:] = 0
        return
    sources[is_ipv4, 8:] = 0
    sources[~is_ipv4, 4:8] = 0
    sources[~is_ipv4, 24:] = 0
    mapped = np.frombuffer(MAPPED, dtype=np.uint8)
    is_mapped = ~is_ipv4 & (sources[:, 8:20] == mapped).all(axis=1)
    for row in np.flatnonzero(is_mapped):
        sources[row] = np.frombuffer(pack(unpack(sources[row].tobytes())), dtype=np.uint8)


def name_lengths(destinations: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """How long the kernel takes each row to be, by its family."""
    family = destinations[:, :2].copy().view(np.uint16)[:, 0]
    return np.where(family == socket.AF_INET, IPV4_BYTES, SOCKADDR_BYTES).astype(np.uint32)
