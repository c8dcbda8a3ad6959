"""Carriers and strangers: who registers us, who is let in, who hears nothing."""

import secrets
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Self

import pytest

from telephony.identity import ANONYMOUS
from telephony.sip.credentials import Credentials, Wallet
from telephony.sip.headers import Headers, Lines
from telephony.sip.message import Request, Response
from telephony.sip.parser import parse
from tests.interop.peers import (
    Account,
    baresip,
    need,
    passed,
    save,
    sipp,
    sipp_called,
    tone,
)
from tests.interop.server import Server, options
from tests.ports import free_port
from tests.telephony.sip.wire import OFFER

pytestmark = [pytest.mark.interop, pytest.mark.slow]

PEER = "127.0.0.2"
ANSWER_S = 5.0
REGISTER_S_MAX = 30.0
SCAN_S_MAX = 60.0

BOTH_LAWS = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 40000 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
)

PEERS = f'[[trunk]]\nname = "carrier"\npeers = ["{PEER}/32"]\n'
DIGEST = """
[[trunk]]
name = "phones"
auth = "digest"
username = "alice"
password = "secret"
"""


@contextmanager
def served(folder: Path, trunks: str, *, drain_s: int = 0, friend: str = PEER) -> Iterator[Server]:
    server = Server(folder, more=trunks, drain_s=drain_s, friend=friend)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """It knows a carrier by its address, and telephones by their password."""
    with served(tmp_path_factory.mktemp("house"), PEERS + DIGEST) as server:
        yield server


def test_sipp_registers_us_once_we_know_the_password(tmp_path: Path) -> None:
    registrar, port = sipp_called("registrar", tmp_path)
    trunk = f"""
    [[trunk]]
    name = "carrier"
    registrar = "127.0.0.1:{port}"
    username = "trunkuser"
    password = "trunkpass"
    expires = 60
    """
    with served(tmp_path, trunk, friend="127.0.0.1") as server:
        passed(registrar, tmp_path)
        ends = monotonic() + REGISTER_S_MAX
        while "registered for another" not in (said := told(server)):
            assert monotonic() < ends, said


def test_a_carrier_is_asked_whether_it_is_there(tmp_path: Path) -> None:
    carrier, port = sipp_called("keep_alive", tmp_path)
    trunk = f'[[trunk]]\nname = "carrier"\nproxy = "127.0.0.1:{port}"\nkeepalive_s = 1\n'
    with served(tmp_path, trunk, friend="127.0.0.1") as server:
        ends = monotonic() + REGISTER_S_MAX
        while "no answer to 2 OPTIONS" not in (said := told(server)):
            assert monotonic() < ends, said
        passed(carrier, tmp_path)
        while "no answer" in (said := told(server)):
            assert monotonic() < ends, said


def told(server: Server) -> str:
    """What `parley check` says of the carrier."""
    config = str(server.data.parent / "parley.toml")
    done = server.parley("check", "--config", config)
    return next(line for line in done.stdout.splitlines() if "trunk carrier" in line)


def test_telephones_which_know_md5_only_are_let_in(tmp_path: Path) -> None:
    # SIPp 3.6 and baresip 1.0 give up where SHA-256 stands in a challenge at all.
    with served(tmp_path, PEERS + DIGEST + 'digest = ["MD5"]\n') as server:
        passed(sipp("digest", server.port, tmp_path), tmp_path)
        microphone = save(tmp_path / "silence.wav", tone(1) * 0)
        account = Account(user="alice", password="secret")
        with baresip(tmp_path / "baresip", microphone, account) as phone:
            phone.dial(server.target)
            phone.hang_up()
            phone.wait_for_the_end()


def test_the_carriers_word_on_the_caller_is_kept_and_privacy_honoured(
    house: Server, tmp_path: Path
) -> None:
    known = {call["id"] for call in house.calls()}
    passed(sipp("identity", house.port, tmp_path, source=PEER), tmp_path)
    (call,) = house.sealed(known)
    assert call["remote"] == ANONYMOUS
    identity = house.shown(call["id"])["identity"]
    assert identity["asserted"] == ['"Ann" <sip:+493012345@carrier.example>']
    assert identity["diversion"] == ["<sip:+4940@carrier.example>;reason=user-busy"]
    (passport,) = identity["passports"]
    assert (passport["attest"], passport["orig"]) == ("B", ["493012345"])
    shown = house.parley("show", call["id"]).stdout
    assert "attests B for 493012345; the signature is not checked" in shown
    assert b"493012345" not in b"".join(path.read_bytes() for path in house.data.glob("parley.db*"))


