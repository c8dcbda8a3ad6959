"""A tenant's file may ask for more; where it asks for less, cell and source are named."""

from pathlib import Path

import pytest

from consent.policy import parsing, tightening
from consent.policy.cells import Overlay
from consent.policy.errors import Loosened, PolicyError
from consent.policy.plan import Start
from consent.policy.terms import Due, Line, OnNo
from tests.consent.policy.calls import LAW, TODAY, owed, party, plan

ROOT = Path(__file__).parents[3]


def ours(place: str, scope: str, *keys: str, line: str = "general") -> Overlay:
    text = "\n".join(
        [
            "[[cell]]",
            f'jurisdictions = ["{place}"]',
            f'scopes = ["{scope}"]',
            f'lines = ["{line}"]',
            'source = "Our own promise"',
            "reviewed = 2026-11-21",
            *keys,
        ]
    )
    return parsing.overlay("ours.toml", text)


@pytest.mark.parametrize(
    ("overlay", "key", "named"),
    [
        (ours("US-CA", "recording", 'due = "notice"'), "due", "Cal. Penal Code 632"),
        (ours("US-CA", "recording", 'due = "none"'), "due", "US-CA/recording/general says ask"),
        (ours("DE", "recording", 'due = "notice"'), "due", "EEA/recording/general|Section 201"),
        (ours("US", "outbound_ai_voice", 'due = "notice"'), "due", "47 U.S.C. 227"),
        (ours("IE", "recording", 'due = "ask"', "implied_after_s = 5"), "implied_after_s", "GDPR"),
        (
            ours("US-CA", "recording", 'due = "ask"', "implied_after_s = 2"),
            "implied_after_s",
            "says 5",
        ),
        (ours("IE", "ai_interaction", 'due = "none"'), "due", "on 2026-11-21"),
        (ours("ZZ", "vendor", 'due = "notice"'), "due", "ZZ/vendor/general says ask"),
        (ours("ZZ", "biometrics", 'due = "ask"'), "due", "never by default"),
        (ours("IE", "recording", 'due = "notice"', line="health"), "due", "ask"),
        (
            ours("IE", "recording", 'due = "ask"', 'on_no = "end_with_reason"'),
            "on_no",
            "the price of the service",
        ),
        (
            ours("*", "recording", 'due = "ask"', 'on_no = "end_with_reason"'),
            "on_no",
            "the price of the service",
        ),
        (
            ours("IE", "live_stt", 'due = "ask"', 'on_no = "continue_unrecorded"'),
            "on_no",
            "transfer_human_unrecorded",
        ),
    ],
)
def test_what_loosens_is_refused(overlay: Overlay, key: str, named: str) -> None:
    with pytest.raises(Loosened) as caught:
        tightening.check(LAW, overlay, TODAY)
    error = caught.value
    assert error.key == key
    assert any(part in error.why for part in named.split("|")), error.why
    assert "reviewed 2026-11-21" in error.why


@pytest.mark.parametrize(
    ("overlay", "why"),
    [
        (ours("JP", "recording", 'due = "ask"'), "no jurisdiction of the data"),
        (
            ours(
                "US-TX",
                "recording",
                'due = "ask"',
                "must_record = true",
                'on_no = "end_with_reason"',
            ),
            "duty by law",
        ),
        (ours("US-TX", "recording", 'due = "ask"', 'retention = "forever"'), "retention policy"),
    ],
)
def test_what_is_not_a_tenants_to_say_is_refused(overlay: Overlay, why: str) -> None:
    with pytest.raises(PolicyError, match=why):
        tightening.check(LAW, overlay, TODAY)


@pytest.mark.parametrize(
    "overlay",
    [
        ours("US-TX", "recording", 'due = "ask"'),
        ours("US-TX", "recording", 'due = "notice"', "beep = true"),
        ours("US-CA", "recording", 'due = "ask"'),
        ours("US-CA", "recording", 'due = "ask"', "implied_after_s = 10"),
        ours("IE", "recording", 'due = "off"'),
        ours("IE", "recording", 'due = "ask"', 'on_no = "transfer_human_unrecorded"'),
        ours("IE", "vendor:acme", 'due = "off"'),
        ours("*", "recording", 'due = "notice"'),
        ours("US", "monitoring", 'due = "notice"'),
        ours("IE", "recording", 'due = "notice"', line="trading"),
    ],
)
def test_what_tightens_is_taken(overlay: Overlay) -> None:
    tightening.check(LAW, overlay, TODAY)


def test_the_file_in_the_book_is_taken() -> None:
    book = (ROOT / "docs" / "POLICY.md").read_text()
    ours_says = book.split("## A tenant's own file")[1]
    text = ours_says.split("```toml\n")[1].split("```")[0]
    overlay = parsing.overlay("book.toml", text)
    assert len(list(overlay.cells)) == 3
    tightening.check(LAW, overlay, TODAY)


def test_a_tenant_asks_where_the_law_does_not() -> None:
    overlay = ours("US-TX", "recording", 'due = "ask"')
    found = owed(plan(party("caller", "Texas"), overlays=(overlay,)), "recording")
    assert (found.due, found.start) == (Due.ASK, Start.ASK_DUE)
    assert found.rules[0].source == "Our own promise"
    assert owed(plan(party("caller", "New York"), overlays=(overlay,)), "recording").due is Due.NONE


def test_a_question_without_a_word_about_silence_wants_an_answer() -> None:
    overlay = ours("US-CA", "recording", 'due = "ask"')
    one = owed(plan(party("caller", "415"), overlays=(overlay,)), "recording")
    assert one.implied_after_s is None


def test_one_vendor_can_be_shut_out() -> None:
    overlay = ours("IE", "vendor:acme", 'due = "off"')
    found = plan(party("caller", "IE"), vendors=("acme", "other"), overlays=(overlay,))
    assert owed(found, "vendor:acme").start is Start.DISABLED
    assert owed(found, "vendor:other").start is Start.NOTICE_DUE


def test_what_a_tenant_says_of_all_lines_counts_on_a_must_record_line_too() -> None:
    overlay = ours("*", "recording", 'due = "ask"')
    found = plan(party("caller", "IE"), line=Line.TRADING, overlays=(overlay,))
    one = owed(found, "recording")
    assert (one.due, one.must_record, one.on_no) == (Due.ASK, True, OnNo.END_WITH_REASON)


def test_a_file_that_slipped_by_loosens_nothing() -> None:
    """Whoever publishes it past the check: what counts is the strictest of law and file."""
    overlay = ours("US-CA", "recording", 'due = "none"', 'basis = "contract"')
    found = plan(party("caller", "415"), overlays=(overlay,))
    assert owed(found, "recording").due is Due.ASK
    assert found.versions == (LAW.version, overlay.version)
