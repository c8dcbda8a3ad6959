"""The four transactions of RFC 3261 section 17, with RFC 6026, each drawn as a table."""

from telephony.sip.transactions.invite_client import InviteClient
from telephony.sip.transactions.invite_server import InviteServer
from telephony.sip.transactions.machine import Report, State
from telephony.sip.transactions.non_invite_client import NonInviteClient
from telephony.sip.transactions.non_invite_server import NonInviteServer
from telephony.sip.transactions.transactions import (
    Client,
    Transactions,
    Way,
    branch_of,
    server_key,
    way_back,
)

__all__ = [
    "Client",
    "InviteClient",
    "InviteServer",
    "NonInviteClient",
    "NonInviteServer",
    "Report",
    "State",
    "Transactions",
    "Way",
    "branch_of",
    "server_key",
    "way_back",
]
