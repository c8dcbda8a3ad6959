"""parley module: deploys by hand, with no server; the example is the module."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from parley import cli

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "booking"

Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    def run(*argv: Any) -> tuple[int, str, str]:
        code = cli.main([str(word) for word in argv])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """A copy of the example that a test may change."""
    return shutil.copytree(
        EXAMPLE, tmp_path / "booking", ignore=shutil.ignore_patterns("__pycache__")
    )


def change(module: Path, file: str, old: str, new: str) -> None:
    text = (module / file).read_text()
    assert old in text
    (module / file).write_text(text.replace(old, new))


def test_a_module_goes_live_is_listed_and_goes_back(
    module: Path, tmp_path: Path, said: Said
) -> None:
    data = ("--data", tmp_path / "data")
    code, out, _ = said("module", "deploy", module, *data, "--json")
    first = json.loads(out)["version"]
    assert code == 0

    change(module, "reducers.py", "FIRST, LAST = 8, 17", "FIRST, LAST = 7, 17")
    code, out, _ = said("module", "deploy", module, "--rollout", "12.5%", *data)
    assert code == 0
    assert f"before it: {first}" in out

    code, out, _ = said("module", "list", *data, "--json")
    (found,) = json.loads(out)["modules"]
    assert (found["stable"], found["rollout"], len(found["versions"])) == (first, "12.5%", 2)

    code, out, _ = said("module", "rollback", "booking", *data)
    assert (code, out) == (0, f"new calls get {first}; calls under way keep theirs\n")
    code, _, err = said("module", "rollback", "booking", *data)
    assert code == 1
    assert "no version of booking to roll back to" in err


def test_a_pause_is_listed_until_it_is_over(module: Path, tmp_path: Path, said: Said) -> None:
    data = ("--data", tmp_path / "data")
    said("module", "deploy", module, *data)
    assert said("module", "pause", "booking", "--why", "a bug", *data)[0] == 0

    _, out, _ = said("module", "list", *data)
    assert "booking is paused since" in out and out.endswith(": a bug\n")
    assert said("module", "resume", "booking", *data)[0] == 0
    assert "paused" not in said("module", "list", *data)[1]


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        (("tables.py", "call: str", "call: int"), "is now 'call INTEGER NOT NULL'"),
        (("reducers.py", '""', "open('/etc/passwd').read()"), "booking@"),
        (("agent.py", "class Bookings", "clas Bookings"), "SyntaxError"),
        (("agent.py", "class Bookings(Agent)", "class Bookings"), "shows 0 agents"),
    ],
)
def test_what_can_not_go_live_is_said_and_the_version_before_stays(
    module: Path, tmp_path: Path, said: Said, changed: tuple[str, str, str], complaint: str
) -> None:
    data = ("--data", tmp_path / "data")
    _, out, _ = said("module", "deploy", module, *data, "--json")
    change(module, *changed)

    code, _, err = said("module", "deploy", module, *data)

    assert (code, complaint in err) == (1, True), err
    _, listed, _ = said("module", "list", *data, "--json")
    (release,) = json.loads(listed)["modules"]
    assert (release["stable"], len(release["versions"])) == (json.loads(out)["version"], 1)


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (["deploy", "nowhere"], "can not be read"),
        (["deploy", "booking", "--rollout", "200%"], "write a share such as 10%"),
        (["deploy", "booking", "--rollout", "ten"], "write a share such as 10%"),
    ],
)
def test_misuse_says_how_to_do_it(
    module: Path, tmp_path: Path, said: Said, argv: list[Any], complaint: str
) -> None:
    argv = [tmp_path / word if word in ("nowhere", "booking") else word for word in argv]
    code, _, err = said("module", *argv, "--data", tmp_path / "data")
    assert code == 2
    assert complaint in err
