"""The only code that changes dialogs."""

from runtime import Context, reducer
from telephony.tables import Dialog


@reducer
def dialog_saved(ctx: Context, dialog: Dialog) -> None:
    """A dialog changed; nothing that tells the peer of it is sent before this is on disk."""
    dialogs = ctx.table(Dialog)
    if dialogs.get(dialog.id) is None:
        dialogs.insert(dialog)
    else:
        dialogs.replace(dialog)
