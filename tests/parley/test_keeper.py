import json
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, TextIO

import pytest

from parley.keeper.sockets import DESCRIPTORS, raise_descriptor_limit
from tests.ports import free_ports

ROOT = Path(__file__).parents[2]
WAIT_S = 20.0
BYTES_MAX = 65_536
RTP, SHARED = free_ports(200), free_ports(4)
CONFIG: dict[str, dict[str, Any]] = {
    "sip": {"listen": ["udp:127.0.0.1:0"], "drain_s": 0},
    "http": {"listen": "127.0.0.1:0"},
    "media": {"ports": f"{RTP[0]}-{RTP[-1]}"},
}

DRAINING = {**CONFIG, "sip": {"listen": ["udp:127.0.0.1:0"], "drain_s": 3_600}}

ENVIRON = {**os.environ, "PYTHONPATH": str(ROOT)}

Fact = dict[str, Any]


class Puppet:
    """The test's end of one child: what it told, and a way to make it speak."""

    def __init__(self, report: socket.socket) -> None:
        self.report = report
        self.report.settimeout(WAIT_S)
        self.pid = int(self.next()["pid"])

    def next(self) -> Fact:
        content = self.report.recv(BYTES_MAX)
        assert content, "the child has ended"
        fact: Fact = json.loads(content)
        return fact

    def until(self, wanted: Callable[[Fact], Any]) -> Fact:
        while True:
            fact = self.next()
            if wanted(fact):
                return fact

    def told(self, key: str) -> Fact:
        """Wait until the keeper has told it a message with this key."""
        message: Fact = self.until(lambda fact: key in fact.get("told", {}))["told"]
        return message

    def heard(self) -> Fact:
        return self.until(lambda fact: "heard" in fact)

    def say(self, to: str, text: str) -> None:
        self.report.send(json.dumps({"to": to, "say": text}).encode())

    def ask_keeper(self, **message: Any) -> None:
        self.say("keeper", json.dumps(message))

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self.ended()

    def ended(self) -> None:
        """Wait until the kernel has closed its sockets: it is gone."""
        with suppress(ConnectionResetError):  # It had not read all that it was told.
            while self.report.recv(BYTES_MAX):
                continue


class Server:
    """A keeper in a process of its own; its children report to the test."""

    def __init__(self, folder: Path, nature: str = "", config: Fact = CONFIG, **media: Any) -> None:
        self.data = folder / "data"
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(str(folder / "report"))
        self.listener.listen(16)
        self.listener.settimeout(WAIT_S)
        self.puppets: list[Puppet] = []
        environ = {**ENVIRON, "REPORT": str(folder / "report"), "NATURE": nature}
        config = {**config, "media": {**config["media"], **media}}
        self.process, self.log = start(self.data, "tests.parley.children", environ, config)

    def event(self, name: str, **facts: Any) -> Fact:
        """Wait until the keeper has said this on standard error."""
        for line in self.log:
            fact: Fact = json.loads(line)
            if {"event": name, **facts}.items() <= fact.items():
                return fact
        raise AssertionError(f"the keeper ended without {name}")

    def active(self, role: str, index: int = 0) -> Puppet:
        """The puppet which the keeper promotes next in this role."""
        pid = self.event("promoted", role=role, index=index)["pid"]
        while pid not in {puppet.pid for puppet in self.puppets}:
            self.puppets.append(Puppet(self.listener.accept()[0]))
        return next(puppet for puppet in self.puppets if puppet.pid == pid)

    def all_active(self) -> tuple[Puppet, Puppet, Puppet]:
        return self.active("node"), self.active("media"), self.active("speech")

    def all_puppets(self, count: int) -> list[Puppet]:
        while len(self.puppets) < count:
            self.puppets.append(Puppet(self.listener.accept()[0]))
        return self.puppets

    def pids(self) -> Fact:
        noted: Fact = json.loads((self.data / "pids.json").read_text())
        return noted

    def close(self) -> None:
        self.process.kill()
        self.process.wait(WAIT_S)
        self.log.close()
        # Their ports are the next test's: wait until they are free, of those who came last too.
        self.listener.setblocking(False)
        reports = [puppet.report for puppet in self.puppets]
        with suppress(BlockingIOError):
            while True:
                reports.append(self.listener.accept()[0])
        self.listener.close()
        for report in reports:
            with report, suppress(ConnectionResetError):
                report.settimeout(WAIT_S)
                while report.recv(BYTES_MAX):
                    continue


