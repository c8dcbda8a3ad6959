"""What several cells ask together: in each respect the strictest of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from consent.policy.cells import Cell
from consent.policy.terms import Condition, Due, OnNo, When, rank


@dataclass(frozen=True, slots=True)
class Asked:
    """What must happen. With one more cell, none of it becomes less."""

    due: Due
    implied_after_s: int | None
    on_no: OnNo
    when: tuple[When, ...]
    beep: bool
    must_record: bool
    retention: tuple[str, ...]
    conditions: tuple[Condition, ...]


def joined(cells: Sequence[Cell]) -> Asked:
    """The strictest of all."""
    due = max((cell.due for cell in cells), key=rank, default=Due.NONE)
    speaking = [cell for cell in cells if cell.due in (Due.NOTICE, Due.ASK)]
    when = {moment for cell in speaking for moment in cell.when}
    conditions = {one for cell in cells for one in cell.conditions}
    on_no = [cell.on_no for cell in cells if cell.on_no is not None]
    return Asked(
        due=due,
        implied_after_s=_implied([cell for cell in cells if cell.due is Due.ASK]),
        on_no=max(on_no, key=rank, default=OnNo.CONTINUE_UNRECORDED),
        when=tuple(sorted(when, key=rank)),
        beep=any(cell.beep for cell in cells),
        must_record=any(cell.must_record for cell in cells),
        retention=tuple(sorted({cell.retention for cell in cells if cell.retention})),
        conditions=tuple(sorted(conditions, key=rank)),
    )


def _implied(asking: Sequence[Cell]) -> int | None:
    """Staying is agreement only where all who want a question say so, and after the longest."""
    seconds = [cell.implied_after_s for cell in asking if cell.implied_after_s is not None]
    return max(seconds) if seconds and len(seconds) == len(asking) else None


def brings(cell: Cell, asked: Asked) -> tuple[str, ...]:
    """For what of all this one cell is a reason."""
    asks = cell.due is asked.due
    reasons: dict[str, bool] = {
        "due": asks,
        "implied_after_s": asks
        and cell.due is Due.ASK
        and cell.implied_after_s == asked.implied_after_s,
        "on_no": cell.on_no is asked.on_no is not OnNo.CONTINUE_UNRECORDED,
        "beep": cell.beep,
        "must_record": cell.must_record,
        "retention": cell.retention is not None,
    }
    named = [name for name, is_one in reasons.items() if is_one]
    return (*named, *(str(condition) for condition in cell.conditions))


def weight(cell: Cell) -> tuple[int, int, int, int]:
    """How strict one cell is, to say which of several decided."""
    return (
        rank(cell.due),
        int(cell.due is Due.ASK and cell.implied_after_s is None),
        int(cell.must_record),
        len(cell.when),
    )


def is_as_strict(one: Asked, other: Asked) -> bool:
    """Whether `one` asks for all that `other` does."""
    return (
        rank(one.due) >= rank(other.due)
        and (rank(one.due) > rank(other.due) or _as_firm(one, other))
        and rank(one.on_no) >= rank(other.on_no)
        and one.beep >= other.beep
        and one.must_record >= other.must_record
        and (one.due is Due.OFF or {*other.when} <= {*one.when})
        and {*other.retention} <= {*one.retention}
        and {*other.conditions} <= {*one.conditions}
    )


def _as_firm(one: Asked, other: Asked) -> bool:
    if other.due is not Due.ASK or one.implied_after_s is None:
        return True
    return other.implied_after_s is not None and one.implied_after_s >= other.implied_after_s
