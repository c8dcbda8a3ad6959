"""Open dialogs as rows: what a restarted process needs to go on with a call."""

from runtime import table
from telephony.sip import DialogState

Dialog = table(name="dialog", index=(("status",),))(DialogState)
