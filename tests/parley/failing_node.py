"""A node whose flushes fail from a signal on: the kernel itself answers EIO (seccomp, Linux).

SIGUSR1: those of the store (fdatasync). SIGUSR2: those of keys (fsync), and no key is ready.
"""

import ctypes
import platform
import signal
import struct
from types import FrameType

from parley import node
from runtime.key_pool import Family, KeyPool
from runtime.keystore import Keystore

EIO = 5
PR_SET_NO_NEW_PRIVS = 38
SECCOMP_SET_MODE_FILTER = 1
SECCOMP_FILTER_FLAG_TSYNC = 1
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
# The numbers of seccomp, fdatasync and fsync.
CALLS = {"x86_64": (317, 75, 74), "aarch64": (277, 83, 82)}


POOLS: list["Pool"] = []


class Pool(KeyPool):
    """One that can be told to have no key ready."""

    def __init__(self, keystore: Keystore) -> None:
        super().__init__(keystore)
        self.keystore = keystore
        self.is_empty = False
        POOLS.append(self)

    async def take_family(self) -> Family:
        if self.is_empty:
            super().__init__(self.keystore)
        return await super().take_family()


class Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def fail_flushes(number: int, _frame: FrameType | None) -> None:
    """For every thread of this process, and for ever."""
    seccomp, of_store, of_keys = CALLS[platform.machine()]
    failing = of_store
    if number == signal.SIGUSR2:
        failing = of_keys
        for pool in POOLS:
            pool.is_empty = True
    code = b"".join(
        struct.pack("HBBI", *instruction)
        for instruction in (
            (0x20, 0, 0, 0),  # Load the number of the call.
            (0x15, 0, 1, failing),
            (0x06, 0, 0, ERRNO | EIO),
            (0x06, 0, 0, ALLOW),
        )
    )
    program = Program(len(code) // 8, code)
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    flags = (SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC)
    assert libc.syscall(seccomp, *flags, ctypes.byref(program)) == 0, ctypes.get_errno()
    node.note("flushes fail")


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, fail_flushes)
    signal.signal(signal.SIGUSR2, fail_flushes)
    setattr(node, "KeyPool", Pool)  # noqa: B010
    node.main()
