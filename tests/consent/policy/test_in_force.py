"""A published text that nobody can read makes calls stricter, never looser."""

from hashlib import sha256

import pytest

from consent.policy import in_force
from consent.policy.plan import Start
from consent.policy.tables import PolicyRelease
from consent.policy.terms import SCOPES
from tests.consent.policy.calls import LAW, owed, party, plan

DAY = 86_400_000_000


def release(text: str, name: str = "1", *, tenant: str = "", from_us: int = 0) -> PolicyRelease:
    return PolicyRelease(name, tenant, sha256(text.encode()).hexdigest(), from_us, int(name))


@pytest.mark.parametrize("text", ["due = [", "[[cell]]\ndue = 'none'\n", None, "[[sell]]\n"])
def test_what_cannot_be_read_is_the_strictest(text: str | None) -> None:
    one = release(text or "")
    texts = {} if text is None else {one.policy: text}
    overlays = in_force.overlays(LAW, [one], texts, "", DAY)

    found = plan(party("caller", "Texas"), vendors=("acme",), overlays=overlays)
    unknown = plan(party("caller", "withheld"), vendors=("acme",))

    for scope in ("live_stt", "recording", "vendor:acme", "quality_analysis"):
        assert owed(found, scope).start is owed(unknown, scope).start is not Start.OPEN
    assert "cannot be read" in owed(found, "recording").rules[0].source


def test_a_text_under_the_name_of_another_is_not_gone_by() -> None:
    one = release("# empty\n")
    (overlay,) = in_force.overlays(LAW, [one], {one.policy: "# another\n"}, "", DAY)
    assert list(overlay.cells) != []


def test_an_empty_text_asks_for_nothing_more() -> None:
    one = release("# nothing\n")
    (overlay,) = in_force.overlays(LAW, [one], {one.policy: "# nothing\n"}, "", DAY)
    assert list(overlay.cells) == []
    assert overlay.version == one.policy


def test_the_latest_that_has_come_is_in_force() -> None:
    early, late = release("a", "1", from_us=DAY), release("b", "2", from_us=3 * DAY)
    fix = release("c", "3", from_us=DAY)
    releases = [late, early, fix]
    assert in_force.released(releases, "", DAY - 1) == ()
    assert in_force.released(releases, "", DAY) == (fix,)
    assert in_force.released(releases, "", 3 * DAY) == (late,)


def test_a_tenant_goes_by_the_houses_file_and_by_its_own() -> None:
    house, own, other = (
        release("a", "1"),
        release("b", "2", tenant="acme"),
        release("c", "3", tenant="x"),
    )
    assert in_force.released([house, own, other], "acme", DAY) == (house, own)
    assert in_force.released([house, own, other], "", DAY) == (house,)


def test_the_day_is_of_utc() -> None:
    assert in_force.day_of(0) == "1970-01-01"
    assert in_force.day_of(DAY - 1) == "1970-01-01"
    assert in_force.day_of(DAY) == "1970-01-02"
    assert len(SCOPES) == 10
