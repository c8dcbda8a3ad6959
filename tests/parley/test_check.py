import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from parley import cli
from parley.commands.check import shared_ports
from parley.commands.ports import buffer_bytes
from parley.config import parse
from runtime.checkpoint import verifier_key
from runtime.log_key import ORIGIN, load_or_create
from tests.ports import free_ports

RTP, SHARED = free_ports(20), free_ports(2)

CORES = len(os.sched_getaffinity(0))
CONFIG = """\
[http]
listen = "127.0.0.1:{http}"
[sip]
listen = ["udp:127.0.0.1:{sip}"]
[media]
ports = "{rtp_first}-{rtp_last}"
[agent]
app = "{app}"
"""


def configured(folder: Path, sip: int = 0, app: str = "parley.demo:Receptionist") -> list[str]:
    file = folder / "parley.toml"
    file.write_text(CONFIG.format(http=0, sip=sip, app=app, rtp_first=RTP[0], rtp_last=RTP[-1]))
    return ["check", "--config", str(file), "--data", str(folder / "data"), "--json"]


def checked(argv: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, str]]:
    """The exit code, and what is not ok."""
    code = cli.main(argv)
    found = json.loads(capsys.readouterr().out)
    return code, {one["what"]: one["detail"] for one in found if not one["ok"]}


def test_a_place_where_a_server_would_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert checked(configured(tmp_path), capsys) == (0, {})
    assert not (tmp_path / "data").exists()


def test_a_port_that_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        code, wrong = checked(configured(tmp_path, taken.getsockname()[1]), capsys)
    assert code == 1
    assert "Address already in use" in wrong["ports"] and "change sip.listen" in wrong["ports"]


def test_a_secure_listener_without_a_certificate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = configured(tmp_path)
    file = tmp_path / "parley.toml"
    file.write_text(file.read_text().replace("udp:127.0.0.1", "tls:127.0.0.1"))
    code, wrong = checked(argv, capsys)
    assert (code, list(wrong)) == (1, ["TLS"])
    assert "Set sip.tls_certificate" in wrong["TLS"]


@pytest.mark.parametrize("app", ["nowhere.at_all:Agent", "parley.demo:DAYS", "parley.demo"])
def test_an_agent_that_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], app: str
) -> None:
    code, wrong = checked(configured(tmp_path, app=app), capsys)
    assert (code, list(wrong)) == (1, ["agent"])


def test_a_data_directory_that_is_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = configured(tmp_path)
    (tmp_path / "data").write_text("")
    code, wrong = checked(argv, capsys)
    assert (code, list(wrong)) == (1, ["data directory"])


def test_a_log_without_its_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = configured(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "parley.db").write_bytes(b"")
    code, wrong = checked(argv, capsys)
    assert (code, list(wrong)) == (1, ["log key"])
    (tmp_path / "data" / "log.key").write_text("no key")
    _, wrong = checked(argv, capsys)
    assert "cannot be used" in wrong["log key"]


def test_the_verifier_key_is_shown_for_the_auditor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = configured(tmp_path)
    key = load_or_create(tmp_path / "data" / "log.key")
    assert (tmp_path / "data" / "log.key").stat().st_mode & 0o777 == 0o600
    assert cli.main(argv[:-1]) == 0
    line = verifier_key(ORIGIN, key.public_key())
    assert f"ok  verifier key, for your auditor: {line}\n" in capsys.readouterr().out


def test_a_log_key_that_others_can_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = configured(tmp_path)
    load_or_create(tmp_path / "data" / "log.key")
    (tmp_path / "data" / "log.key").chmod(0o644)
    code, wrong = checked(argv, capsys)
    assert (code, list(wrong)) == (1, ["log key"])
    assert "mode 644, others can read it: chmod 600" in wrong["log key"]


def test_an_authority_whose_certificate_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    argv = configured(tmp_path)
    monkeypatch.setenv("PARLEY_EVIDENCE_TSA_URL", "http://tsa.example/")
    assert checked(argv, capsys) == (0, {})
    monkeypatch.setenv("PARLEY_EVIDENCE_TSA_CERTIFICATE", str(tmp_path / "nothing.pem"))
    code, wrong = checked(argv, capsys)
    assert (code, list(wrong)) == (1, ["time stamps"])
    assert "nothing.pem cannot be read" in wrong["time stamps"]


def test_the_media_processes_and_their_shared_ports_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    argv = configured(tmp_path)
    assert cli.main(argv[:-1]) == 0
    shown = capsys.readouterr().out
    assert f"ok  media: processes: 1, and a warm spare; cores here: {CORES}\n" in shown
    assert "ok  media: each call has a pair of ports of its own\n" in shown
    assert (
        f"10 pairs of ports of {RTP[0]}-{RTP[-1]} on 127.0.0.1 are free for RTP and RTCP" in shown
    )
    monkeypatch.setenv("PARLEY_MEDIA_SHARED_PORT", str(SHARED[0]))
    cli.main(argv[:-1])
    assert f"shared ports on 127.0.0.1: {SHARED[0]}-{SHARED[1]}; " in capsys.readouterr().out


@pytest.fixture
def one_core() -> Iterator[None]:
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    yield
    os.sched_setaffinity(0, cores)


@pytest.mark.usefixtures("one_core")
def test_more_media_processes_than_cores(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARLEY_MEDIA_PROCESSES", "2")
    code, wrong = checked(configured(tmp_path), capsys)
    assert (code, list(wrong)) == (1, ["media"])
    assert "lower media.processes" in wrong["media"]


def test_a_shared_port_that_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARLEY_MEDIA_SHARED_PORT", str(SHARED[0]))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", SHARED[1]))
        code, wrong = checked(configured(tmp_path), capsys)
    assert code == 1
    assert f"127.0.0.1:{SHARED[1]} cannot be bound" in wrong["ports"]
    assert "change media.shared_port" in wrong["ports"]


def test_a_shared_port_before_which_little_can_wait() -> None:
    media = parse("[media]\nshared_port = 23220", {}).media
    finding = shared_ports(media, 212_992)
    assert not finding.ok
    assert "sysctl net.core.rmem_max=4194304" in finding.detail
    assert shared_ports(media, 4 * 1024 * 1024).ok


def test_the_kernel_grants_what_it_can() -> None:
    assert buffer_bytes(16_384) == 16_384
