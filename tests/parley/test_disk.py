"""The disk fails below a running house, and a house is started on a damaged store."""

import json
import os
import platform
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

import pytest

from runtime.opening import examine
from tests.interop.server import PARLEY, options
from tests.parley.a_call import agreed
from tests.parley.failing_node import CALLS
from tests.parley.test_keeper import RTP, start
from tests.ports import free_ports
from tests.runtime.damage import sql

pytestmark = [pytest.mark.slow, pytest.mark.anyio]

WAIT_S = 30.0
ROOT = Path(__file__).parents[2]
ENVIRON = {**os.environ, "PYTHONPATH": str(ROOT)}

Fact = dict[str, Any]


def until(log: TextIO, wanted: Fact) -> Fact:
    """The next line of JSON on standard error which says at least this."""
    for line in log:
        fact: Fact = json.loads(line) if line.startswith("{") else {}
        if wanted.items() <= fact.items():
            return fact
    raise AssertionError(f"the house ended without {wanted}")


def sip_port(pid: int) -> int:
    """The UDP port, of those on loopback, which the keeper holds for SIP."""
    links = (os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir() if path.is_symlink())
    inodes = {link[8:-1] for link in links if link.startswith("socket:[")}
    for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
        fields = line.split()
        port = int(fields[1].partition(":")[2], 16)
        if fields[9] in inodes and port not in RTP:
            return port
    raise AssertionError("the keeper holds no SIP socket")


def invite(port: int) -> None:
    """Call; nobody waits for the answer. The node commits before it sends one."""
    body = "\r\n".join(
        (
            *("v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"),
            *("m=audio 40000 RTP/AVP 0", "a=rtpmap:0 PCMU/8000", ""),
        )
    )
    lines = (
        f"INVITE sip:desk@127.0.0.1:{port} SIP/2.0",
        "Via: SIP/2.0/UDP 127.0.0.1:40002;branch=z9hG4bKflush;rport",
        "Max-Forwards: 70",
        "From: <sip:anna@127.0.0.1:40002>;tag=1",
        f"To: <sip:desk@127.0.0.1:{port}>",
        "Call-ID: a-call-of-a-failing-disk",
        "CSeq: 1 INVITE",
        "Contact: <sip:anna@127.0.0.1:40002>",
        "Content-Type: application/sdp",
        f"Content-Length: {len(body)}",
        "",
        body,
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto("\r\n".join(lines).encode(), ("127.0.0.1", port))


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[str], tuple["subprocess.Popen[bytes]", TextIO]]]:
    with ExitStack() as stack:

        def started(program: str) -> tuple["subprocess.Popen[bytes]", TextIO]:
            process, log = start(tmp_path / "data", program, ENVIRON)
            stack.callback(log.close)
            stack.callback(process.wait, WAIT_S)
            stack.callback(process.terminate)
            return process, log

        yield started


@pytest.mark.skipif(platform.machine() not in CALLS, reason="its system calls have other numbers")
@pytest.mark.parametrize(
    ("how", "why"), ((signal.SIGUSR1, "disk I/O error"), (signal.SIGUSR2, "the keys in"))
)
def test_a_flush_that_fails_ends_the_node_and_the_next_one_serves(
    how: signal.Signals,
    why: str,
    tmp_path: Path,
    serve: Callable[[str], tuple["subprocess.Popen[bytes]", TextIO]],
) -> None:
    process, log = serve("node=tests.parley.failing_node")
    first = until(log, {"event": "promoted", "role": "node"})["pid"]
    until(log, {"node": "ready"})
    port = sip_port(process.pid)
    assert options(port, WAIT_S) is not None
    os.kill(first, how)
    until(log, {"node": "flushes fail"})
    invite(port)
    failed = until(log, {"node": "failed"})
    assert "the disk failed" in failed["error"]
    assert why in failed["error"]
    until(log, {"event": "died", "role": "node", "pid": first, "code": 1})
    until(log, {"node": "ready"})
    assert options(port, WAIT_S) is not None
    examine(tmp_path / "data" / "parley.db", at_work=True)


def served(folder: Path) -> "subprocess.CompletedProcess[str]":
    """A server that is expected to end by itself."""
    ports = free_ports(100)
    (folder / "parley.toml").write_text(
        '[sip]\nlisten = ["udp:127.0.0.1:0"]\n[http]\nlisten = "127.0.0.1:0"\n'
        f'[media]\nports = "{ports[0]}-{ports[-1]}"\n'
    )
    return subprocess.run(
        [*PARLEY, "serve", "--config", folder / "parley.toml", "--data", folder / "data"],
        env=ENVIRON,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )


async def test_a_damaged_store_is_said_once_and_not_served(tmp_path: Path) -> None:
    await agreed(tmp_path / "data")
    sql(tmp_path / "data" / "parley.db", "UPDATE log SET entry = x'00' WHERE seq = 5")
    done = served(tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "parley: the log is damaged at entry 5: its bytes do not have the hash kept beside them;"
        " entries 1 to 4 are sound. Keep the damaged files, and restore a backup:"
        " parley restore --from DIR"
    )
    assert done.stderr.count('"store_damaged"') == 1
    assert "Traceback" not in done.stderr
