"""TLS for SIP: what we show, and whom we believe."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path


class TlsError(Exception):
    """A certificate or key cannot be used; the message says which, and what to do."""


@dataclass(frozen=True, slots=True)
class Tls:
    """`server` for those who connect to us, where we have a certificate; `client` for the rest."""

    server: ssl.SSLContext | None
    client: ssl.SSLContext


def contexts(
    certificate: Path | None = None,
    key: Path | None = None,
    authorities: Path | None = None,
    *,
    verify_clients: bool = False,
) -> Tls:
    """Contexts of PEM files. Without `authorities`, those of this machine are. Raises TlsError."""
    client = _context(ssl.PROTOCOL_TLS_CLIENT)
    # A certificate may name SIP domains as URIs, which OpenSSL does not look at: we do, later.
    client.check_hostname = False
    client.verify_mode = ssl.CERT_REQUIRED
    _trust(client, authorities)
    if certificate is None:
        return Tls(None, client)
    server = _context(ssl.PROTOCOL_TLS_SERVER)
    if verify_clients:
        server.verify_mode = ssl.CERT_REQUIRED
        _trust(server, authorities)
    for context in (server, client):
        try:
            context.load_cert_chain(certificate, key)
        except (OSError, ssl.SSLError) as error:
            raise TlsError(
                f"{certificate} and {key or 'its key'} cannot be used: {error.strerror or error}. "
                "Name a PEM certificate chain and its unencrypted PEM key."
            ) from error
    return Tls(server, client)


def _context(protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    return context


def _trust(context: ssl.SSLContext, authorities: Path | None) -> None:
    if authorities is None:
        context.load_default_certs()
        return
    try:
        context.load_verify_locations(authorities)
    except (OSError, ssl.SSLError) as error:
        raise TlsError(
            f"{authorities} cannot be used: {error.strerror or error}. "
            "Name a PEM file of the authorities to believe."
        ) from error