def start(
    data: Path, program: str, environ: dict[str, str], config: Fact = CONFIG
) -> tuple["subprocess.Popen[bytes]", TextIO]:
    """The process, and its standard error as a file which does not wait for ever."""
    command = [sys.executable, "-P", "-m", "tests.parley.serve", str(data), program]
    ours, theirs = socket.socketpair()
    ours.settimeout(WAIT_S)
    with ours, theirs:
        process = subprocess.Popen(
            [*command, json.dumps(config)], env=environ, stderr=theirs.fileno()
        )
        return process, ours.makefile()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    with ExitStack() as stack:

        def opened(nature: str = "", config: Fact = CONFIG, **media: Any) -> Server:
            server = Server(tmp_path, nature, config, **media)
            stack.callback(server.close)
            return server

        yield opened


@pytest.fixture
def server(serve: Callable[..., Server]) -> Server:
    return serve()


def sip_port(server: Server) -> int:
    """Which port the kernel gave the SIP socket: it is not in the configuration."""
    inodes = {
        os.readlink(link)
        for link in Path(f"/proc/{server.process.pid}/fd").iterdir()
        if link.is_symlink()
    }
    for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
        fields = line.split()
        if f"socket:[{fields[9]}]" in inodes and fields[1].startswith("0100007F:"):
            return int(fields[1].split(":")[1], 16)
    raise AssertionError("the keeper holds no UDP socket")


