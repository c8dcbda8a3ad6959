"""How this server proves who it is to other SIP servers, and whom it believes."""

from pathlib import Path

from parley.config import Config
from telephony.tls import Tls, TlsError, contexts


def tls_of(config: Config) -> Tls:
    """What the configuration says of TLS. Raises TlsError, which says what to change."""
    sip = config.sip
    secure = [str(listen) for listen in sip.listen if listen.transport == "tls"]
    if secure and not sip.tls_certificate:
        raise TlsError(f"{secure[0]} has no certificate to show. Set sip.tls_certificate.")
    if sip.tls_verify_clients and not sip.tls_ca:
        raise TlsError("sip.tls_verify_clients believes nobody. Set sip.tls_ca.")
    return contexts(
        _path(sip.tls_certificate),
        _path(sip.tls_key),
        _path(sip.tls_ca),
        verify_clients=sip.tls_verify_clients,
    )


def _path(written: str) -> Path | None:
    return Path(written) if written else None
