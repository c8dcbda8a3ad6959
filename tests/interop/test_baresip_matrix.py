"""baresip by every transport, with every codec, plain and encrypted, several calls at once."""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from consent.wordings import WORDINGS
from media.resample import resample
from media.units import SAMPLE_RATE, Samples
from tests.interop.agents import BOOK_KEY, BOOKED, GREETING, WELCOME
from tests.interop.peers import Account, baresip, free_port, sample_of, save
from tests.interop.server import Server
from tests.interop.speech import agent_speech, caller_speech, pause
from tests.listening import load, share, voiced
from tests.telephony.authority import Authority

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(300)]

TRANSPORTS = ("udp", "tcp", "tls")
CODECS = {
    "PCMU": "PCMU/8000/1",
    "PCMA": "PCMA/8000/1",
    "G722": "G722/16000/1",
    "opus": "opus/48000/2",
}
ENCRYPTIONS = ("", "srtp-mand")
CALLS_AT_ONCE = 6
QUESTION = WORDINGS["recording-ask-en-1"].text
SPEAKS_AT_S = 12
"""By then the question has been answered."""
SPOKEN_S = 3
UNDERSTOOD_S = 3
"""After which a key is not pressed into the agent's answer to what was said."""
HEARD_SHARE = 0.5
"""A machine that is too busy for so many calls drops some of it."""
PLAIN_ALIKE, OPUS_ALIKE = 0.8, 0.7
"""Opus keeps what is heard, and not the wave: 28 kbit/s there, 24 here."""


@dataclass(frozen=True, slots=True)
class Case:
    transport: str
    codec: str
    encryption: str

    @property
    def name(self) -> str:
        return "-".join(filter(None, (self.transport, self.codec, self.encryption)))

    @property
    def alike(self) -> float:
        return OPUS_ALIKE if self.codec == "opus" else PLAIN_ALIKE


CASES = [Case(*one) for one in itertools.product(TRANSPORTS, CODECS, ENCRYPTIONS)]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def secure_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, secure_port: int
) -> Iterator[Server]:
    listen = ("udp:127.0.0.1:{sip}", "tcp:127.0.0.1:{sip}", f"tls:127.0.0.1:{secure_port}")
    keys = f'tls_certificate = "{authority.sign("127.0.0.1")}"\ntls_ca = "{authority.ca}"'
    folder = tmp_path_factory.mktemp("server")
    started = Server(folder, listen=listen, sip=keys, codecs=tuple(CODECS))
    yield started
    started.stop()


@dataclass(slots=True)
class Caller:
    """Who calls the server as a case has it, and what came of it."""

    server: Server
    authority: Authority
    secure_port: int
    speech: Samples
    folder: Path

    def call(self, case: Case) -> str:
        """A whole call; empty where all of it was right, else what was not."""
        try:
            self._call(case)
        except AssertionError as error:
            return f"{case.name}: {error}"
        return ""

    def _call(self, case: Case) -> None:
        account = Account(
            case.transport,
            CODECS[case.codec],
            case.encryption,
            user=case.name,
            authorities=self.authority.ca,
        )
        folder = self.folder / case.name
        folder.mkdir()
        said = np.concatenate([pause(SPEAKS_AT_S), self.speech, pause(60)])
        microphone = save(folder / "microphone.wav", said, account.rate)
        port = self.secure_port if case.transport == "tls" else self.server.port
        with baresip(folder / "baresip", microphone, account) as peer:
            peer.dial(f"sip:desk@127.0.0.1:{port};transport={case.transport}")
            peer.wait_until_spoken_to()
            peer.press("1")
            peer.wait_until_spoken_to()
            peer.wait_until_said(SPEAKS_AT_S + SPOKEN_S + UNDERSTOOD_S)
            peer.press(BOOK_KEY)
            peer.wait_for_the_end()
        heard = resample(sample_of(peer.heard), account.rate, SAMPLE_RATE)
        for text in (f"{GREETING} {QUESTION}", WELCOME, BOOKED):
            there = share(voiced(agent_speech(text)), heard, case.alike)
            assert there > HEARD_SHARE, f"{text!r} was heard to {there:.0%}"

    def check(self, case: Case, call: str) -> str:
        """What the server kept of a call; empty where all of it is right."""
        told = self.server.json("show", call)
        suite = told["media"]["srtp"]
        quality = told["media"]["quality"]
        folder = self.folder / case.name / "pack"
        done = self.server.parley("export", call, "--to", str(folder))
        verified = self.server.parley_anywhere("verify", str(folder))
        kept = share(self.speech, load(folder / "audio" / "caller.wav"), case.alike)
        said = share(
            voiced(agent_speech(WELCOME)), load(folder / "audio" / "agent.wav"), case.alike
        )
        wrong = [
            name
            for name, right in {
                "how it ended": told["call"]["ended_by"] == "agent",
                "the codec": told["media"]["codec"] == case.codec,
                "the encryption": bool(suite) == bool(case.encryption),
                "the quality": quality is not None and quality["received"] > 500,
                "the booking": [one["state"] for one in told["actions"]] == ["finished"],
                "the export": done.returncode == 0,
                f"verify: {verified.stdout[-300:]}": verified.returncode == 0,
                f"the caller's track, {kept:.2f}": kept > HEARD_SHARE,
                f"the agent's track, {said:.2f}": said > HEARD_SHARE,
            }.items()
            if not right
        ]
        print(f"{case.name}: {kept:.3f} {said:.3f} {suite} {quality}")
        return f"{case.name}: {', '.join(wrong)}" if wrong else ""


def test_every_call_is_heard_recorded_and_verified(
    server: Server, authority: Authority, secure_port: int, tmp_path: Path
) -> None:
    speech = voiced(caller_speech()[: SPOKEN_S * SAMPLE_RATE])
    caller = Caller(server, authority, secure_port, speech, tmp_path)
    with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
        failed = [why for why in pool.map(caller.call, CASES) if why]
    assert not failed, "\n".join(failed)
    calls = {call["remote"]: call["id"] for call in server.sealed(set())}
    found = {
        case: [c for remote, c in calls.items() if f"sip:{case.name}@" in remote] for case in CASES
    }
    assert all(len(ids) == 1 for ids in found.values()), calls
    with ThreadPoolExecutor(2) as pool:
        wrong = [
            why for why in pool.map(caller.check, CASES, [i for (i,) in found.values()]) if why
        ]
    assert not wrong, "\n".join(wrong)