def send(port: int, text: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.sendto(text.encode(), ("127.0.0.1", port))


def test_each_child_is_told_to_go_and_given_its_sockets(server: Server) -> None:
    node, media, speech = server.all_active()
    go = node.told("go")
    assert go["data"] == str(server.data)
    assert go["first"]
    assert go["config"]["sip"]["listen"] == ["udp:127.0.0.1:0"]
    assert node.told("socket") == {"socket": "sip", "listen": "udp:127.0.0.1:0"}
    assert node.told("socket") == {"socket": "http"}
    assert node.told("peer") == {"peer": "media", "index": 0}
    assert media.told("go") == {
        "go": True,
        "index": 0,
        "recordings": "data/recordings",
        "chunk_ms": 1000,
    }
    assert media.told("peer") == {"peer": "node", "index": 0}
    assert speech.told("go")["speech"]["stt"] == "auto"
    assert speech.told("peer") == {"peer": "node", "index": 0}


def test_peers_are_joined_by_a_stream(server: Server) -> None:
    node, media, speech = server.all_active()
    for puppet in (media, speech):
        puppet.told("peer")
    node.told("peer")
    node.told("peer")
    node.say("media", "play")
    assert media.heard() == {"from": "node", "heard": "play"}
    speech.say("node", "said")
    assert node.heard() == {"from": "speech", "heard": "said"}


def test_the_pids_of_those_at_work_are_noted(server: Server) -> None:
    node, media, speech = server.all_active()
    speech.told("go")
    assert server.pids() == {
        "keeper": server.process.pid,
        "node": node.pid,
        "media": media.pid,
        "speech": speech.pid,
    }


def test_media_that_is_killed_is_replaced_on_the_same_rtp_sockets(server: Server) -> None:
    node, media, _ = server.all_active()
    node.told("peer")
    media.ask_keeper(want_rtp=2)
    ports = [media.told("rtp")["rtp"], media.told("rtp")["rtp"]]
    assert ports == [RTP[0], RTP[2]]
    server.all_puppets(5)

    media.kill()
    send(ports[1], "a frame sent while nobody listened")

    after = server.active("media")
    assert after.pid in {puppet.pid for puppet in server.puppets[:5]}, "the spare was warm"
    assert [after.told("rtp")["rtp"], after.told("rtp")["rtp"]] == ports
    heard = after.heard()
    assert heard == {"from": str(ports[1]), "heard": "a frame sent while nobody listened"}
    node.until(lambda fact: fact.get("told") == {"peer": "media", "index": 0})
    node.say("media", "go on")
    assert after.heard() == {"from": "node", "heard": "go on"}


def test_a_node_that_is_killed_misses_no_datagram(server: Server) -> None:
    node, _, speech = server.all_active()
    server.all_puppets(5)
    node.told("socket")
    speech.told("peer")

    node.kill()
    send(sip_port(server), "BYE sent while no node was there")

    after = server.active("node")
    go = after.told("go")
    assert go["config"]["http"] == {"listen": "127.0.0.1:0"}
    assert not go["first"]
    assert after.heard() == {"from": "sip", "heard": "BYE sent while no node was there"}
    assert speech.told("peer") == {"peer": "node", "index": 0}
    server.event("started", role="node")


def test_speech_that_is_killed_is_started_again(server: Server) -> None:
    node, _, speech = server.all_active()
    speech.kill()
    assert server.event("died", role="speech")["code"] == -signal.SIGKILL
    assert server.active("speech").told("peer") == {"peer": "node", "index": 0}
    node.until(lambda fact: fact.get("told") == {"peer": "speech", "index": 0})


def test_rtp_comes_with_its_rtcp_and_both_outlive_the_process(server: Server) -> None:
    _, media, _ = server.all_active()
    media.ask_keeper(want_rtp=1)
    assert media.told("rtp") == {"rtp": RTP[0], "rtcp": RTP[1]}
    media.kill()
    send(RTP[1], "a report sent while nobody listened")
    after = server.active("media")
    assert after.told("rtp") == {"rtp": RTP[0], "rtcp": RTP[1]}
    assert after.heard() == {"from": str(RTP[1]), "heard": "a report sent while nobody listened"}
    after.ask_keeper(release_rtp=RTP[0])
    after.ask_keeper(want_rtp=1)
    after.told("rtp")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        # The other copy of the socket is the child's, which a puppet does not close.
        after.kill()
        server.event("died", role="media", pid=after.pid)
        free.bind(("127.0.0.1", RTP[1]))


def test_a_port_whose_rtcp_is_taken_is_passed_over(server: Server) -> None:
    _, media, _ = server.all_active()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", RTP[1]))
        media.ask_keeper(want_rtp=1)
        assert media.told("rtp") == {"rtp": RTP[2], "rtcp": RTP[3]}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", RTP[0]))


def test_each_media_process_keeps_its_number_its_ports_and_its_link(
    serve: Callable[..., Server],
) -> None:
    server = serve(processes=2)
    node = server.active("node")
    first, second = server.active("media", 0), server.active("media", 1)
    speech = server.active("speech")
    assert (first.told("go")["index"], second.told("go")["index"]) == (0, 1)
    node.until(lambda fact: fact.get("told") == {"peer": "media", "index": 1})
    first.ask_keeper(want_rtp=1)
    mine = first.told("rtp")["rtp"]
    second.ask_keeper(want_rtp=1)
    theirs = second.told("rtp")["rtp"]
    second.ask_keeper(release_rtp=mine)  # It is not its own: nothing happens.
    second.ask_keeper(want_rtp=1)
    second.told("rtp")  # What was asked before was heard.
    spares = {*server.all_puppets(6)} - {node, first, second, speech}
    speech.told("go")
    assert server.pids() == {
        "keeper": server.process.pid,
        "node": node.pid,
        "media": first.pid,
        "media-1": second.pid,
        "speech": speech.pid,
    }

    second.kill()

    after = server.active("media", 1)
    assert after in spares
    assert after.told("go")["index"] == 1
    assert after.told("rtp")["rtp"] == theirs
    node.until(lambda fact: fact.get("told") == {"peer": "media", "index": 1})
    node.say("media-1", "go on")
    assert after.heard() == {"from": "node", "heard": "go on"}
    node.say("media", "and you")
    assert first.heard() == {"from": "node", "heard": "and you"}

    first.kill()
    assert server.active("media", 0).told("rtp")["rtp"] == mine


def test_a_shared_pair_belongs_to_each_media_process(serve: Callable[..., Server]) -> None:
    server = serve(processes=2, shared_port=SHARED[0])
    first, second = server.active("media", 0), server.active("media", 1)
    assert first.told("shared") == {"shared": SHARED[0], "rtcp": SHARED[1]}
    assert second.told("shared") == {"shared": SHARED[2], "rtcp": SHARED[3]}
    second.kill()
    send(SHARED[2], "a frame of many")
    after = server.active("media", 1)
    assert after.told("shared") == {"shared": SHARED[2], "rtcp": SHARED[3]}
    assert after.heard() == {"from": str(SHARED[2]), "heard": "a frame of many"}


def test_a_shared_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", SHARED[1]))
        config = {**CONFIG, "media": {**CONFIG["media"], "shared_port": SHARED[0]}}
        process, log = start(tmp_path, "tests.parley.children", ENVIRON, config)
        with log:
            said = log.read()
    assert process.wait(WAIT_S) == 2
    assert f"udp:127.0.0.1:{SHARED[0]} and the port above it cannot be bound" in said
    assert "change media.shared_port" in said


def test_as_many_descriptors_as_allowed_are_taken() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
    try:
        raise_descriptor_limit()
        allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert allowed == DESCRIPTORS or allowed == hard < DESCRIPTORS


def test_a_released_rtp_port_is_closed_and_not_handed_on(server: Server) -> None:
    _, media, _ = server.all_active()
    media.ask_keeper(want_rtp=2)
    ports = [media.told("rtp")["rtp"], media.told("rtp")["rtp"]]
    media.ask_keeper(release_rtp=ports[0])
    media.ask_keeper(want_rtp=1)
    assert media.told("rtp")["rtp"] not in ports
    media.kill()
    assert server.active("media").told("rtp")["rtp"] == ports[1]


def test_a_full_port_range_is_said_and_survived(server: Server) -> None:
    _, media, _ = server.all_active()
    media.ask_keeper(want_rtp=101)
    assert server.event("rtp_ports_exhausted") == {
        "event": "rtp_ports_exhausted",
        "wanted": 101,
        "given": 100,
    }
    media.kill()
    after = server.active("media")
    assert [after.told("rtp")["rtp"] for _ in range(100)] == list(RTP[::2])


@pytest.mark.parametrize("words", ["", "{", "[]", '{"want_rtp":"all"}', '{"release_rtp":null}'])
def test_what_a_child_says_wrongly_is_ignored(server: Server, words: str) -> None:
    _, media, _ = server.all_active()
    media.say("keeper", words or "null")
    server.event("not_understood", role="media")
    media.ask_keeper(want_rtp=1)
    assert media.told("rtp") == {"rtp": RTP[0], "rtcp": RTP[1]}


def test_only_media_may_ask_for_rtp(server: Server) -> None:
    node, _, _ = server.all_active()
    node.ask_keeper(want_rtp=1)
    server.event("not_understood", role="node")


def test_sigterm_stops_the_node_first_and_then_the_others(server: Server) -> None:
    node, media, speech = server.all_active()
    everyone = server.all_puppets(5)
    server.process.terminate()
    for puppet in (node, media, speech):
        assert puppet.told("stop") == {"stop": True}
    server.event("died", role="node", code=0)
    server.event("stopped")
    assert server.process.wait(WAIT_S) == 0
    for puppet in everyone:
        puppet.ended()
    assert not (server.data / "pids.json").exists()


def test_a_second_signal_ends_the_waiting(serve: Callable[..., Server]) -> None:
    server = serve("stubborn")
    node, media, speech = server.all_active()
    server.process.send_signal(signal.SIGINT)
    node.told("stop")
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(WAIT_S) == 0
    for puppet in (node, media, speech):
        puppet.ended()


def test_sigterm_lets_the_calls_that_are_up_end_first(serve: Callable[..., Server]) -> None:
    server = serve(config=DRAINING)
    node, _, _ = server.all_active()
    server.process.terminate()
    assert node.told("drain") == {"drain": True}
    node.ask_keeper(drained=True)
    assert node.told("stop") == {"stop": True}
    assert server.process.wait(WAIT_S) == 0


def test_a_node_that_dies_while_draining_is_replaced_and_its_successor_drains(
    serve: Callable[..., Server],
) -> None:
    server = serve(config=DRAINING)
    node, _, _ = server.all_active()
    server.all_puppets(5)
    server.process.terminate()
    node.told("drain")
    node.kill()
    heir = server.active("node")
    assert heir.told("drain") == {"drain": True}
    heir.ask_keeper(drained=True)
    heir.told("stop")
    assert server.process.wait(WAIT_S) == 0


def test_a_second_signal_ends_the_draining(serve: Callable[..., Server]) -> None:
    server = serve(config=DRAINING)
    node, _, _ = server.all_active()
    server.process.terminate()
    node.told("drain")
    server.process.terminate()
    node.told("stop")
    assert server.process.wait(WAIT_S) == 0


def test_children_do_not_outlive_their_keeper(server: Server) -> None:
    puppets = [*server.all_active(), *server.all_puppets(5)]
    server.process.kill()
    for puppet in puppets:
        puppet.ended()


def test_a_second_server_on_the_same_data_is_refused(server: Server) -> None:
    server.all_active()
    second, errors = start(server.data, "tests.parley.children", ENVIRON)
    with errors:
        assert f"Another server holds {server.data}" in errors.read()
    assert second.wait(WAIT_S) == 2


def test_a_child_that_dies_at_once_is_tried_again_and_again_more_slowly(tmp_path: Path) -> None:
    keeper, errors = start(tmp_path, "tests.parley.stillborn", ENVIRON)
    with errors:
        deaths = (json.loads(line) for line in errors if '"died"' in line)
        speech = (death for death in deaths if death["role"] == "speech")
        assert [next(speech)["replaced_in_s"] for _ in range(4)] == [0.0, 0.0, 0.0, 1.0]
        keeper.terminate()
        assert keeper.wait(WAIT_S) == 0
