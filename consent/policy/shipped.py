"""The data that ship with this version, read from the package."""

from functools import cache
from pathlib import Path

from consent.policy import parsing
from consent.policy.cells import Law

FOLDER = Path(__file__).parent / "data"


@cache
def law() -> Law:
    """Parsed once. Raises PolicyError for an installation that is damaged."""
    return parsing.law(files())


def files() -> dict[str, str]:
    """File name -> text."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.toml"))}
