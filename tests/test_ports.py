"""Ports that two processes of tests never both get, and nobody else meanwhile."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import ports
from tests.ports import BLOCK, Block, blocks, bound_by, claimed, free_port, free_ports

ROOT = Path(__file__).parents[1]
EVERY = blocks(range(0))
"""As if the kernel gave nobody any."""
KINDS = (socket.SOCK_DGRAM, socket.SOCK_STREAM)
HERE = "127.0.0.1"


@pytest.fixture
def block() -> Iterator[Block]:
    """One in which nobody has bound a port: programs that are no tests of ours ask no claim."""
    claim = claimed([one for one in EVERY if all(map(ports.is_free, one))])
    yield claim
    claim.release()


def test_the_kernel_gives_none_of_them_to_somebody_else() -> None:
    low, high = map(int, ports.EPHEMERAL.read_text().split())
    taken = {port for _ in range(20) for port in free_ports(24)}
    assert len(taken) == 20 * 24
    assert not [port for port in taken if low <= port <= high]


def test_a_row_of_ports_begins_even() -> None:
    free_port()
    assert free_ports(3).start % 2 == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("host", [HERE, "127.0.0.9", "0.0.0.0"])
def test_what_somebody_has_bound_is_left_out(
    block: Block, kind: socket.SocketKind, host: str
) -> None:
    first = block.take(4)
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind((host, first.stop + 1))
        assert first.stop + 1 not in block.take(4)
        assert not ports.is_free(first.stop + 1)
    assert ports.is_free(first.stop + 1)


def test_all_others_are_given_before_one_is_given_again(block: Block) -> None:
    rounds = [block.take(BLOCK // 4).start for _ in range(5)]
    assert len(set(rounds[:4])) == 4
    assert rounds[4] == rounds[0]


def test_more_than_there_are_is_an_error(block: Block) -> None:
    with pytest.raises(AssertionError, match="no 1001 ports in a row"):
        block.take(BLOCK + 1)


def test_another_process_has_other_ports() -> None:
    code = "from tests.ports import free_ports; print(free_ports(2).start)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) // BLOCK != free_port() // BLOCK


def test_a_block_is_given_once_and_comes_free_with_its_holder() -> None:
    candidates = EVERY[-1:]
    held = claimed(candidates)
    with pytest.raises(AssertionError, match="all 1 blocks of ports are taken"):
        claimed(candidates)
    held.release()
    claimed(candidates).release()


def test_where_the_kernel_gives_all_ports_to_others_there_still_are_some() -> None:
    assert blocks(range(1_024, 65_536)) == EVERY
    assert all(one.stop <= 32_768 or one.start > 60_999 for one in blocks(range(32_768, 61_000)))


def test_a_process_is_seen_to_hold_its_ports() -> None:
    wanted = free_ports(2)
    code = (
        "import socket, sys; a = socket.socket(type=socket.SOCK_DGRAM); b = socket.socket();"
        f"a.bind(({HERE!r}, {wanted[0]})); b.bind(({HERE!r}, {wanted[1]})); b.listen();"
        "print(flush=True); sys.stdin.read()"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert bound_by(process.pid) == set(wanted)
        process.communicate()
    assert bound_by(process.pid) == set()
