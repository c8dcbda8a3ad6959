"""Every "no", with its status, a word for programs and a sentence for people."""

from typing import Any

from runtime.errors import Busy, NotAllowed, NotNow, Paused, Refused, StoreBroken, StoreFull


class Problem(Exception):
    """What is answered instead of a result."""

    def __init__(
        self,
        status: int,
        kind: str,
        why: str,
        *,
        field: str | None = None,
        retry_after_ms: int | None = None,
    ) -> None:
        super().__init__(why)
        self.status = status
        self.kind = kind
        self.field = field
        self.retry_after_ms = retry_after_ms

    @property
    def headers(self) -> dict[str, str]:
        """Retry-After is whole seconds (RFC 9110 section 10.2.3), rounded up."""
        if self.retry_after_ms is None:
            return {}
        return {"Retry-After": str(-(-self.retry_after_ms // 1_000))}

    def told(self) -> dict[str, Any]:
        """As JSON: `error`, `why`, and `field` or `retry_after_ms` where there is one."""
        more = {"field": self.field, "retry_after_ms": self.retry_after_ms}
        known = {name: value for name, value in more.items() if value is not None}
        return {"error": self.kind, "why": str(self), **known}


_KINDS: dict[type[Exception], tuple[int, str]] = {
    Busy: (429, "busy"),
    StoreFull: (503, "store_full"),
    Paused: (503, "paused"),
    NotNow: (503, "not_now"),
    NotAllowed: (403, "not_allowed"),
    Refused: (409, "refused"),
}
"""The nearest class of an error counts."""


def problem_of(error: Exception) -> Problem:
    """What the sender of an action is told of the error it met."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, StoreBroken):
        return Problem(503, "store_broken", "the store has failed: try again", retry_after_ms=1_000)
    retry_after_ms = error.retry_after_ms if isinstance(error, NotNow) else None
    for kind in type(error).__mro__:
        if kind in _KINDS:
            status, word = _KINDS[kind]
            return Problem(status, word, str(error), retry_after_ms=retry_after_ms)
    # Our mistake; what went wrong inside is not for strangers.
    return Problem(500, "failed", "the action failed: tell an operator")


def not_authenticated(why: str) -> Problem:
    """Nobody knows who is asking."""
    return Problem(401, "not_authenticated", why)


def bad_request(why: str) -> Problem:
    """This is no question."""
    return Problem(400, "bad_request", why)
