"""Datagrams in batches: many at once between the kernel and rows of numpy arrays."""

from media.net.address import SOCKADDR_BYTES, key, pack, same, unpack
from media.net.batch import BATCH_MAX, DATAGRAM_BYTES_MAX, Batch
from media.net.sockets import Sockets

__all__ = [
    "BATCH_MAX",
    "DATAGRAM_BYTES_MAX",
    "SOCKADDR_BYTES",
    "Batch",
    "Sockets",
    "key",
    "pack",
    "same",
    "unpack",
]
