"""baresip by every transport, with every codec, plain and encrypted, several calls at once."""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from consent.terms import QUESTION as ASKED
from consent.wordings import WORDINGS
from media.resample import resample
from media.units import SAMPLE_RATE, Samples
from parley import cli
from parley.commands import place
from parley.config import Config
from parley.record import record
from recordings.verify import verify
from tests.interop.agents import BOOK_KEY, BOOKED, GREETING, WELCOME
from tests.interop.peers import Account, baresip, sample_of, save
from tests.interop.server import Server
from tests.interop.speech import agent_speech, caller_speech, pause
from tests.listening import share, sides, voiced
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
CALLS_AT_ONCE = 4
AGAIN_MAX = 6
PACKETS_MIN = 500
QUESTION = WORDINGS[ASKED].text
SPEAKS_AT_S = 10
"""By then the question has been answered."""
SPOKEN_S = 3
UNDERSTOOD_S = 2
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
def server(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Server]:
    listen = ("udp:127.0.0.1:{sip}", "tcp:127.0.0.1:{sip}", "tls:127.0.0.1:{tls}")
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
    speech: Samples
    folder: Path
    microphones: dict[int, Path]

    def call(self, case: Case, name: str = "") -> str:
        """A whole call; empty where all of it was right, else what was not."""
        try:
            self._call(case, name or case.name)
        except AssertionError as error:
            return f"{case.name}: {error}"
        return ""

    def _call(self, case: Case, name: str) -> None:
        account = Account(
            case.transport,
            CODECS[case.codec],
            case.encryption,
            user=name,
            authorities=self.authority.ca,
        )
        port = self.server.tls_port if case.transport == "tls" else self.server.port
        microphone = self.microphones[account.rate]
        with baresip(self.folder / name, microphone, account) as peer:
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
        here = place.Place(Config().in_directory(self.server.data), self.server.data)
        with place.reading(here) as rows:
            told = record(rows, here.keystore().key, call)
        suite, quality = told["media"]["srtp"], told["media"]["quality"]
        folder = self.folder / f"{case.name}.pack"
        # In this process: to start two for each call would take longer than the calls.
        done = cli.main(["export", call, "--to", str(folder), "--data", str(here.data)])
        faults = verify(str(folder))
        kept = share(self.speech, sides(folder / "data" / "call.wav")[0], case.alike)
        said = share(
            voiced(agent_speech(WELCOME)), sides(folder / "data" / "call.wav")[1], case.alike
        )
        print(f"{case.name}: {kept:.2f} {said:.2f} {suite} {quality}")
        right = {
            "how it ended": told["call"]["ended_by"] == "agent",
            "the codec": told["media"]["codec"] == case.codec,
            "the encryption": bool(suite) == bool(case.encryption),
            "the quality": quality is not None and quality["received"] > PACKETS_MIN,
            "their reports": quality is not None and quality["round_trip_us"] is not None,
            "the booking": [one["state"] for one in told["actions"]] == ["finished"],
            "the export": done == 0,
            f"the verdict: {dict(faults)}": not faults,
            f"the caller's track: {kept:.0%}": kept > HEARD_SHARE,
            f"the agent's track: {said:.0%}": said > HEARD_SHARE,
        }
        wrong = [name for name, holds in right.items() if not holds]
        return f"{case.name}: {', '.join(wrong)}" if wrong else ""


def test_every_call_is_heard_recorded_and_verified(
    server: Server, authority: Authority, tmp_path: Path
) -> None:
    speech = voiced(caller_speech()[: SPOKEN_S * SAMPLE_RATE])
    said = np.concatenate([pause(SPEAKS_AT_S), speech, pause(40)])
    rates = {Account(codec=codec).rate for codec in CODECS.values()}
    microphones = {rate: save(tmp_path / f"{rate}.wav", said, rate) for rate in rates}
    caller = Caller(server, authority, speech, tmp_path, microphones)
    with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
        failed = dict(zip(CASES, pool.map(caller.call, CASES), strict=True))
    names = {case: case.name for case in CASES}
    for case in [case for case, why in failed.items() if why][:AGAIN_MAX]:
        # Beside others a machine may have had too much to do; alone it has to go.
        print(failed[case])
        names[case] = f"{case.name}.again"
        failed[case] = caller.call(case, names[case])
    assert not any(failed.values()), "\n".join(filter(None, failed.values()))
    calls = {call["remote"].partition("@")[0]: call["id"] for call in server.sealed(set())}
    ids = [calls[f"sip:{names[case]}"] for case in CASES]
    wrong = [why for why in map(caller.check, CASES, ids) if why]
    assert not wrong, "\n".join(wrong)
