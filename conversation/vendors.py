"""Firms that get something of what a caller says: none without a permit."""

from typing import ClassVar

from consent.permit import VENDOR, Permit


class VendorClient:
    """Derive the client of a vendor from this: it cannot be made without a permit.

        class Acme(VendorClient):
            vendor = "acme"

        acme = Acme(await self.session.dispatch("acme", size=len(text)))

    `session.dispatch` is asked for each time that something is sent: it is an action of the call.
    """

    vendor: ClassVar[str]

    def __init__(self, permit: Permit) -> None:
        """Raises NotPermitted."""
        permit.must_be_for(f"{VENDOR}{self.vendor}")
        self.permit = permit
