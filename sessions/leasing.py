"""Recording gates are open only while the store commits: this is said again and again.

Nobody has to notice that the node was stopped, hangs, or was replaced, nor that its store stands
still: nothing is said then, and within a second every gate is closed by its media process.
"""

import asyncio

from media.pool import MediaPool
from runtime.store import Store

RENEW_S = 0.25
"""A quarter of the lease (`media.commands.LEASE_MS`): a node that dies leaves three of them."""


async def keep_leased(store: Store, media: MediaPool) -> None:
    """Renew the lease of all gates, for ever."""
    while True:
        media.renew(await store.heartbeat())
        await asyncio.sleep(RENEW_S)
