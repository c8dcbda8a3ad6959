"""Which processes run, which wait warm, and what is due next: decided without a process in sight.

Tell it what happened (`spawned`, `failed`, `died`), then do every `next_step` until there is none.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
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
    """Tell this process to go as the role's number `index`, and hand it the sockets of that."""

    role: Role
    pid: int
    index: int = 0


@dataclass(frozen=True, slots=True)
class Join:
    """Hand both processes an end of a new stream to each other."""

    one: int
    other: int


Step = Spawn | Promote | Join


@dataclass(slots=True)
class _Patience:
    """How long to wait before the next try, after deaths that came fast."""

    fast_deaths: int = 0
    until: float = 0.0

    def back_off(self, now: float) -> float:
        self.fast_deaths += 1
        storm = self.fast_deaths - FAST_DEATHS_FREE
        # The exponent is bounded: two to the power of a long night is no float any more.
        delay = min(BACK_OFF_S_MAX, BACK_OFF_S_MIN * 2 ** min(storm, 16)) if storm > 0 else 0.0
        self.until = now + delay
        return delay


@dataclass(slots=True)
class _Post:
    """One number of a role: who holds it. Its storm keeps the spare from no other post."""

    active: int | None = None
    patience: _Patience = field(default_factory=_Patience)


@dataclass(slots=True)
class _Staff:
    """All posts of a role, and who waits for the first that is vacant."""

    posts: list[_Post]
    spare: int | None = None
    patience: _Patience = field(default_factory=_Patience)

    @property
    def vacant(self) -> list[_Post]:
        return [post for post in self.posts if post.active is None]


class Upkeep:
    """Times are seconds on any one clock which never goes back."""

    def __init__(self, media: int = 1) -> None:
        """`media`: how many media processes are at work, beside their one spare."""
        self._staff = {
            role: _Staff([_Post() for _ in range(media if role is Role.MEDIA else 1)])
            for role in Role
        }
        self._since: dict[int, float] = {}
        self._joins: deque[Join] = deque()

    def active(self, role: Role, index: int = 0) -> int | None:
        return self._staff[role].posts[index].active

    def posts(self) -> Iterator[tuple[Role, int, int | None]]:
        """Role, number and who holds it, of every post."""
        for role, staff in self._staff.items():
            for index, post in enumerate(staff.posts):
                yield role, index, post.active

    def spawned(self, role: Role, pid: int, now: float) -> None:
        assert self._staff[role].spare is None, "one spare is enough"
        self._staff[role].spare = pid
        self._since[pid] = now

    def failed(self, role: Role, now: float) -> float:
        """The machine had no process to give. Returns the seconds until the next try."""
        return self._staff[role].patience.back_off(now)

    def died(self, pid: int, now: float) -> float:
        """Returns the seconds until it is replaced."""
        patience = self._leave(pid)
        if now - self._since.pop(pid) < FAST_DEATH_S:
            return patience.back_off(now)
        patience.fast_deaths = 0
        return 0.0

    def next_step(self, now: float) -> Step | None:
        while self._joins:
            join = self._joins.popleft()
            if self._is_current(join):
                return join
        return self._promotion(now) or self._vacancy(now)

    @property
    def wake_at(self) -> float | None:
        """When the next process is due to be started or promoted, if one is."""
        times = (_due(role, staff) for role, staff in self._staff.items())
        return min((due for due in times if due is not None), default=None)

    def _leave(self, pid: int) -> _Patience:
        """Take a process off its post, or from waiting for one; answers whose patience it tries."""
        for staff in self._staff.values():
            if staff.spare == pid:
                staff.spare = None
                return staff.patience
            for post in staff.posts:
                if post.active == pid:
                    post.active = None
                    return post.patience
        raise AssertionError("only who was spawned can die")

    def _promotion(self, now: float) -> Promote | None:
        for role, staff in self._staff.items():
            for index, post in enumerate(staff.posts):
                if post.active is None and staff.spare is not None and post.patience.until <= now:
                    pid, post.active, staff.spare = staff.spare, staff.spare, None
                    self._since[pid] = now
                    self._joins.extend(self._links_of(role, pid))
                    return Promote(role, pid, index)
        return None

    def _vacancy(self, now: float) -> Spawn | None:
        due = [
            (not staff.vacant, role)
            for role, staff in self._staff.items()
            if staff.spare is None and (at := _due(role, staff)) is not None and at <= now
        ]
        # First those whom a caller misses, then the spares.
        return Spawn(min(due, key=lambda item: item[0])[1]) if due else None

    def _links_of(self, role: Role, pid: int) -> Iterator[Join]:
        for one, other in LINKS:
            if role is one:
                yield from (Join(pid, peer) for peer in self._actives(other))
            elif role is other:
                yield from (Join(peer, pid) for peer in self._actives(one))

    def _actives(self, role: Role) -> list[int]:
        posts = self._staff[role].posts
        return [post.active for post in posts if post.active is not None]

    def _is_current(self, join: Join) -> bool:
        return {join.one, join.other} <= {pid for _, _, pid in self.posts()}


def _due(role: Role, staff: _Staff) -> float | None:
    """When somebody is to be started for a role or, where one waits, to be promoted."""
    vacant = min((post.patience.until for post in staff.vacant), default=None)
    if staff.spare is not None:
        return vacant
    if role in WARM:
        return staff.patience.until
    return None if vacant is None else max(vacant, staff.patience.until)
