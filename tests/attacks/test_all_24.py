"""Each of the 24 attacks on consent and recording has a test that is named after it."""

import re
from pathlib import Path

ATTACKS = 24
NAME = re.compile(r"test_a(\d\d)_\w+\.py")
A_TEST = re.compile(r"^(async )?def test_\w+", re.MULTILINE)


def numbers(folder: Path) -> set[int]:
    """The attacks of which a file has at least one test."""
    return {
        int(named[1])
        for path in folder.iterdir()
        if (named := NAME.fullmatch(path.name)) and A_TEST.search(path.read_text())
    }


def test_no_attack_is_without_a_test() -> None:
    assert numbers(Path(__file__).parent) == set(range(1, ATTACKS + 1))


def test_a_file_without_a_test_counts_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_a07_empty.py").write_text("# def test_nothing\n")
    (tmp_path / "test_a08_full.py").write_text("def test_something() -> None: ...\n")
    (tmp_path / "a09_unnamed.py").write_text("def test_something() -> None: ...\n")
    assert numbers(tmp_path) == {8}
