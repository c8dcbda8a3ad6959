"""A time-stamping authority: `openssl ts` behind a small HTTP server, in the test's own loop."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CONFIG = """
[tsa]
default_tsa = authority
[authority]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = {digests}
tsa_name = yes
ess_cert_id_alg = sha256
"""

Reply = Callable[[bytes], bytes]
"""All bytes that are sent back for a query."""


@dataclass(frozen=True)
class Authority:
    """Its files: `ca` is the certificate that an auditor trusts."""

    folder: Path

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    def answer(self, query: bytes) -> bytes:
        """The TimeStampResp to a TimeStampReq, both DER."""
        (self.folder / "query").write_bytes(query)
        command: list[str | Path] = ["openssl", "ts", "-reply", "-config", self.folder / "tsa.cnf"]
        command += ["-queryfile", self.folder / "query", "-out", self.folder / "reply"]
        subprocess.run(command, check=True, capture_output=True)
        return (self.folder / "reply").read_bytes()

    def reply(self, query: bytes) -> bytes:
        return http(self.answer(query))


def made(folder: Path, digests: str = "sha256") -> Authority:
    """An authority with a certificate of its own."""
    folder.mkdir()
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca = _certificate("Test root", ca_key, "Test root", ca_key, authority=True)
    leaf = _certificate("Test authority", key, "Test root", ca_key, authority=False)
    (folder / "ca.pem").write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    (folder / "tsa.pem").write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    (folder / "tsa.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    (folder / "serial").write_text("01")
    (folder / "tsa.cnf").write_text(CONFIG.format(folder=folder, digests=digests))
    return Authority(folder)


def http(body: bytes, status: str = "200 OK", kind: str = "application/timestamp-reply") -> bytes:
    head = f"HTTP/1.0 {status}\r\nContent-Type: {kind}\r\n\r\n"
    return head.encode() + body


@asynccontextmanager
async def serving(reply: Reply | None) -> AsyncIterator[str]:
    """Its URL. With None it takes every query and never says a word."""

    calls: list[asyncio.Future[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.split(b"\r\n") if line.startswith(b"Content-Length"))
        query = await reader.readexactly(int(length.partition(b":")[2]))
        if reply is None:
            await reader.read()
        else:
            writer.write(await asyncio.to_thread(reply, query))
            await writer.drain()

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except ConnectionError:
            pass  # Whoever asked has had enough.
        finally:
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        calls.append(asyncio.ensure_future(served(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/tsa"
        await asyncio.gather(*calls)


def _certificate(
    subject: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    authority: bool,
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if not authority:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        builder = builder.add_extension(usage, critical=True)
    return builder.sign(issuer_key, hashes.SHA256())
