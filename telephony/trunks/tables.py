"""How each trunk stands, as a row: a restarted node and the commands know it."""

from runtime import table


@table(name="trunk_state")
class TrunkState:
    """`id` is the trunk's name. `registered_until_us` is 0 when it is not, or need not be.

    `up` says whether it answers, `failures` how many questions in a row it did not; `why` is
    the status that refused the last registration, or empty.
    """

    id: str
    registered_until_us: int
    up: bool
    failures: int
    why: str
    changed_us: int
