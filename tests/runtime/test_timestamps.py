"""Claims about time stamps: a real authority is believed, and nothing else."""

import socket
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from runtime import checkpoint, timestamps, tsa
from runtime.timestamps import NotStamped
from tests.runtime.authority import Authority, http, made, serving

pytestmark = pytest.mark.anyio

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
NOTE = checkpoint.sign("log.example/parley", 7, bytes(32), KEY)
OTHER = checkpoint.sign("log.example/parley", 8, bytes(32), KEY)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return made(tmp_path / "authority")


@pytest.fixture
def stranger(tmp_path: Path) -> Authority:
    return made(tmp_path / "stranger")


async def test_a_stamp_says_when_and_by_whom(authority: Authority) -> None:
    async with serving(authority.reply) as url:
        stamp, token = await tsa.stamped(url, authority.ca, NOTE)
    assert stamp.chained
    assert stamp.authority == "CN=Test authority"
    assert abs(stamp.at - datetime.now(UTC)) < timedelta(hours=1)
    again = timestamps.check(token, NOTE, tsa.trusted_in(authority.ca))
    assert again == stamp


def test_openssl_checks_a_stamp_without_us(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "note").write_text(NOTE, encoding="utf-8")
    (tmp_path / "token").write_bytes(authority.answer(timestamps.query(NOTE).der))
    command = ["openssl", "ts", "-verify", "-data", str(tmp_path / "note")]
    command += ["-in", str(tmp_path / "token"), "-CAfile", str(authority.ca)]
    subprocess.run(command, check=True, capture_output=True)


async def test_without_a_certificate_only_what_is_stamped_is_checked(authority: Authority) -> None:
    async with serving(authority.reply) as url:
        stamp, token = await tsa.stamped(url, None, NOTE)
    assert not stamp.chained
    with pytest.raises(NotStamped, match="another text"):
        timestamps.check(token, OTHER)


@pytest.mark.parametrize("chained", [True, False])
async def test_a_stamp_on_another_text_is_refused(authority: Authority, chained: bool) -> None:
    def of_another(_: bytes) -> bytes:
        return authority.reply(timestamps.query(OTHER).der)

    async with serving(of_another) as url:
        with pytest.raises(NotStamped, match=r"does not hold"):
            await tsa.stamped(url, authority.ca if chained else None, NOTE)


@pytest.mark.parametrize("chained", [True, False])
async def test_the_answer_to_another_query_is_refused(authority: Authority, chained: bool) -> None:
    earlier = authority.reply(timestamps.query(NOTE).der)
    async with serving(lambda _: earlier) as url:
        with pytest.raises(NotStamped, match=r"(?i)nonce|another query"):
            await tsa.stamped(url, authority.ca if chained else None, NOTE)


async def test_an_authority_we_do_not_trust_is_refused(
    authority: Authority, stranger: Authority
) -> None:
    async with serving(stranger.reply) as url:
        with pytest.raises(NotStamped, match="does not hold"):
            await tsa.stamped(url, authority.ca, NOTE)


def test_no_changed_byte_moves_a_stamp(authority: Authority) -> None:
    token = authority.answer(timestamps.query(NOTE).der)
    trusted = tsa.trusted_in(authority.ca)
    stamp = timestamps.check(token, NOTE, trusted)
    refused = 0
    for at in range(len(token)):
        forged = token[:at] + bytes([token[at] ^ 0x41]) + token[at + 1 :]
        try:
            # Some bytes name algorithms and say nothing about the time.
            assert timestamps.check(forged, NOTE, trusted) == stamp
        except NotStamped:
            refused += 1
    assert refused > 0.9 * len(token)


async def test_an_authority_that_refuses_says_why(tmp_path: Path) -> None:
    authority = made(tmp_path / "picky", digests="sha512")
    async with serving(authority.reply) as url:
        with pytest.raises(NotStamped, match=r"the authority refused, status 2: .*not supported"):
            await tsa.stamped(url, authority.ca, NOTE)


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (lambda _: http(b""), "does not hold"),
        (lambda _: http(b"\x30\x03\x02\x01\x00garbage"), "does not hold"),
        (lambda _: http(bytes(timestamps.TOKEN_BYTES_MAX + 1)), "at most"),
        (lambda _: http(bytes(1_000_000)), "too many bytes"),
        (lambda _: http(b"", "500 Internal Server Error"), "answers '500 Internal Server Error'"),
        (lambda _: http(b"<html>", kind="text/html"), "answers with 'text/html'"),
        (lambda _: b"SSH-2.0-OpenSSH_9.2\r\n", "does not answer in HTTP"),
        (lambda _: b"", "does not answer in HTTP"),
        (lambda _: b"HTTP/1.0\r\n\r\n", "does not answer in HTTP"),
    ],
)
async def test_garbage_is_no_stamp(reply: Callable[[bytes], bytes], why: str) -> None:
    async with serving(reply) as url:
        with pytest.raises(NotStamped, match=why):
            await tsa.stamped(url, None, NOTE)


async def test_a_silent_authority_is_given_up() -> None:
    async with serving(None) as url:
        with pytest.raises(NotStamped, match=r"did not answer within 0\.05 s"):
            await tsa.ask(url, timestamps.query(NOTE).der, within_s=0.05)


async def test_a_dead_authority_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(NotStamped, match=rf"http://127\.0\.0\.1:{port} cannot be asked"):
        await tsa.ask(f"http://127.0.0.1:{port}", b"")


@pytest.mark.parametrize("url", ["http://", "http:///path", "http://host:99999/", "http://é é/"])
async def test_an_address_that_is_none_is_named(url: str) -> None:
    with pytest.raises(NotStamped, match="cannot be asked"):
        await tsa.ask(url, b"", within_s=5)


async def test_a_certificate_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotStamped, match="cannot be read"):
        await tsa.stamped("http://127.0.0.1:1", tmp_path / "nothing.pem", NOTE)
    (tmp_path / "text.pem").write_text("not a certificate")
    with pytest.raises(NotStamped, match="cannot be read"):
        await tsa.stamped("http://127.0.0.1:1", tmp_path / "text.pem", NOTE)
