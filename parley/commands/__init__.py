"""The commands, one to a file: `add_arguments` says what each takes, `run` does it."""

NO = 1
MISUSE = 2


class No(Exception):
    """The answer is no; the message says why, and what to do."""

    code = NO


class NotLikeThis(Exception):
    """The command cannot be run like this; the message says how it can."""

    code = MISUSE
