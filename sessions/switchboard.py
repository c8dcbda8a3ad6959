"""Every live call of this node: its parts, and what tells them of something."""

from sessions.changes import Changes
from sessions.house import House
from sessions.line_events import LineEvents
from sessions.media_events import MediaEvents
from sessions.parts import Parts
from telephony.reducers import dialog_saved
from telephony.sip import DialogState
from telephony.sip.dialog import TERMINATED


class Switchboard(Parts):
    """The line, the media and the store tell; the parts do."""

    def __init__(self, house: House) -> None:
        super().__init__(house)
        self.line = LineEvents(self)
        self.media = MediaEvents(self)
        house.store.listen(Changes(self).committed)
        house.store.listen(self.recorders.committed)
        house.store.listen(self.awareness.committed)

    async def save(self, dialog: DialogState) -> None:
        """A dialog changed: what follows from it may be sent when this returns."""
        self.dialogs[dialog.id] = dialog
        row = await self.callers.row(dialog)
        await self.house.surely(dialog_saved, dialog.id, dialog=row)
        if dialog.status == TERMINATED:
            self.callers.leave(dialog.id)
            if dialog.id not in self.calls:
                self.dialogs.pop(dialog.id, None)
