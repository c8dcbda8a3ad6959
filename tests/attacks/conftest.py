"""What the attacks are made on."""

from tests.sessions.conftest import house

__all__ = ["house"]
