"""docs/DETERMINISM.md names a test for each claim; each of them exists."""

import ast
import re
from pathlib import Path

import pytest

from tests.runtime.attacks import REFUSED

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "DETERMINISM.md").read_text()
STATUSES = {"Refused", "Confined", "Recorded", "Checked", "Limit"}


def rows() -> list[list[str]]:
    """Source, control, status, tests."""
    lines = [line for line in PAGE.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [row for row in cells if len(row) == 4 and row[0] != "source"]


def exists(test: str) -> bool:
    """A file, a function in it, and where an attack is named, that attack."""
    path, _, name = test.partition("::")
    function, _, parameter = name.rstrip("]").partition("[")
    if not (ROOT / path).is_file():
        return False
    tree = ast.parse((ROOT / path).read_text())
    known = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    known |= {node.name for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef)}
    attacks = {attack.__name__ for attack in REFUSED}
    return (not function or function in known) and (not parameter or parameter in attacks)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_each_source_has_a_status_and_tests_that_exist(row: list[str]) -> None:
    source, control, status, shown = row
    tests = re.findall(r"`([^`]+)`", shown)
    assert source and control
    assert set(status.split(", ")) <= STATUSES
    assert tests
    assert [test for test in tests if not exists(test)] == []


def test_the_page_is_long_enough_to_be_true_and_can_be_found() -> None:
    assert len(rows()) > 40
    assert "docs/DETERMINISM.md" in (ROOT / "ARCHITECTURE.md").read_text()


def test_a_test_that_is_not_there_is_noticed() -> None:
    here = "tests/runtime/test_determinism.py"
    assert exists(f"{here}::test_it_is_refused[hashes]")
    assert not exists(f"{here}::test_it_is_refused[nobody]")
    assert not exists(f"{here}::test_nothing")
    assert not exists("tests/runtime/test_nothing.py")
