"""Keys as sound: what ITU-T Q.24 wants a receiver to take, and what it must not."""

import numpy as np
import pytest

from media.bank.keys import Keys
from media.tones import HIGH_HZ, KEYS, LOW_HZ, tone
from media.units import Samples
from tests.media.line import noise, voice

TONE_PEAK_0_DBM0 = 32_124 * 10 ** (-3.17 / 20)


def heard(sound: Samples, rate: int = 8_000) -> str:
    """The keys in a sound."""
    keys, frame = Keys(1, rate), rate // 50
    keys.wants[0] = True
    slot, found = np.array([0]), ""
    for n in range(0, len(sound) - frame + 1, frame):
        pressed, _ = keys.push(slot, np.array([n]), sound[None, n : n + frame])
        found += "".join(key for _, key, _ in pressed)
    return found


def pressed(
    key: str, ms: int = 80, dbm0: float = -10.0, off: float = 0.0, twist_db: float = 0.0
) -> Samples:
    """A key as a worn telephone sends it: `off` as a share, the low tone `twist_db` louder."""
    t = np.arange(ms * 8) / 8_000
    low, high = divmod(KEYS.index(key), len(LOW_HZ))
    sound = np.zeros(ms * 8)
    for hz, gain_db in ((LOW_HZ[low], twist_db / 2), (HIGH_HZ[high], -twist_db / 2)):
        level = TONE_PEAK_0_DBM0 * 10 ** ((dbm0 + gain_db) / 20)
        sound += level * np.sin(2 * np.pi * hz * (1 + off) * t)
    return np.concatenate([np.zeros(777), sound, np.zeros(1_600)]).astype(np.int16)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    "worn",
    [
        {},
        {"ms": 55},
        {"ms": 2_000},
        {"dbm0": -25.0},
        {"dbm0": -4.0},
        {"off": 0.015},
        {"off": -0.015},
        {"twist_db": 8.0},
        {"twist_db": -4.0},
    ],
    ids=str,
)
def test_a_key_is_heard_once(key: str, worn: dict[str, float]) -> None:
    assert heard(pressed(key, **worn)) == key  # type: ignore[arg-type]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("other", [{"ms": 30}, {"off": 0.035}, {"off": -0.035}, {"dbm0": -45.0}])
def test_what_is_no_key_is_not_heard(key: str, other: dict[str, float]) -> None:
    assert heard(pressed(key, **other)) == ""  # type: ignore[arg-type]


def test_a_key_is_one_through_a_short_loss_and_two_after_a_pause() -> None:
    lost = np.concatenate([tone("7", 100), np.zeros(160, np.int16), tone("7", 100)])
    paused = np.concatenate([tone("7", 100), np.zeros(480, np.int16), tone("7", 100)])
    assert heard(np.append(lost, np.zeros(320, np.int16))[: 2_080 // 160 * 160]) == "7"
    assert heard(np.append(paused, np.zeros(320, np.int16))) == "77"


def test_it_begins_where_it_began() -> None:
    keys = Keys(1, 8_000)
    keys.wants[0] = True
    sound, begins = pressed("5"), list[int]()
    for n in range(0, len(sound) - 159, 160):
        found, _ = keys.push(np.array([0]), np.array([n]), sound[None, n : n + 160])
        begins += [position for _, _, position in found]
    assert len(begins) == 1
    assert abs(begins[0] - 777) <= 100


@pytest.mark.parametrize("sound", [voice(20_000), noise(20_000), tone("1", 5) * 0], ids=str)
def test_neither_a_voice_nor_noise_nor_silence_presses_keys(sound: Samples) -> None:
    assert heard(sound) == ""


def test_nobody_who_did_not_ask_is_listened_to() -> None:
    keys = Keys(1, 8_000)
    frames = pressed("5").reshape(-1)[:1_600].reshape(-1, 160)
    for n, frame in enumerate(frames):
        found, sounding = keys.push(np.array([0]), np.array([n * 160]), frame[None])
        assert (found, bool(sounding.any())) == ([], False)
