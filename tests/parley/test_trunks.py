"""The trunks as they are written: what goes together, and who may call where there is none."""

from pathlib import Path

import pytest

from parley.cli import main
from parley.config import parse
from parley.trunks import TrunkError, complaints, policies, standing
from telephony.trunks import Auth
from telephony.trunks.tables import TrunkState

TRUNK = """
[[trunk]]
name = "carrier"
peers = ["203.0.113.0/24"]
registrar = "sip.example.net:5070"
username = "u1"
password = "secret"
auth = "both"
calls_max = 30
cps = 5
prefer = 2
"""


def said(toml: str) -> list[str]:
    return list(complaints(parse(toml, {})))


def test_a_trunk_reaches_the_telephony_with_its_password() -> None:
    (policy,) = policies(parse(TRUNK, {}))
    assert (policy.auth, policy.password, policy.domain) == (
        Auth.BOTH,
        "secret",
        "sip.example.net:5070",
    )
    assert (policy.calls_max, policy.cps, policy.prefer) == (30, 5, 2)
    assert "secret" not in repr(policy)


def test_without_trunks_only_this_machine_may_call_unless_it_is_said() -> None:
    assert said("") == []
    assert said('[sip]\nlisten = ["udp:127.0.0.1:5060", "udp:[::1]:5060"]') == []
    (complaint,) = said('[sip]\nlisten = ["udp:127.0.0.1:5060", "udp:0.0.0.0:5060"]')
    assert "udp:0.0.0.0:5060" in complaint and "open = true" in complaint
    assert said('[sip]\nlisten = ["udp:0.0.0.0:5060"]\nopen = true') == []
    assert said('[sip]\nlisten = ["udp:0.0.0.0:5060"]' + TRUNK) == []


@pytest.mark.parametrize(
    ("toml", "wrong"),
    [
        ('[[trunk]]\nname = "x"', "lets nobody in"),
        ('[[trunk]]\nauth = "digest"', "needs a username and a password"),
        ('[[trunk]]\nauth = "both"\nusername = "u"\npassword = "p"', "needs peers"),
        ('[[trunk]]\nregistrar = "h"', "needs a username to register as"),
        ('[[trunk]]\nproxy = "h"\nusername = "u"', "needs a password"),
        (
            '[[trunk]]\nname = "a"\nauth = "digest"\nusername = "u"\npassword = "p"\n'
            '[[trunk]]\nname = "b"\nauth = "digest"\nusername = "u"\npassword = "p"\n',
            "give each its own",
        ),
    ],
)
def test_what_does_not_go_together_is_said(toml: str, wrong: str) -> None:
    (complaint,) = said(toml)
    assert wrong in complaint


@pytest.mark.parametrize(
    ("state", "ok", "words"),
    [
        (None, True, "sip:sip.example.net:5070"),
        (TrunkState("carrier", 61_000_000, True, 0, "", 0), True, "registered for another 60 s"),
        (TrunkState("carrier", 0, True, 0, "403", 0), False, "not registered, refused with 403"),
        (TrunkState("carrier", 61_000_000, False, 2, "", 0), False, "no answer to 2 OPTIONS"),
    ],
)
def test_how_a_trunk_stands_is_told(state: TrunkState | None, ok: bool, words: str) -> None:
    (policy,) = policies(parse(TRUNK, {}))
    told = standing(policy, state, 1_000_000)
    assert told.ok is ok
    assert words in told.detail


def test_a_password_that_is_not_there_is_named() -> None:
    with pytest.raises(TrunkError, match=r"'carrier'.*NOT_THERE is not set"):
        policies(parse(TRUNK.replace('"secret"', '"env:NOT_THERE"'), {}))


def test_a_server_that_everybody_could_call_does_not_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "parley.toml"
    config.write_text('[sip]\nlisten = ["udp:0.0.0.0:0"]\n')
    code = main(["serve", "--config", str(config), "--data", str(tmp_path / "data")])
    assert code != 0
    assert "open = true" in capsys.readouterr().err
    assert not (tmp_path / "data" / "pids.json").exists()
