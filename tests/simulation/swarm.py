"""What a run of tier 2 is made of: each seed draws its own clients, limits and misfortunes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

from runtime import admission, performer


@dataclass(frozen=True, slots=True)
class Swarm:
    """Seconds and shares; a share is 0 to 1, and 0 is an evil that does not befall this run."""

    clients: int = 3
    gap_s: float = 0.05
    """The longest a client takes between two actions."""
    patience_s: float = 0.5
    """The longest a client waits for an answer before it asks again; some give up at once."""
    batch_max: int = 8
    serves_after_s: float = 0.01
    lives: int = 3
    steps_max: int = 600
    """A process is killed, or replaced, at one of its first steps."""
    replaced: float = 0.0
    early_doors: bool = False
    """Clients are let in before what a dead process left open is taken up."""
    fails: float = 0.0
    hangs: float = 0.0
    answers_lost: float = 0.0
    floods: bool = False
    pauses: bool = False
    deploys: bool = False
    fills: bool = False
    skews: bool = False
    revokes: bool = False
    queue_max: int = admission.QUEUE_MAX
    scope_max: int = admission.SCOPE_MAX
    lanes_max: int = performer.LANES_MAX


def draw(rng: Random) -> Swarm:
    """A mix of its own."""
    return Swarm(
        clients=rng.randint(1, 5),
        gap_s=rng.choice([0.0, 0.02, 0.1]),
        patience_s=rng.choice([0.01, 0.1, 1.0, 60.0]),
        batch_max=rng.choice([1, 3, 8, 512]),
        serves_after_s=rng.choice([0.0, 0.001, 0.03]),
        lives=rng.randint(1, 4),
        steps_max=rng.choice([150, 400, 900]),
        replaced=rng.choice([0.0, 0.0, 0.5]),
        early_doors=rng.random() < 0.3,
        fails=rng.choice([0.0, 0.0, 0.2, 0.6]),
        hangs=rng.choice([0.0, 0.0, 0.2]),
        answers_lost=rng.choice([0.0, 0.0, 0.3]),
        floods=rng.random() < 0.3,
        pauses=rng.random() < 0.3,
        deploys=rng.random() < 0.2,
        fills=rng.random() < 0.2,
        skews=rng.random() < 0.2,
        revokes=rng.random() < 0.3,
        queue_max=rng.choice([12, 24, admission.QUEUE_MAX]),
        scope_max=rng.choice([3, 6, admission.SCOPE_MAX]),
        lanes_max=rng.choice([1, 3, performer.LANES_MAX]),
    )


@contextmanager
def limits(swarm: Swarm) -> Iterator[None]:
    """Meanwhile the runtime's limits are so low that a small run meets them."""
    before = admission.QUEUE_MAX, admission.SCOPE_MAX, performer.LANES_MAX
    admission.QUEUE_MAX, admission.SCOPE_MAX = swarm.queue_max, swarm.scope_max
    performer.LANES_MAX = swarm.lanes_max
    try:
        yield
    finally:
        admission.QUEUE_MAX, admission.SCOPE_MAX, performer.LANES_MAX = before
