"""Which published texts a call goes by: rows to overlays, at one moment."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from consent.policy import parsing
from consent.policy.cells import Law, Overlay, indexed
from consent.policy.errors import PolicyError
from consent.policy.tables import PolicyRelease
from consent.policy.terms import EVERYWHERE, STRICTEST

ALL_TENANTS = ""


def released(
    releases: Sequence[PolicyRelease], tenant: str, at_us: int
) -> tuple[PolicyRelease, ...]:
    """What is in force for a tenant: the house's file for all of them, then their own."""
    found: list[PolicyRelease] = []
    for name in dict.fromkeys((ALL_TENANTS, tenant)):
        come = [one for one in releases if one.tenant == name and one.from_us <= at_us]
        if come:
            found.append(max(come, key=lambda one: (one.from_us, one.released_us)))
    return tuple(found)


def overlays(
    law: Law,
    releases: Sequence[PolicyRelease],
    texts: Mapping[str, str],
    tenant: str,
    at_us: int,
) -> tuple[Overlay, ...]:
    """The overlays of a tenant. `texts`: the texts of all releases by their id.

    Never raises: a text that cannot be read stands for the strictest policy that there is.
    """
    return tuple(loaded(law, one.policy, texts) for one in released(releases, tenant, at_us))


def loaded(law: Law, policy: str, texts: Mapping[str, str]) -> Overlay:
    """A text that was published. Never raises."""
    try:
        found = parsing.overlay(policy[:12], texts[policy])
    except (KeyError, PolicyError):
        return unreadable(law, policy)
    # By another text than was published under this name nobody goes.
    return found if found.version == policy else unreadable(law, policy)


def unreadable(law: Law, policy: str) -> Overlay:
    """In the place of a policy that nobody can read: at every place, the strictest of all."""
    said = f"House rule: the policy {policy[:12]} that was published cannot be read"
    cells = [
        replace(cell, jurisdiction=EVERYWHERE, source=said)
        for cell in law.cells
        if cell.jurisdiction == STRICTEST
    ]
    return Overlay(policy, "", indexed(cells))


def day_of(at_us: int) -> str:
    """The day (UTC, ISO 8601) of a moment: the one whose law counts."""
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).date().isoformat()
