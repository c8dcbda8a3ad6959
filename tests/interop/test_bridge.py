"""Three telephones in one conversation: what each of them really hears."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest

from media.units import SAMPLE_RATE, Samples, pcm
from parley.caller import CallEvent, CallReport, CallScript, Press, Say, place
from tests.interop.peers import tone
from tests.interop.server import Server
from tests.interop.test_identities import url_of
from tests.listening import load

pytestmark = [pytest.mark.interop, pytest.mark.alone, pytest.mark.slow, pytest.mark.anyio]

TONES = {"ann": 500.0, "bob": 900.0, "sue": 1_400.0}
TALK_S, CALL_S = 60.0, 50.0
STEP_S = 3.0
SHARE_HEARD, SHARE_SILENT = 0.02, 0.002
"""Of the energy, how much is at a voice's frequency when it is heard, and when it is not."""


class Telephones:
    """One caller for each tone; they refuse to be recorded, and then sound their tone."""

    def __init__(self, server: Server, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._sounding = {name: asyncio.Event() for name in TONES}
        self._calls: dict[str, asyncio.Task[CallReport]] = {}
        self.began: dict[str, float] = {}

    async def call(self, name: str) -> str:
        """Have one call, until their tone sounds; the id of the call."""
        known = {call["id"] for call in self._server.calls()}
        saved = self._folder / f"{name}.wav"
        steps = (Press("2"), Say(pcm(tone(TALK_S, TONES[name])), "tone"))
        script = CallScript(self._server.target, steps, CALL_S, saved, user=name)
        loop = asyncio.get_running_loop()

        def happened(event: CallEvent) -> None:
            if event.name == "answered":
                self.began[name] = loop.time()
            elif event.name == "saying":
                self._sounding[name].set()

        self._calls[name] = asyncio.create_task(place(script, on_event=happened))
        await self._sounding[name].wait()
        mine: str
        (mine,) = {call["id"] for call in self._server.calls()} - known
        return mine

    async def heard(self) -> dict[str, Samples]:
        """Wait for the ends of all calls; what each of them heard."""
        for task in self._calls.values():
            await task
        return {name: load(self._folder / f"{name}.wav") for name in self._calls}


def share(samples: Samples, hertz: float) -> float:
    """How much of the energy is at this frequency."""
    spectrum = np.abs(np.fft.rfft(samples.astype(float) * np.hanning(len(samples)))) ** 2
    at = round(hertz * len(samples) / SAMPLE_RATE)
    return float(spectrum[at - 4 : at + 5].sum() / max(1.0, spectrum.sum()))


async def test_who_hears_whom_in_a_bridge(server: Server, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    made = server.parley(
        "identity", "new", "--name", "Sup", "--role", "operator", "--out", str(key)
    )
    assert made.returncode == 0, made.stderr
    url = url_of(server)

    def act(reducer: str, scope: str, **args: str) -> None:
        given = [f'--arg={name}="{value}"' for name, value in args.items()]
        done = server.parley_anywhere(
            *("act", f"sessions.{reducer}", "--scope", scope, f'--arg=call="{scope}"'),
            *(*given, "--key", str(key), "--url", url),
        )
        assert done.returncode == 0, done.stderr

    telephones = Telephones(server, tmp_path)
    ids = dict(zip(TONES, await asyncio.gather(*_one_by_one(telephones.call, TONES)), strict=True))
    loop = asyncio.get_running_loop()
    stages: list[tuple[str, float]] = []

    async def stage(name: str, *steps: tuple[str, dict[str, str]]) -> None:
        for reducer, args in steps:
            await asyncio.to_thread(act, reducer, ids["ann"], **args)
        stages.append((name, loop.time()))
        await asyncio.sleep(STEP_S)

    await stage("joined", ("calls_joined", {"other": ids["bob"]}))
    await stage("listens", ("calls_joined", {"other": ids["sue"], "part": "listens"}))
    whispers = {"other": ids["sue"], "part": "whispers", "coached": ids["bob"]}
    await stage("whispers", ("part_changed", whispers))
    await stage("barges", ("part_changed", {"other": ids["sue"], "part": "barges"}))
    await stage("held", ("part_changed", {"other": ids["ann"], "part": "held"}))
    await stage("parted", ("call_parted", {"other": ids["bob"]}))

    heard = await telephones.heard()
    found: dict[str, set[str]] = {}
    for name, at in stages:
        for listener, samples in heard.items():
            first = int((at + 1.0 - telephones.began[listener]) * SAMPLE_RATE)
            window = samples[first : first + int(1.5 * SAMPLE_RATE)]
            loud = np.abs(window.astype(int)).max(initial=0) > 300
            for speaker, hertz in TONES.items():
                if loud and share(window, hertz) > SHARE_HEARD:
                    found.setdefault(name, set()).add(f"{listener}<{speaker}")
    both = {"ann<bob", "bob<ann"}
    assert found.get("joined") == both
    assert found.get("listens") == both | {"sue<ann", "sue<bob"}
    assert found.get("whispers") == both | {"sue<ann", "sue<bob", "bob<sue"}
    assert found.get("barges") == both | {"sue<ann", "sue<bob", "bob<sue", "ann<sue"}
    assert found.get("held") == {"bob<sue", "sue<bob"}
    assert found.get("parted", set()) == set()


def _one_by_one(
    call: Callable[[str], Awaitable[str]], names: dict[str, float]
) -> list[Awaitable[str]]:
    """Calls whose ids are told apart by their order."""
    lock = asyncio.Lock()

    async def in_turn(name: str) -> str:
        async with lock:
            return await call(name)

    return [in_turn(name) for name in names]
