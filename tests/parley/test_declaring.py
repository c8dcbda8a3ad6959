"""A log can be replayed only where every reducer and table of the house has been declared."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FLOORS = (
    "consent",
    "conversation",
    "recordings",
    "runtime",
    "sessions",
    "telephony",
    "transcripts",
)
DECLARES = re.compile(r"^@(reducer|table)\b", re.MULTILINE)


def test_history_imports_whatever_declares_a_reducer_or_a_table() -> None:
    declaring = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for floor in FLOORS
        for path in (ROOT / floor).rglob("*.py")
        if DECLARES.search(path.read_text())
    }
    assert "sessions.reducers" in declaring
    program = "import sys, parley.history; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert declaring - set(done.stdout.split()) == set()
