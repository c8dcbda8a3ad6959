"""What every route works with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from runtime.store import Store


@dataclass(frozen=True, slots=True)
class Desk:
    """The store, whether the media process is there, time, chance, and the secret of logins."""

    store: Store
    media_attached: Callable[[], bool]
    clock: Callable[[], int]
    """Microseconds since 1970, UTC."""
    entropy: Callable[[int], bytes]
    secret: bytes
    """32 bytes which only this server knows: the keys of logins come from it."""
    media_stats: Mapping[int, Mapping[str, Any]] = field(default_factory=dict[int, dict[str, Any]])
    """What each media process said of itself last, by its number."""
    is_draining: Callable[[], bool] = lambda: False
    """Whether new calls are refused because the server is about to stop."""
