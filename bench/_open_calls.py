"""A process that holds many open calls, and says what they take. `_open_calls PATH CALLS`"""

import asyncio
import gc
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from bench._measure import clock, opened
from consent.terms import ask_terms
from parley import history
from parley.demo import Receptionist
from runtime.outbox import Effect
from runtime.performer import Closing, Performer
from runtime.sealed import Sealed
from runtime.store import Store
from sessions.live import LiveCall
from sessions.reducers import call_answered, call_offered, leg_planned
from sessions.tables import Leg

AT_ONCE = 256


async def main(path: Path, calls: int) -> None:
    """Print what was before, what is then, and how long it took to get there."""
    store = await opened(path)
    performer = Performer(store, clock)
    performer.on("telephony.ring", _done)
    performer.on("sessions.ask", _asking)
    live: dict[str, LiveCall] = {}
    assert history.DECLARING, "every table of the house is there"
    before = _rss()
    began = time.perf_counter()
    for start in range(0, calls, AT_ONCE):
        some = range(start, min(start + AT_ONCE, calls))
        await asyncio.gather(*(_open(store, n, live) for n in some))
    seconds = time.perf_counter() - began
    found = await store.reader.sql(
        "SELECT (SELECT count(*) FROM call WHERE state = 'answered'), (SELECT count(*) FROM leg),"
        " (SELECT count(*) FROM effect WHERE state = 'open')"
    )
    print(json.dumps({"before": before, "after": _rss(), "seconds": seconds, "rows": found[0]}))
    await performer.close()
    await store.close()


async def _open(store: Store, n: int, live: dict[str, LiveCall]) -> None:
    """A caller who is being asked whether the call may be recorded."""
    call = f"call_{n}"
    await store.act(
        call_offered,
        sender="node",
        scope=call,
        call=call,
        line="sip",
        remote=_sealed(n),
        local=_sealed(n),
        agent="parley.demo:Receptionist",
        words_key=f"key_{n:024}",
    )
    await store.act(leg_planned, sender="node", scope=call, leg=_leg(call, n))
    await store.act(call_answered, sender="node", scope=call, call=call, terms=ask_terms(), keys={})
    live[call] = LiveCall(call, f"key_{n:024}", Receptionist())


def _leg(call: str, n: int) -> Leg:
    return Leg(
        id=call,
        call=call,
        codec="PCMA",
        payload_type=8,
        dtmf_payload_type=101,
        port=20_000 + n,
        remote_host=_sealed(n),
        remote_port=4_000,
        ssrc=n,
        seq0=1,
        ts0=1,
        epoch_us=clock(),
    )


def _sealed(n: int) -> Sealed[str]:
    """As large as a SIP URI when sealed."""
    return Sealed(f"key_{n:024}", bytes(75), bytes(32))


async def _done(effect: Effect, args: dict[str, Any]) -> Closing | None:
    return None


async def _asking(effect: Effect, args: dict[str, Any]) -> Closing | None:
    await asyncio.Event().wait()
    return None


def _rss() -> int:
    """Bytes of this process in memory."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
