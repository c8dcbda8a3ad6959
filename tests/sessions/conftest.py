"""A house on a real store, in a temporary directory."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from conversation.agent import Agent
from conversation.speech.client import SpeechClient
from media.pool import MediaPool
from runtime.key_pool import KeyPool
from runtime.keystore import Keystore
from runtime.log_key import ORIGIN, load_or_create
from runtime.performer import Performer
from runtime.store import Store
from sessions.house import House, Settings


@pytest.fixture
async def house(
    tmp_path: Path, store: Store, clock: Callable[[], int], entropy: Callable[[int], bytes]
) -> AsyncIterator[House]:
    keystore = Keystore(tmp_path / "keys")
    pool = KeyPool(keystore, size=1)
    settings = Settings("ask", 0, ("PCMU",), "127.0.0.1", "x:Y", tmp_path / "recordings", ORIGIN)
    yield House(
        settings=settings,
        store=store,
        performer=Performer(store, clock),
        keystore=keystore,
        keys=pool,
        log_key=load_or_create(tmp_path / "log.key"),
        media=MediaPool(),
        speech=SpeechClient(),
        new_agent=lambda app: Agent(),
        agent_for=lambda call: "x:Y",
        clock=clock,
        entropy=entropy,
        note=lambda *args, **facts: None,
    )
    await pool.fill()
