"""Who called is on no disk in clear, and is erased by one key."""

import base64
import json
import random
import socket
from pathlib import Path

import pytest

from parley.caller import CallScript, Press, place
from runtime.keystore import Keystore
from tests.interop.agents import BOOK_KEY
from tests.interop.searching import forms, forms_of_text, found_in
from tests.interop.server import Server

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.anyio]

NUMBER = "+41790001122"
NAME = "Zanzibar Quetzal"
HOST = "127.0.0.77"
"""On loopback, and nobody else's."""
CALL_ID = "xylophone-4711-cassowary"
SECRETS = (NAME, *NAME.split(), NUMBER, NUMBER[1:], HOST, CALL_ID)
WAIT_S = 10.0

SDP = f"""v=0\r
o=- 1 1 IN IP4 {HOST}\r
s=-\r
c=IN IP4 {HOST}\r
t=0 0\r
m=audio 30000 RTP/AVP 0 101\r
a=rtpmap:101 telephone-event/8000\r
"""


def wanted() -> list[bytes]:
    return [form for secret in SECRETS for form in forms_of_text(secret)]


@pytest.mark.parametrize(("answer", "recorded"), [("1", True), ("2", False)])
async def test_who_called_is_sealed_and_can_be_erased(
    server: Server, tmp_path: Path, answer: str, recorded: bool
) -> None:
    known = {call["id"] for call in server.calls()}
    steps = (Press(answer), Press(BOOK_KEY))
    report = await place(CallScript(server.target, steps, user=NUMBER, display=NAME))
    assert report.completed, report
    (call,) = server.sealed(known)
    shown = server.shown(call["id"])["call"]
    assert NUMBER in shown["remote"] and shown["forgotten"] is not recorded
    assert NUMBER in server.parley("calls").stdout
    backup = server.data.parent / f"backup-{answer}"
    kept = server.parley("backup", "--to", str(backup))
    assert kept.returncode == 0, kept.stderr
    assert found_in(server.data.parent, wanted()) == []

    key = server.data / "keys" / shown["caller_key"]
    wrapped, secret = key.read_bytes(), Keystore(server.data / "keys").key(key.name)
    assert found_in(server.data.parent, forms(wrapped)) == [str(key)]
    assert found_in(server.data.parent, forms(secret)) == []
    exported(server, call["id"], tmp_path / "before")
    assert sorted(found_in(tmp_path / "before", wanted())) == [
        str(tmp_path / "before/data" / name) for name in ("call.vcon", "transcript.json")
    ]
    Keystore(server.data / "keys").destroy(key.name)

    assert found_in(server.data.parent, [*forms(wrapped), *forms(secret)]) == []
    assert "from [erased" in server.parley("show", call["id"]).stdout
    assert server.shown(call["id"])["call"]["remote"] is None
    assert "[erased" in server.parley("calls").stdout
    replayed = server.parley("replay", "--all").stdout
    assert replayed.startswith("replay: identical"), replayed
    assert "who called cannot be read" in exported(server, call["id"], tmp_path / "after")
    assert found_in(tmp_path / "after", [*wanted(), *forms(secret)]) == []


def exported(server: Server, call: str, folder: Path) -> str:
    """What the verifier prints of a call's pack."""
    done = server.parley("export", call, "--to", str(folder))
    assert done.returncode == 0, done.stderr
    verified = server.parley_anywhere("verify", str(folder))
    assert verified.returncode == 0, verified.stdout + verified.stderr
    return verified.stdout


def test_a_caller_who_gives_up_leaves_no_address(server: Server) -> None:
    known = {call["id"] for call in server.calls()}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind((HOST, 0))
        phone.connect(("127.0.0.1", server.port))
        phone.settimeout(WAIT_S)
        branch = f"z9hG4bK{random.getrandbits(64):x}"
        phone.send(request(phone, server, "INVITE", branch, body=SDP))
        while b" 180 " not in phone.recv(65_536).splitlines()[0]:
            pass
        phone.send(request(phone, server, "CANCEL", branch))
        while b" 487 " not in (refusal := phone.recv(65_536)).splitlines()[0]:
            pass
        phone.send(request(phone, server, "ACK", branch, to=header(refusal, "To")))
    (call,) = server.sealed(known)
    assert HOST in server.shown(call["id"])["call"]["remote"]
    assert found_in(server.data.parent, wanted()) == []


def request(
    phone: socket.socket, server: Server, method: str, branch: str, *, body: str = "", to: str = ""
) -> bytes:
    me = f"{NUMBER}@{HOST}:{phone.getsockname()[1]}"
    lines = [
        f"{method} {server.target} SIP/2.0",
        f"Via: SIP/2.0/UDP {HOST}:{phone.getsockname()[1]};branch={branch};rport",
        "Max-Forwards: 70",
        f'From: "{NAME}" <sip:{me}>;tag=1',
        f"To: {to or f'<{server.target}>'}",
        f"Call-ID: {CALL_ID}",
        f"CSeq: 1 {method}",
        f"Contact: <sip:{me}>",
        f"P-Asserted-Identity: <tel:{NUMBER}>",
        "Content-Type: application/sdp",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", body]).encode()


def header(message: bytes, name: str) -> str:
    lines = message.decode().split("\r\n")
    return next(line.partition(": ")[2] for line in lines if line.startswith(f"{name}: "))


@pytest.mark.parametrize("lead", range(3))
@pytest.mark.parametrize("secret", SECRETS)
def test_who_called_would_be_found(tmp_path: Path, secret: str, lead: int) -> None:
    plain = json.dumps({"remote": f"<{secret}>"}).encode()
    wide = f"{'x' * lead}{secret}y".encode("utf-16-le")
    (tmp_path / "plain").write_bytes(plain)
    (tmp_path / "base64").write_bytes(base64.b64encode(bytes(lead) + plain))
    (tmp_path / "wide").write_bytes(base64.b64encode(bytes(lead) + wide))
    assert len(found_in(tmp_path, wanted())) == 3
