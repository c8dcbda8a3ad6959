"""The keeper's SIP sockets, and what keeps it from starting."""

import socket
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from parley.commands import ports
from parley.config import Config, from_json
from parley.keeper import Keeper, KeeperError
from parley.keeper.sockets import Sockets
from parley.reach import advertised, limits_within, listeners, means
from parley.secure import tls_of
from sessions.house import Settings
from telephony.address import Address
from telephony.endpoint import Held
from telephony.flow import Transport
from telephony.resolving import Kind
from telephony.tls import TlsError
from tests.ipv6 import needs_ipv6
from tests.telephony.authority import Authority


def configured(*listen: str, **sip: object) -> Config:
    return from_json({"sip": {"listen": list(listen), **sip}, "http": {"listen": "127.0.0.1:0"}})


def free() -> int:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as probe:
        return int(probe.getsockname()[1])


@needs_ipv6
def test_each_transport_and_family_has_a_socket_which_takes_what_comes() -> None:
    sockets = Sockets(configured("udp:127.0.0.1:0", "tcp:127.0.0.1:0", "tls:[::1]:0"))
    udp, tcp, tls = sockets.sip.values()
    assert udp.type == socket.SOCK_DGRAM
    for held in (tcp, tls):
        # Accepted by the kernel, before there is a node.
        with socket.create_connection(held.getsockname()[:2]):
            held.accept()[0].close()
    sockets.close()


@needs_ipv6
def test_all_of_ipv4_and_all_of_ipv6_share_a_port() -> None:
    port = free()
    listen = [f"{kind}:{host}:{port}" for kind in ("udp", "tcp") for host in ("0.0.0.0", "[::]")]
    config = configured(*listen)
    assert ports.unavailable(config) == []
    sockets = Sockets(config)
    assert len(sockets.sip) == 4
    assert len(ports.unavailable(config)) == 4
    with pytest.raises(KeeperError, match=f"tcp:0.0.0.0:{port} cannot be bound"):
        Sockets(configured(f"tcp:0.0.0.0:{port}"))
    sockets.close()


def test_tls_without_a_certificate_keeps_the_server_from_starting(tmp_path: Path) -> None:
    with pytest.raises(KeeperError, match=r"Set sip\.tls_certificate"):
        Keeper(configured("tls:127.0.0.1:0"), tmp_path)
    for sip, hint in (
        ({"tls_certificate": str(tmp_path / "none.pem")}, r"none\.pem .*cannot be used"),
        ({"tls_ca": str(tmp_path / "none.pem")}, r"none\.pem cannot be used"),
        ({"tls_verify_clients": True}, r"Set sip\.tls_ca"),
    ):
        with pytest.raises(TlsError, match=hint):
            tls_of(configured("udp:127.0.0.1:0", **sip))
    authority = Authority(tmp_path)
    own = str(authority.sign("a.example"))
    found = tls_of(configured("tls:127.0.0.1:0", tls_certificate=own, tls_ca=str(authority.ca)))
    assert found.server is not None


@needs_ipv6
def test_peers_are_told_the_public_address_of_their_family() -> None:
    config = configured("udp:127.0.0.1:0", public_address="203.0.113.5")
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as four,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as six,
    ):
        four.bind(("127.0.0.1", 0))
        held = [Held(Transport.UDP, four), Held(Transport.TCP, six)]
        one, other = listeners(config, held)
        assert one.advertised == Address("203.0.113.5", held[0].local.port)
        assert one.inside == one.bound == held[0].local
        assert other.advertised == held[1].local
        able, without_udp = means(held), means(held[1:])
    assert able.transports == (Transport.UDP, Transport.TCP, Transport.TLS)
    assert able.families == (Kind.A, Kind.AAAA)
    assert Transport.UDP not in without_udp.transports
    assert advertised(configured("udp:127.0.0.1:0"), "0.0.0.0") != "0.0.0.0"


@pytest.mark.parametrize(
    ("descriptors", "total"), [(1_000_000, 4_096), (1_024, 128), (768, 0), (0, 0)]
)
def test_connections_leave_descriptors_for_the_rest(descriptors: int, total: int) -> None:
    limits = limits_within(descriptors)
    assert (limits.total, limits.strangers) == (total, total // 2)
    assert limits.per_address <= total


def test_audio_is_wanted_where_the_peer_can_reach_it(tmp_path: Path) -> None:
    settings = Settings(
        *("ask", 0, ("PCMU",), "203.0.113.5", "x:Y", tmp_path, "o"),
        media_inside="10.0.0.9",
        local_networks=(IPv4Network("10.0.0.0/8"),),
    )
    assert settings.media_towards("10.1.2.3") == "10.0.0.9"
    assert settings.media_towards("198.51.100.1") == "203.0.113.5"
    assert settings.media_towards("pbx.example") == "203.0.113.5"
    assert replace(settings, local_networks=()).media_towards("10.1.2.3") == "203.0.113.5"
