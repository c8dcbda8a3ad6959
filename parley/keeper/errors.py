"""What keeps a server from starting."""


class KeeperError(Exception):
    """The server cannot start here; `hint` says what to do. Exit code 2."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(f"{message}\n  {hint}")
        self.message = message
        self.hint = hint
