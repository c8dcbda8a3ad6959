"""Law that comes later binds a tenant's file from its day on, and is checked for today."""

import pytest

from consent.policy import parsing, tightening
from consent.policy.errors import Loosened
from tests.consent.policy.calls import LAW

CELL = """
[[cell]]
jurisdictions = ["IE"]
scopes = ["ai_interaction"]
due = "none"
source = "Our own promise"
reviewed = 2026-07-01
"""


def test_what_will_loosen_is_refused_before_it_does() -> None:
    with pytest.raises(Loosened, match="asks on 2026-08-02: EEA/ai_interaction/general@2026-08-02"):
        tightening.check(LAW, parsing.overlay("ours.toml", CELL), "2026-07-01")


def test_law_that_is_past_binds_nobody() -> None:
    text = CELL.replace("ai_interaction", "recording").replace("none", "notice")
    text += 'lines = ["trading"]\n'
    tightening.check(LAW, parsing.overlay("ours.toml", text), "2026-11-21")
    with pytest.raises(Loosened, match="asks on 2017-06-01"):
        tightening.check(LAW, parsing.overlay("ours.toml", text), "2017-06-01")
