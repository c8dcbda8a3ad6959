"""Which processes run, which wait warm, and what is due next: decided without a process in sight.

Tell it what happened (`spawned`, `failed`, `died`), then do every `next_step` until there is none.
"""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

# Who dies younger than this died fast: restarting it at once, again and again, would be a storm.
FAST_DEATH_S = 10.0
# So many fast deaths in a row are still answered at once: a call is waiting.
FAST_DEATHS_FREE = 3
BACK_OFF_S_MIN = 0.5
BACK_OFF_S_MAX = 30.0


class Role(StrEnum):
    NODE = "node"
    MEDIA = "media"
    SPEECH = "speech"


# These have a spare which has done its imports and only waits to be told "go".
WARM = frozenset({Role.NODE, Role.MEDIA})
LINKS = ((Role.NODE, Role.MEDIA), (Role.NODE, Role.SPEECH))


@dataclass(frozen=True, slots=True)
class Spawn:
    """Start a process for this role. It waits until it is promoted."""

    role: Role


@dataclass(frozen=True, slots=True)
class Promote:
    """Tell this process to go, and hand it the sockets of its role."""

    role: Role
    pid: int


@dataclass(frozen=True, slots=True)
class Join:
    """Hand both processes an end of a new stream to each other."""

    one: int
    other: int


Step = Spawn | Promote | Join


@dataclass(slots=True)
class _Post:
    """One role: who holds it, who waits for it, and how its processes have fared."""

    active: int | None = None
    spare: int | None = None
    fast_deaths: int = 0
    vacant_until: float = 0.0


class Upkeep:
    """Times are seconds on any one clock which never goes back."""

    def __init__(self) -> None:
        self._posts = {role: _Post() for role in Role}
        self._since: dict[int, float] = {}
        self._joins: deque[Join] = deque()

    def active(self, role: Role) -> int | None:
        return self._posts[role].active

    def spawned(self, role: Role, pid: int, now: float) -> None:
        assert self._posts[role].spare is None, "one spare is enough"
        self._posts[role].spare = pid
        self._since[pid] = now

    def failed(self, role: Role, now: float) -> float:
        """The machine had no process to give. Returns the seconds until the next try."""
        return self._back_off(self._posts[role], now)

    def died(self, pid: int, now: float) -> float:
        """Returns the seconds until its replacement is started."""
        post = next(post for post in self._posts.values() if pid in (post.active, post.spare))
        if pid == post.active:
            post.active = None
        else:
            post.spare = None
        if now - self._since.pop(pid) < FAST_DEATH_S:
            return self._back_off(post, now)
        post.fast_deaths = 0
        return 0.0

    def next_step(self, now: float) -> Step | None:
        while self._joins:
            join = self._joins.popleft()
            if self._is_current(join):
                return join
        return self._promotion(now) or self._vacancy(now)

    @property
    def wake_at(self) -> float | None:
        """When the next process is due to be started, if one is."""
        times = [post.vacant_until for role, post in self._posts.items() if _vacant(role, post)]
        return min(times, default=None)

    def _promotion(self, now: float) -> Promote | None:
        for role, post in self._posts.items():
            if post.active is None and post.spare is not None:
                pid, post.active, post.spare = post.spare, post.spare, None
                self._since[pid] = now
                self._joins.extend(self._links_of(role))
                return Promote(role, pid)
        return None

    def _vacancy(self, now: float) -> Spawn | None:
        vacant = [
            (post.active is not None, role)
            for role, post in self._posts.items()
            if _vacant(role, post) and post.vacant_until <= now
        ]
        # First those whom a caller misses, then the spares.
        return Spawn(min(vacant, key=lambda item: item[0])[1]) if vacant else None

    def _links_of(self, role: Role) -> list[Join]:
        pairs = [
            (self.active(one), self.active(other)) for one, other in LINKS if role in (one, other)
        ]
        return [Join(one, other) for one, other in pairs if one is not None and other is not None]

    def _is_current(self, join: Join) -> bool:
        active = {post.active for post in self._posts.values()}
        return {join.one, join.other} <= active

    def _back_off(self, post: _Post, now: float) -> float:
        post.fast_deaths += 1
        storm = post.fast_deaths - FAST_DEATHS_FREE
        # The exponent is bounded: two to the power of a long night is no float any more.
        delay = min(BACK_OFF_S_MAX, BACK_OFF_S_MIN * 2 ** min(storm, 16)) if storm > 0 else 0.0
        post.vacant_until = now + delay
        return delay


def _vacant(role: Role, post: _Post) -> bool:
    return post.spare is None and (post.active is None or role in WARM)
