"""What keeps a server from starting."""


class KeeperError(Exception):
    """The server cannot start here; `hint` says what to do. Exit code 2."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(f"{message}\n  {hint}")
        self.message = message
        self.hint = hint


class Damaged(Exception):
    """The store cannot be served: to start the node again would not mend it. Exit code 1."""
