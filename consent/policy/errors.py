"""What can be wrong with a policy, or with what is asked of one."""


class PolicyError(Exception):
    """A policy file cannot be used; says which file, table and key, and what to write."""

    def __init__(self, file: str, where: str, key: str, why: str) -> None:
        super().__init__(": ".join(part for part in (file, where, key, why) if part))
        self.file = file
        self.where = where
        self.key = key
        self.why = why


class Loosened(PolicyError):
    """A tenant's file would allow what the law of the place does not."""


class UnknownPlace(ValueError):
    """The words name no place that is known; says which come near."""
