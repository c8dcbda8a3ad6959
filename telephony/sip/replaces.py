"""The Replaces header (RFC 3891): this call takes the place of that one."""

from __future__ import annotations

from dataclasses import dataclass

from telephony.sip import dialog as rows
from telephony.sip import grammar
from telephony.sip.core import Core, Dialog
from telephony.sip.dialog import DialogState
from telephony.sip.errors import GrammarError
from telephony.sip.message import Request

PARAMS_MAX = 16


@dataclass(frozen=True, slots=True)
class Replaces:
    """A dialog as the one who is asked to give it up names it: `to_tag` is their own."""

    call_id: str
    to_tag: str
    from_tag: str
    early_only: bool = False

    @staticmethod
    def parse(text: str) -> Replaces:
        call_id, semicolon, rest = text.partition(";")
        params = grammar.params(semicolon + rest)
        tags = [
            [value for name, value in params if name.lower() == wanted]
            for wanted in ("to-tag", "from-tag")
        ]
        if not call_id.strip() or any(len(values) != 1 or not values[0] for values in tags):
            raise GrammarError("bad Replaces")
        (to_tag,), (from_tag,) = tags
        early_only = grammar.param(params, "early-only") is not None
        return Replaces(call_id.strip(), to_tag or "", from_tag or "", early_only)

    @staticmethod
    def of(dialog: DialogState) -> Replaces:
        """What the other side of a dialog of ours is told by a third."""
        return Replaces(dialog.call_id, dialog.remote_tag, dialog.local_tag)

    def __str__(self) -> str:
        early_only = ";early-only" if self.early_only else ""
        return f"{self.call_id};to-tag={self.to_tag};from-tag={self.from_tag}{early_only}"


def replaced_by(core: Core, invite: Request) -> tuple[int, Dialog | None]:
    """The dialog an INVITE wants to replace, if it names one; else why not, as a status.

    Only somebody who was told both tags can name it. RFC 3891 section 3.
    """
    lines = invite.headers.all("replaces")
    if not lines:
        return 0, None
    try:
        (line,) = lines
        wanted = Replaces.parse(line)
    except ValueError:
        return 400, None
    dialog = core.dialog_of(wanted.call_id, wanted.to_tag)
    if dialog is None:
        return 481, None
    state = dialog.state
    # Whom we call has no tag yet as long as nobody has answered.
    if state.remote_tag not in ("", wanted.from_tag):
        return 481, None
    if dialog.is_ending or dialog.wants_bye or dialog.wants_cancel:
        return 603, None
    if state.status == rows.CONFIRMED:
        return (486, None) if wanted.early_only else (0, dialog)
    # An early dialog is replaced only by whom we were calling.
    return (0, dialog) if state.role == rows.UAC else (481, None)
