"""A19: a card number is said while the call is recorded. Nothing that is kept lets one hear it."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import apsw
import numpy as np
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from conversation.speech.engines import Speech
from conversation.speech.espeak import Espeak
from media.segment import Frame, frames
from media.units import SAMPLE_RATE, Samples, from_pcm, pcm
from parley.caller import CallEvent, CallScript, Press, Say, place
from parley.caller.script import TEXT_VOICE
from recordings import vault
from runtime.keystore import Keystore
from tests.attacks.clerk import CARD_WORDS, READ_BACK, SAID
from tests.interop.server import Server
from tests.interop.speech import caller_speech
from tests.listening import ALIKE, find, load, share, sides, voiced

pytestmark = [
    pytest.mark.interop,
    pytest.mark.alone,
    pytest.mark.slow,
    pytest.mark.anyio,
    pytest.mark.timeout(240),
]

MARGIN_S = 0.3
WORD_ERROR_S = 0.25
"""By so much a recogniser may be wrong about where a word begins or ends."""
AFTER_THE_GRANT_S = 4.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    started = Server(tmp_path, app="tests.attacks.clerk:CardClerk")
    yield started
    started.stop()


class Parts(NamedTuple):
    """An utterance with a card number in it, by what is before it, it, and what is after."""

    before: Samples
    number: Samples
    after: Samples


def parts(said: Speech, number: str) -> Parts:
    """What must be heard is cut off by the margin and by what a recogniser may be wrong."""
    words = [word.text for word in said.words]
    first = next(n for n in range(len(words)) if " ".join(words[n:]).startswith(number))
    last = first + len(number.split()) - 1
    begin, end = said.words[first].start_ms, said.words[last].end_ms
    aside = int(1_000 * (MARGIN_S + WORD_ERROR_S))
    per_ms, whole = SAMPLE_RATE // 1_000, from_pcm(said.pcm)
    return Parts(
        whole[: max(0, begin - aside) * per_ms],
        whole[begin * per_ms : end * per_ms],
        whole[(end + aside) * per_ms :],
    )


def sounds_of(server: Server) -> list[Samples]:
    """Every chunk on disk that opens with any key on disk, by its row or without."""
    keys = Keystore(server.data / "keys")
    known = [keys.key(key_id) for key_id in keys.ids()]
    store = apsw.Connection(str(server.data / "parley.db"), flags=apsw.SQLITE_OPEN_READONLY)
    boxes = [str(box) for (box,) in store.execute("SELECT wrapped_key FROM chunk")]
    store.close()
    return [
        from_pcm(opened)
        for path in sorted((server.data / "recordings").glob("*.seg"))
        for data in [path.read_bytes()]
        for at, frame in frames(data)
        if (opened := _opened(data[at : at + frame.length], frame, known, boxes)) is not None
    ]


def _opened(data: bytes, frame: Frame, keys: list[bytes], boxes: list[str]) -> bytes | None:
    bound, own = vault.bound(frame), list(keys)
    for key in keys:
        for box in boxes:
            try:
                own.append(vault.unwrapped(box, key, bound))
            except InvalidTag:
                continue
    nonce = frame.epoch.to_bytes(4, "big") + frame.n.to_bytes(8, "big")
    for key in own:
        try:
            return AESGCM(key).decrypt(nonce, data, bound)
        except InvalidTag:
            continue
    return None


async def test_the_number_is_silent_in_both_tracks_and_all_else_is_there(
    server: Server, tmp_path: Path
) -> None:
    said, read_back = Espeak(TEXT_VOICE).say(SAID), Espeak().say(READ_BACK)
    caller, agent = parts(said, CARD_WORDS), parts(read_back, "4242 4242 4242 4242")
    later = voiced(caller_speech())
    steps = (Press("1"), Say(said.pcm, "number"), Say(pcm(later), "later"), Press("5"))
    report = await place(CallScript(server.target, steps, save=tmp_path / "heard.wav"))
    assert report.completed, report
    heard = load(tmp_path / "heard.wav")
    assert share(voiced(agent.number), heard) == 1.0, "the caller must hear it"
    (call,) = server.sealed(set())
    folder = tmp_path / "pack"
    done = server.parley("export", call["id"], "--to", str(folder))
    assert done.returncode == 0, done.stderr
    verified = server.parley_anywhere("verify", str(folder))
    assert verified.returncode == 0, verified.stdout
    gaps = server.shown(call["id"])["recording"]["gaps"]
    print([(gap["party"], gap["until_us"] - gap["from_us"], gap["why"]) for gap in gaps])
    assert {(gap["party"], gap["why"]) for gap in gaps} == {
        ("caller", "card number"),
        ("agent", "card number"),
    }
    tracks = sides(folder / "data/call.wav")
    for track, mine, kept in zip(("caller", "agent"), (caller, agent), tracks, strict=True):
        for piece in (mine.before, mine.after):
            assert find(voiced(piece), kept).likeness > ALIKE, track
        assert share(voiced(mine.number), kept) == 0.0, track
        begin, end = _where(mine, kept)
        assert not kept[begin:end].any(), track
    assert find(later, tracks[0]).likeness > ALIKE
    whole = np.concatenate(sounds_of(server))
    # What is on disk is in pieces of a second, and in no order: some piece of it is whole there.
    pieces = [later[at : at + SAMPLE_RATE // 3] for at in range(0, SAMPLE_RATE, SAMPLE_RATE // 6)]
    heard_there = max(find(piece, whole).likeness for piece in pieces)
    assert heard_there > ALIKE, "the canary must be able to sing"
    assert share(voiced(caller.number), whole) == share(voiced(agent.number), whole) == 0.0
    log = (server.data / "parley.db").read_bytes()
    assert CARD_WORDS.encode() not in log and b"4242 4242" not in log


def _where(mine: Parts, kept: Samples) -> tuple[int, int]:
    """Where the number would be heard in a track."""
    begin = find(voiced(mine.before), kept).at
    aside = int(SAMPLE_RATE * (MARGIN_S + WORD_ERROR_S))
    # From the end of what is before it; that begins with its first voiced sample.
    lead = int(np.flatnonzero(np.abs(mine.before.astype(np.int32)) > 500)[0])
    first = begin - lead + len(mine.before) + aside
    return first, first + len(mine.number)


async def test_what_was_not_cleared_when_both_processes_died_nobody_can_open(
    server: Server, tmp_path: Path
) -> None:
    """The caller speaks without a pause: nothing of it is understood before everything dies."""
    words = voiced(caller_speech())
    speech = np.concatenate([words, words, words])
    loop, dead = asyncio.get_running_loop(), asyncio.Event()

    def die() -> None:
        for pid in server.pids().values():
            os.kill(pid, signal.SIGKILL)
        dead.set()

    def told(event: CallEvent) -> None:
        if event.name == "saying":
            loop.call_later(AFTER_THE_GRANT_S, die)

    steps = (Press("1"), Say(pcm(speech), "speech"))
    calling = asyncio.create_task(place(CallScript(server.target, steps), on_event=told))
    await dead.wait()
    calling.cancel()
    await asyncio.wait((calling,))
    held = _rowless(server)
    print(f"{len(held)} chunks in quarantine")
    assert len([frame for frame in held if frame.party == "caller"]) >= 2
    sounds = sounds_of(server)
    assert sounds, "what was cleared can be opened"
    assert share(words[: 3 * SAMPLE_RATE], np.concatenate(sounds)) == 0.0


@pytest.mark.parametrize("killed", ["media", "node"])
async def test_what_was_not_cleared_when_one_of_them_died_is_recorded_all_the_same(
    server: Server, tmp_path: Path, killed: str
) -> None:
    """Each has the keys that the other had: who is killed alone costs nothing that was sealed."""
    words = voiced(caller_speech())
    speech = np.concatenate([words, words[::-1], words[::-1]])
    loop, held = asyncio.get_running_loop(), list[Frame]()

    def die() -> None:
        held.extend(_rowless(server))
        server.kill(killed)

    def told(event: CallEvent) -> None:
        if event.name == "saying":
            loop.call_later(AFTER_THE_GRANT_S, die)

    steps = (Press("1"), Say(pcm(speech), "speech"), Press("5"))
    report = await place(CallScript(server.target, steps), on_event=told)
    assert report.completed, report
    (call,) = server.sealed(set())
    assert len([frame for frame in held if frame.party == "caller"]) >= 2
    done = server.parley("export", call["id"], "--to", str(tmp_path / "pack"))
    assert done.returncode == 0, done.stderr
    kept, _ = sides(tmp_path / "pack/data/call.wav")
    assert find(words[: 2 * SAMPLE_RATE], kept).likeness > ALIKE
    gaps = server.shown(call["id"])["recording"]["gaps"]
    assert gaps == []


def _rowless(server: Server) -> list[Frame]:
    """The chunks on disk that no row names."""
    store = apsw.Connection(str(server.data / "parley.db"))
    named = set(store.execute("SELECT path, offset FROM chunk"))
    store.close()
    return [
        frame
        for path in sorted((server.data / "recordings").glob("*.seg"))
        for at, frame in frames(path.read_bytes())
        if (path.name, at) not in named
    ]
