"""A key management service in a process of its own: its key never leaves it.

`kms:tests.runtime.little_kms:client`. Run as a program it is the service: one line of JSON asked,
one answered, over standard input and output. Its key is drawn when it starts, or from a variable.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

ROOT = Path(__file__).parents[2]
KEY = "LITTLE_KMS_KEY"
NONCE_BYTES = 12


class Client:
    """What a hook has to have."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    def wrap(self, key: bytes, context: bytes) -> bytes:
        return self._ask("wrap", key, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        return self._ask("unwrap", wrapped, context)

    def _ask(self, doing: str, data: bytes, context: bytes) -> bytes:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps([doing, data.hex(), context.hex()]) + "\n")
        self.process.stdin.flush()
        told = json.loads(self.process.stdout.readline())
        if told is None:
            raise PermissionError("this was not wrapped here, or for another place")
        return bytes.fromhex(told)

    def close(self) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


CLIENTS: list[Client] = []


def client() -> Client:
    """The one of this process."""
    if not CLIENTS:
        CLIENTS.append(Client())
    return CLIENTS[0]


def main() -> None:
    given = os.environ.get(KEY)
    key = AESGCM(bytes.fromhex(given) if given else os.urandom(32))
    for line in sys.stdin:
        doing, data, context = json.loads(line)
        data, context = bytes.fromhex(data), bytes.fromhex(context)
        try:
            if doing == "wrap":
                nonce = os.urandom(NONCE_BYTES)
                told: bytes | None = nonce + key.encrypt(nonce, data, context)
            else:
                told = key.decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], context)
        except InvalidTag:
            told = None
        print(json.dumps(told and told.hex()), flush=True)


if __name__ == "__main__":
    main()
