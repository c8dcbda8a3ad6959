"""Who calls, sealed: one key for each dialog, from its first row on, and the same for its call.

It lives until the call is erased, so that one can still say who called. Where a dialog never
became a call, it is destroyed once nothing can be asked about the dialog any more.
"""

import asyncio

from runtime.keystore import KeyDestroyed
from runtime.sealed import Sealed
from sessions.house import House
from sessions.tables import Call
from telephony.sip import DialogState
from telephony.tables import Dialog, personal, row_of, state_of

RESPONSES_KEPT_S = 32
"""A dialog that ended so recently may still be asked about (RFC 3261: 64*T1)."""

LEAVING_MAX = 4_000
"""Ended dialogs whose key waits for that; of further ones it is dropped at once."""


class Callers:
    """The keys of dialogs, and what is sealed under them."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._keys: dict[str, asyncio.Future[str]] = {}
        self._leaving = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def seal(self, dialog: str, text: str) -> Sealed[str]:
        """`text` under the key of the dialog; under a new one where that was destroyed.

        Those who wait for the key of one dialog get it in their order.
        """
        while True:
            if dialog not in self._keys:
                self._keys[dialog] = asyncio.ensure_future(self._house.prepare_key(dialog))
            key = self._keys[dialog]
            try:
                return self._house.seal(text, await asyncio.shield(key))
            except KeyDestroyed:
                # Who called was erased while the line is open, and goes on: it needs its row.
                if self._keys.get(dialog) is key:
                    del self._keys[dialog]

    async def row(self, dialog: DialogState) -> Dialog:
        """The row of a dialog."""
        return row_of(dialog, await self.seal(dialog.id, personal(dialog)))

    def dialog(self, row: Dialog) -> DialogState | None:
        """The dialog of a row from before a restart; None where who called was erased."""
        try:
            state = state_of(row, self._house.unseal(row.sealed))
        except KeyDestroyed:
            return None
        key: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        key.set_result(row.sealed.key_id)
        self._keys[row.id] = key
        self._house.adopt(row.id, row.sealed.key_id)
        return state

    def leave(self, dialog: str) -> None:
        """The dialog is over."""
        self._leaving += 1
        wait_s = RESPONSES_KEPT_S if self._leaving <= LEAVING_MAX else 0
        asyncio.get_running_loop().call_later(wait_s, self._left, dialog)

    def _left(self, dialog: str) -> None:
        self._leaving -= 1
        task = asyncio.create_task(self.forget(dialog))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def forget(self, dialog: str) -> None:
        """Nothing is asked about the dialog any more: destroy its key, unless a call has it."""
        key = self._keys.pop(dialog, None)
        if key is None:
            return
        key_id = await key
        calls = await self._house.store.reader.rows(Call, id=dialog)
        if key_id not in [call.caller_key for call in calls]:
            await self._house.discard_key(key_id)
        await self._house.leave(dialog, is_call=bool(calls))
