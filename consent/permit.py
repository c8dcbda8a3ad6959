"""A permit, as those see it who need one. Only `consent.permits` makes them, out of rows."""

from dataclasses import dataclass, field

LIVE_STT = "live_stt"

ANSWER = "answer"
"""No scope of a policy: what follows our question is looked at for its answer, in memory, by a
closed grammar on this machine. That is what who was asked expects."""

VENDOR = "vendor:"


class NotPermitted(Exception):
    """The party has not agreed to it, or does not any more."""


class Maker:
    """Who makes permits. There is one."""


MAKER = Maker()
"""For `consent.permits` alone; a test of the house's rules sees that nobody else has it."""


@dataclass(frozen=True, slots=True)
class Permit:
    """`scope` may be done in `call`. `epoch`: that of the gate it was made under."""

    call: str
    scope: str
    epoch: int
    made_by: Maker = field(repr=False)

    def __post_init__(self) -> None:
        if self.made_by is not MAKER:
            raise NotPermitted("a permit is made from the rows of a call")

    def must_be_for(self, *scopes: str) -> None:
        """Raises NotPermitted where it is for something else."""
        if self.scope not in scopes:
            raise NotPermitted(f"a permit for {self.scope} is none for {' or '.join(scopes)}")
