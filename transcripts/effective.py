"""What readers see of a segment: its words as they were last corrected or redacted."""

from collections.abc import Iterable

from runtime import Sealed
from transcripts.tables import Revision, Segment


def revised(revisions: Iterable[Revision]) -> dict[str, list[Revision]]:
    """By segment, the first change first."""
    found: dict[str, list[Revision]] = {}
    for one in sorted(revisions, key=lambda one: (one.segment, one.n)):
        found.setdefault(one.segment, []).append(one)
    return found


def effective(segment: Segment, revisions: list[Revision]) -> Sealed[str]:
    """The text that counts. `revisions`: of this segment, in order."""
    return revisions[-1].text if revisions else segment.text
