"""Lines: what any line can say and be told."""

from telephony.address import Address

__all__ = ["Address"]
