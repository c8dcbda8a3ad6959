import asyncio
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from parley import record
from parley.caller import CallReport
from parley.commands.place import Place
from parley.config import parse
from parley.demonstration import Painter, verdict
from parley.demonstration.options import answered
from parley.plain import Plain
from parley.timeline import Happening
from runtime.engines import sqlite
from tests.parley.a_call import agreed, refused

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
DEMO_S_MAX = 110


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


async def the_record(data: Path, call: Any) -> Plain:
    rows = sqlite.open_reader(data / "parley.db")
    found = record.record(rows, call.keys.key, call.call)
    rows.close()
    return found


def reported(**facts: Any) -> CallReport:
    usual: dict[str, Any] = {
        "target": "sip:desk@127.0.0.1",
        "answered": True,
        "ended": "the far side hung up",
        "status": None,
        "duration_s": 40.0,
        "steps": 5,
        "steps_done": 5,
        "digits_sent": "1",
        "speech_heard_s": 20.0,
        "longest_gap_ms": 20,
        "saved": None,
    }
    return CallReport(**{**usual, **facts})


async def test_a_record_without_the_agents_words_is_not_what_was_promised(tmp_path: Path) -> None:
    found = await the_record(tmp_path, await agreed(tmp_path))
    wrong = [one.text for one in verdict.of_the_record(found) if not one.holds]
    assert wrong == ["the transcript holds both sides"]


async def test_nothing_is_promised_of_a_call_nobody_agreed_to(tmp_path: Path) -> None:
    found = await the_record(tmp_path, await refused(tmp_path))
    assert not any(one.holds for one in verdict.of_the_record(found))


def test_a_gap_or_an_answer_not_given_is_not_what_was_promised() -> None:
    assert [one.holds for one in verdict.of_the_caller(reported())] == [True, True]
    late = verdict.of_the_caller(reported(longest_gap_ms=verdict.GAP_MS_MAX + 20))
    assert [one.holds for one in late] == [True, False]
    short = verdict.of_the_caller(reported(steps_done=4))
    assert [one.holds for one in short] == [False, True]
    assert not verdict.of_the_crash(None).holds


async def test_log_and_evidence_of_a_whole_call_hold(tmp_path: Path) -> None:
    await agreed(tmp_path)
    here = Place(parse("", {}).in_directory(tmp_path), tmp_path)
    assert verdict.of_the_log(here).text.startswith("replay: identical")
    assert verdict.of_the_evidence(here) == verdict.Verdict(True, "verify: ok")


def test_colour_is_for_terminals_whose_owner_wants_it() -> None:
    happening = Happening(7, 1_000_000, "consent", "agreed (key 1)")
    told: list[str] = []
    for stream, environ in ((Terminal(), {}), (Terminal(), {"NO_COLOR": "1"}), (io.StringIO(), {})):
        Painter(stream, environ).tell(happening)
        told.append(stream.getvalue())
    assert "\x1b[33mconsent" in told[0]
    assert told[1] == told[2] == "    7    0.0s  consent    agreed (key 1)\n"


async def test_a_server_is_asked_again_until_it_answers() -> None:
    class Deaf(asyncio.DatagramProtocol):
        """Answers the second request."""

        def __init__(self) -> None:
            self.heard: list[bytes] = []

        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: Any) -> None:
            self.heard.append(data)
            if len(self.heard) == 2:
                self.transport.sendto(data.replace(b"OPTIONS sip", b"SIP/2.0 200 OK", 1), addr)

    loop = asyncio.get_running_loop()
    transport, deaf = await loop.create_datagram_endpoint(Deaf, local_addr=("127.0.0.1", 0))
    await answered(transport.get_extra_info("sockname"))
    transport.close()
    assert len(deaf.heard) == 2 and deaf.heard[0] == deaf.heard[1]


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.parametrize("options", [[], ["--crash"]])
def test_the_demo_keeps_all_its_promises(options: list[str], tmp_path: Path) -> None:
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    demo = subprocess.run(
        [sys.executable, "-P", "-m", "parley.cli", "demo", *options],
        env=environ,
        capture_output=True,
        text=True,
        timeout=DEMO_S_MAX,
        check=False,
    )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "agreed (key 1)" in demo.stdout
    assert "replay: identical" in demo.stdout and "verify: ok" in demo.stdout
    assert ("node killed (SIGKILL)" in demo.stdout) == bool(options)
    assert not list(tmp_path.glob("parley-demo-*"))
