"""`python -m tests.simulation --seed 4711`: run a seed again, exactly as it was."""

import argparse
import sys
import time

import apsw

from tests.simulation import tiers
from tests.simulation.controls import CONTROLS
from tests.simulation.report import Report

SEEDS = 30
"""How many run where none is named."""


def main() -> int:
    """Run the seeds, say what happened. Answers 1 at the first claim that does not hold."""
    asked = _arguments()
    first = 0 if asked.seed is None else asked.seed
    seeds = asked.seeds or (SEEDS if asked.seed is None else 1)
    totals: dict[str, int] = {}
    begun = time.perf_counter()
    for seed in range(first, first + seeds):
        report = _run(asked.tier, asked.control, seed)
        print(report.line())
        if report.violation is not None:
            print(report.story())
            print(f"again: python -m tests.simulation {' '.join(_again(asked, seed))}")
            return 1
        for what, count in report.counts.items():
            totals[what] = totals.get(what, 0) + count
    seconds = time.perf_counter() - begun
    counts = ", ".join(
        f"{count} {what} ({count / seconds:.0f}/s)" for what, count in totals.items()
    )
    print(f"{seeds} seeds in {seconds:.1f} s: {counts}; every claim holds")
    return 0


def _run(tier: str, control: str | None, seed: int) -> Report:
    if control is None:
        return tiers.run(tier, seed)
    with CONTROLS[control].seam():
        return CONTROLS[control].tier(seed, CONTROLS[control].rig)


def _again(asked: argparse.Namespace, seed: int) -> list[str]:
    kind = ["--tier", asked.tier] if asked.control is None else ["--control", asked.control]
    return ["--seed", str(seed), *kind]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="run this seed; without it, a fixed set")
    parser.add_argument("--seeds", type=int, help="how many seeds, from --seed on")
    parser.add_argument("--tier", choices=sorted(tiers.TIERS), default="power")
    parser.add_argument("--control", choices=sorted(CONTROLS), help="break this on purpose")
    return parser.parse_args()


def _told(unraisable: "sys.UnraisableHookArgs") -> None:
    """SQLite goes on after some failures of a disk, and apsw has nobody to raise them to."""
    if not isinstance(unraisable.exc_value, apsw.Error):
        sys.__unraisablehook__(unraisable)


if __name__ == "__main__":
    sys.unraisablehook = _told
    sys.exit(main())
