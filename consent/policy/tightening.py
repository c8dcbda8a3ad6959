"""A tenant's own file may only tighten: every cell that would loosen is named, with its law."""

from consent.policy.cells import Cell, Law, Overlay
from consent.policy.errors import Loosened, PolicyError
from consent.policy.resolver import governing
from consent.policy.saying import SAID
from consent.policy.strictness import Asked, brings, joined, weight
from consent.policy.terms import EVERYWHERE, STRICTEST, Due, OnNo, rank


def check(law: Law, overlay: Overlay, day: str) -> None:
    """For all days from `day` (ISO 8601) on. Raises Loosened for the first cell that asks less
    than the law, PolicyError for one about a place that is none, or not a tenant's to say."""
    for cell in overlay.cells:
        _its_own(law, cell)
        for one in _days(law, max(cell.start, day)):
            _tightens(law, cell, one)


def _its_own(law: Law, cell: Cell) -> None:
    if cell.jurisdiction not in (*law.jurisdictions, EVERYWHERE):
        why = "is no jurisdiction of the data: parley policy show lists them"
        raise PolicyError(cell.file, cell.id, "jurisdictions", why)
    if cell.must_record or cell.prevails:
        why = "is a duty by law, no tenant's choice: put the line on profile trading"
        raise PolicyError(cell.file, cell.id, "must_record", why)
    if cell.wording is not None and cell.wording not in SAID:
        why = f"has no words in any language: take one of {', '.join(SAID)}, or leave it out"
        raise PolicyError(cell.file, cell.id, "wording", why)
    if cell.retention is not None:
        raise PolicyError(cell.file, cell.id, "retention", "belongs to the retention policy")


def _days(law: Law, first: str) -> list[str]:
    """The days, from the first on, on which what the law asks may change."""
    return [first, *sorted({one.start for one in law.cells if one.start > first})]


def _tightens(law: Law, cell: Cell, day: str) -> None:
    everywhere = cell.jurisdiction == EVERYWHERE
    place = STRICTEST if everywhere else cell.jurisdiction
    cells = governing(law, place, cell.scope, cell.line, day)
    lawful = joined(cells)
    # A cell for everywhere is a floor: at each place where the law asks more, the law stands.
    why = _price(cell, lawful) if everywhere else _looser(cell, lawful) or _price(cell, lawful)
    if why is not None:
        key, said, law_says = why
        one = max([one for one in cells if key in brings(one, lawful)] or cells, key=weight)
        raise Loosened(
            cell.file,
            cell.id,
            key,
            f"{said} loosens what the law asks on {day}: {one.id} says {law_says}"
            f" ({one.source}, reviewed {one.reviewed}). A tenant may only tighten.",
        )


def _looser(cell: Cell, lawful: Asked) -> tuple[str, str, str] | None:
    """Key, what the tenant says, what the law says."""
    if rank(cell.due) < rank(lawful.due):
        return "due", cell.due, lawful.due
    if cell.due is lawful.due is Due.ASK and cell.implied_after_s is not None:
        if lawful.implied_after_s is None:
            return "implied_after_s", str(cell.implied_after_s), "that staying is no consent"
        if cell.implied_after_s < lawful.implied_after_s:
            return "implied_after_s", str(cell.implied_after_s), str(lawful.implied_after_s)
    if cell.on_no is not None and rank(cell.on_no) < rank(lawful.on_no):
        return "on_no", cell.on_no, lawful.on_no
    return None


def _price(cell: Cell, lawful: Asked) -> tuple[str, str, str] | None:
    """Article 7 (4) GDPR: consent without which there is no service is not freely given."""
    if cell.on_no is OnNo.END_WITH_REASON is not lawful.on_no:
        return "on_no", f"{cell.on_no} makes consent the price of the service and", lawful.on_no
    return None
