"""The command that repeats a seed, as the tests run it: what fails here fails there."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def simulate(*words: str, hash_seed: str = "0") -> "subprocess.CompletedProcess[str]":
    """Run `python -m tests.simulation` in a process of its own."""
    command = [sys.executable, "-m", "tests.simulation", *words]
    environ = {**os.environ, "PYTHONHASHSEED": hash_seed}
    return subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
