"""SRTP in a call whose sequence numbers wrap around, and whose media process dies after that."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import apsw
import pytest

from media.caller import SoftPhone
from media.codecs import CODECS
from media.units import from_pcm
from parley.caller.call import LAST_TICKS, keys_of
from parley.caller.line import Line
from parley.caller.reaching import bound, hops_of, listening
from telephony.address import Address
from telephony.resolver import Resolver
from telephony.sdp import AudioParameters, Srtp
from telephony.tls import contexts
from tests.interop.agents import BOOK_KEY, BOOKED, WELCOME
from tests.interop.server import Server
from tests.interop.speech import agent_speech
from tests.interop.wrapping import FIRST
from tests.listening import ALIKE, find, voiced

pytestmark = [
    pytest.mark.interop,
    pytest.mark.alone,
    pytest.mark.slow,
    pytest.mark.anyio,
    pytest.mark.timeout(120),
]

WRAPPED_S_MAX = 20.0
REPLY_MS = 700
GAP_MS_MAX = 500
"""Until the next media process speaks; on a busy machine."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    started = Server(
        tmp_path, app="tests.interop.wrapping:Clerk", more='[consent]\npolicy = "never"\n'
    )
    yield started
    started.stop()


def counters(server: Server) -> list[tuple[int, int]]:
    """Of each leg the first sequence number, and how often that of the caller has wrapped."""
    store = apsw.Connection(str(server.data / "parley.db"), flags=apsw.SQLITE_OPEN_READONLY)
    found = [(int(a), int(b)) for a, b in store.execute("SELECT seq0, srtp_roc FROM leg")]
    store.close()
    return found


async def test_both_ends_go_on_where_the_rollover_counter_was(server: Server) -> None:
    resolver = Resolver()
    hops = await hops_of(server.target, resolver)
    with listening("127.0.0.1", hops) as held, bound("127.0.0.1") as rtp:
        line = Line(
            held,
            Address(*rtp.getsockname()[:2]),
            "caller",
            "",
            tls=contexts(),
            lookup=resolver.hops,
            codecs=("PCMU",),
            srtp=Srtp.REQUIRED,
        )
        line.dial(server.target, hops)
        answer = await line.answer
        assert isinstance(answer, AudioParameters), answer
        phone = SoftPhone(
            rtp,
            CODECS[answer.codec],
            payload_type=answer.payload_type,
            dtmf_payload_type=answer.dtmf_payload_type,
            srtp=keys_of(answer),
            sequence_base=FIRST,
        )
        phone.start(answer.remote)
        await phone.wait_for_silence(ms=REPLY_MS)
        ends = monotonic() + WRAPPED_S_MAX
        while counters(server) != [(FIRST, 1)]:
            assert monotonic() < ends, f"never wrapped: {counters(server)}"
            await phone.tick()
        before = server.pids()["media"]
        server.kill("media")
        for _ in range(4 * GAP_MS_MAX // 20):
            await phone.tick()
        # The next process opens the key, and is understood.
        phone.press(BOOK_KEY)
        await asyncio.wait_for(line.over, WRAPPED_S_MAX)
        # What came before the goodbye still waits to be heard.
        for _ in range(LAST_TICKS):
            await phone.tick()
        assert server.pids()["media"] != before
        print(f"longest gap {phone.longest_gap_ms} ms")
        assert phone.longest_gap_ms <= GAP_MS_MAX
        heard = from_pcm(phone.heard())
        for words in (WELCOME, BOOKED):
            assert find(voiced(agent_speech(words)), heard).likeness > ALIKE
        phone.close()
        await line.close()
    assert counters(server) == [(FIRST, 1)]
    (call,) = server.sealed(set())
    assert server.json("show", call["id"])["media"]["srtp"]
