"""Open dialogs as rows: what a restarted process needs to go on with a call.

Who calls, from where and by which addresses is personal data, and foreign text besides: it is
in one sealed column. In plain stands only what a row is found by, and when things happened.
"""

from dataclasses import fields
from typing import Any

from runtime import Sealed, canonical, table
from runtime.values import row_to_plain, typed_row
from telephony.sip import DialogState


@table(name="dialog", index=(("status",),))
class Dialog:
    """`DialogState`, all fields but these as canonical JSON in `sealed`. Its key is the call's."""

    id: str
    role: str
    status: str
    created_us: int
    answered_us: int
    ended_us: int
    sealed: Sealed[str]


_PLAIN = tuple(field.name for field in fields(Dialog) if field.name != "sealed")


def personal(state: DialogState) -> str:
    """What is to be sealed of a dialog."""
    values = row_to_plain(state)
    return canonical.encode({n: v for n, v in values.items() if n not in _PLAIN}).decode()


def row_of(state: DialogState, sealed: Sealed[str]) -> Dialog:
    """The row of a dialog whose `personal` part was sealed."""
    plain: dict[str, Any] = {name: getattr(state, name) for name in _PLAIN}
    return Dialog(**plain, sealed=sealed)


def state_of(row: Dialog, opened: str) -> DialogState:
    """The dialog again, from its row and what was sealed in it."""
    plain = {name: getattr(row, name) for name in _PLAIN}
    state: DialogState = typed_row(DialogState, plain | canonical.decode(opened.encode()))
    return state
