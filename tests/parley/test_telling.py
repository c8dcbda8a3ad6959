"""What of a call's media is told to people."""

import pytest

from parley.telling import media_told

QUALITY = {
    "received": 995,
    "lost": 5,
    "late": 2,
    "jitter_us": 2_100,
    "mos_milli": 4_380,
    "concealed_ms": 140,
    "round_trip_us": 12_300,
    "remote_loss_permille": 15,
    "remote_jitter_us": 3_000,
}


def told(codec: str = "opus", srtp: str | None = None, **quality: object) -> list[str]:
    return list(media_told({"codec": codec, "srtp": srtp, "quality": {**QUALITY, **quality}}))


def test_both_ways_are_told() -> None:
    assert told(srtp="AEAD_AES_128_GCM") == [
        "opus, AEAD_AES_128_GCM",
        "received: good (MOS 4.4); 0.5 % of 1000 packets lost, 2 late",
        "  jitter 2.1 ms, 140 ms made up for",
        "sent: 1.5 % lost, jitter 3.0 ms over there; round trip 12.3 ms",
    ]


@pytest.mark.parametrize(
    ("milli", "word"), [(4_000, "good"), (3_999, "fair"), (3_100, "poor"), (1_000, "bad")]
)
def test_an_estimate_has_a_word(milli: int, word: str) -> None:
    assert f"received: {word} (MOS" in told(mos_milli=milli)[1]


def test_what_nobody_knows_is_not_made_up() -> None:
    assert told(round_trip_us=None)[-1] == "sent: the other side reported nothing"
    assert told(received=0, lost=0, mos_milli=None)[1:] == ["nothing was received"]
    assert list(media_told({"codec": "PCMU", "srtp": None, "quality": None})) == [
        "PCMU, not encrypted"
    ]
    assert list(media_told(None)) == []
