"""What is wrong with a vCon."""


class VconError(ValueError):
    """They are wrong: this cannot be read as a vCon, or proves nothing. The message says why."""