class Telephone:
    """A socket that asks to be let in, and answers as the wallet does."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.connect(("127.0.0.1", port))
        self.socket.settimeout(ANSWER_S)
        self.call_id = secrets.token_hex(8)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def invite(self, cseq: int, *lines: tuple[str, str], offer: bytes = OFFER) -> Request:
        own = self.socket.getsockname()[1]
        head = (
            f"INVITE sip:desk@127.0.0.1:{self.port} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bK{secrets.token_hex(8)};rport\r\n"
            f"From: <sip:alice@127.0.0.1>;tag=f\r\nTo: <sip:desk@127.0.0.1>\r\n"
            f"Call-ID: {self.call_id}\r\nCSeq: {cseq} INVITE\r\n"
            f"Contact: <sip:alice@127.0.0.1:{own}>\r\nContent-Type: application/sdp\r\n"
        )
        text = head + "".join(f"{name}: {value}\r\n" for name, value in lines)
        data = f"{text}Content-Length: {len(offer)}\r\n\r\n".encode() + offer
        self.socket.send(data)
        made = parse(data)
        assert isinstance(made, Request)
        return made

    def answer(self) -> Response:
        message = parse(self.socket.recv(65_536))
        assert isinstance(message, Response)
        return message


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
def test_a_nonce_is_good_after_the_node_was_killed(house: Server, algorithm: str) -> None:
    with Telephone(house.port) as phone:
        asked = phone.invite(1)
        refusal = phone.answer()
        assert refusal.status == 401
        proof = answered(asked, refusal, algorithm)
        house.kill("node")
        ends = monotonic() + REGISTER_S_MAX
        while options(house.port, friend=PEER) is None:
            assert monotonic() < ends, "the node does not come back"
        phone.invite(2, *proof)
        assert phone.answer().status == 100
        phone.call_id = secrets.token_hex(8)
        phone.invite(3, *proof)
        while (replayed := phone.answer()).cseq.number < 3:
            continue
        assert replayed.status == 401
        assert "stale=true" in (replayed.headers.get("www-authenticate") or "")


def test_a_trunk_speaks_its_own_codecs(tmp_path: Path) -> None:
    trunk = '[[trunk]]\nname = "alaw"\npeers = ["127.0.0.1/32"]\ncodecs = ["PCMA"]\n'
    with served(tmp_path, trunk, friend="127.0.0.1") as server, Telephone(server.port) as phone:
        phone.invite(1, offer=BOTH_LAWS)
        while (answer := phone.answer()).status < 200:
            continue
        assert b" RTP/AVP 8" in answer.body
        assert b"PCMU" not in answer.body


def answered(asked: Request, refusal: Response, algorithm: str) -> Lines:
    """What alice answers to the challenge of this algorithm."""
    wanted = Headers(line for line in refusal.headers.lines if f"algorithm={algorithm}" in line[1])
    wallet = Wallet(secrets.token_bytes)
    return wallet.authorize(asked, replace(refusal, headers=wanted), Credentials("alice", "secret"))


def test_strangers_hear_nothing(house: Server) -> None:
    assert options(house.port) is None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.connect(("127.0.0.1", house.port))
        for data in (
            b"OPTIONS sip:desk@h SIP/2.0\r\n\r\n",
            b"REGISTER sip:h SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=x\r\nFrom: <sip:a@b>\r\n"
            b"To: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\n\r\n",
            b"rubbish\r\n\r\n",
        ):
            stranger.send(data)
        # The carrier is answered after them, so whatever they were to hear has been sent.
        assert options(house.port, ANSWER_S, PEER) == "SIP/2.0 200 OK"
        stranger.setblocking(False)
        with pytest.raises(BlockingIOError):
            stranger.recv(1)


@pytest.mark.parametrize("method", ["OPTIONS", "REGISTER"])
def test_a_scanner_finds_nobody(house: Server, method: str) -> None:
    need("svmap", "sipvicious")
    command = ["svmap", "127.0.0.1", "-p", str(house.port), "-m", method, "-P", str(free_port())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SCAN_S_MAX, check=False)
    assert "found nothing" in (done.stdout + done.stderr).lower()


def test_a_probe_is_not_answered(house: Server) -> None:
    need("sipsak", "sipsak")
    # -D: how many times half a second it waits.
    command = ["sipsak", "-v", "-v", "-D", "1", "-s", f"sip:desk@127.0.0.1:{house.port}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SCAN_S_MAX, check=False)
    assert done.returncode != 0 and "SIP/2.0 " not in done.stdout.partition("received")[2]


def test_while_draining_new_calls_are_refused_and_the_one_that_is_up_goes_on(
    tmp_path: Path,
) -> None:
    with served(tmp_path, PEERS, drain_s=120) as server:
        running = sipp("survive", server.port, tmp_path, source=PEER)
        server.until(lambda: server.new(set(), "answered"), "not answered")
        server.terminate()
        ends = monotonic() + ANSWER_S
        while (status := options(server.port, friend=PEER)) != "SIP/2.0 503 Service Unavailable":
            assert monotonic() < ends, status
        server.kill("node")
        passed(running, tmp_path)
        assert server.ended() == 0
        (call,) = server.calls()
        assert (call["state"], call["ended_by"]) == ("sealed", "caller")


TWO_TRUNKS = """
[[trunk]]
name = "first"
proxy = "127.0.0.1:{busy}"
prefer = 1
[[trunk]]
name = "second"
proxy = "127.0.0.1:{ready}"
prefer = 2
username = "trunkuser"
password = "trunkpass"
identity = "+4930"
"""


def test_a_trunk_without_room_leaves_the_call_to_the_next(tmp_path: Path) -> None:
    busy, busy_port = sipp_called("busy_trunk", tmp_path)
    ready, port = sipp_called("open_trunk", tmp_path)
    trunks = TWO_TRUNKS.format(busy=busy_port, ready=port)
    with served(tmp_path, trunks, friend="127.0.0.1") as server:
        basis = ("--basis", "consent", "--source", "the test")
        call = server.json("dial", "tel:+49301234", *basis)["call"]
        for carrier in (busy, ready):
            passed(carrier, tmp_path)
        (sealed,) = server.sealed(set())
        assert (sealed["id"], sealed["ended_by"]) == (call, "callee")
