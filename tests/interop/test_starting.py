"""A program whose port was taken meanwhile is started on another one."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.interop.starting import TRIES_MAX, PortsTaken, ended_if_not, on_free_ports, wait_until
from tests.ports import bound_by, free_port

LISTENER = """
import socket, sys
listening = socket.create_server(("127.0.0.1", int(sys.argv[1])))
sys.stdin.read()
"""
Started = tuple["subprocess.Popen[bytes]", int]


def start(folder: Path, port: int) -> Started:
    log = folder / "log"
    with log.open("wb") as written:
        command = [sys.executable, "-c", LISTENER, str(port)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=written)
    with ended_if_not(process):
        wait_until(lambda: port in bound_by(process.pid), process, log)
    return process, port


def test_who_finds_a_port_taken_is_started_on_another(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        ports = iter((taken.getsockname()[1], free_port()))
        process, port = on_free_ports(lambda: start(tmp_path, next(ports)))
        assert port != taken.getsockname()[1]
        assert bound_by(process.pid) == {port}
        process.communicate()
    assert process.returncode == 0


def test_who_never_finds_a_free_one_says_so(tmp_path: Path) -> None:
    tried: list[int] = []

    def again() -> Started:
        tried.append(1)
        return start(tmp_path, taken.getsockname()[1])

    with (
        socket.create_server(("127.0.0.1", free_port())) as taken,
        pytest.raises(AssertionError, match="3 times a port was taken meanwhile"),
    ):
        on_free_ports(again)
    assert len(tried) == TRIES_MAX


def test_who_ends_for_another_reason_is_not_started_again(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="OverflowError"):
        on_free_ports(lambda: start(tmp_path, 70_000))


def test_a_program_which_goes_on_without_its_port_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(PortsTaken):
        said_so(tmp_path)


def said_so(folder: Path) -> None:
    """As one says it that does not end because of it."""
    log = folder / "log"
    log.write_text("warning: Address already in use\n")
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=pipe) as process:
        try:
            wait_until(lambda: True, process, log)
        finally:
            process.kill()
