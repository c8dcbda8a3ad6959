"""Gates: an action waits until people have approved it."""

from runtime.gates.reducers import open, withdraw

__all__ = ["open", "withdraw"]
