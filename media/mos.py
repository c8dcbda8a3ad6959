"""An estimate of how a call sounds: the E-model of ITU-T G.107, simplified as is usual.

    R = 93.2 - Id - Ie,eff

93.2 is R0 - Is of G.107 with all its defaults, for a narrowband call without faults but its codec.

Id, the impairment by delay, is the fit of Cole and Rosenbluth ("Voice over IP performance
monitoring", 2001) to G.107, for a one-way delay d in milliseconds from mouth to ear and no echo:

    Id = 0.024 d + 0.11 (d - 177.3) where d > 177.3

Ie,eff, that by loss, is G.107 equation 7-29 for random loss (BurstR = 1), Ppl in per cent:

    Ie,eff = Ie + (95 - Ie) Ppl / (Ppl + Bpl)

MOS is of R by the cubic of G.107 annex B.
"""

from dataclasses import dataclass

R_MAX = 93.2
"""R0 - Is."""

FRAME_US = 20_000
JITTER_WAITED = 2
"""A playout delay of about twice the jitter lets next to nothing come too late."""


@dataclass(frozen=True, slots=True)
class Impairment:
    """By a codec: without loss, and its robustness against it."""

    ie: float
    bpl: float


# G.711 with concealment by its Appendix I: ITU-T G.113 Appendix I table I.4. That table is for
# narrowband codecs; the wideband ones are taken to be no worse. So the estimate compares legs,
# but gives no wideband codec credit for its bandwidth, nor Opus for its redundancy.
G711 = Impairment(ie=0, bpl=25.1)
IMPAIRMENTS = {"PCMU": G711, "PCMA": G711, "G722": G711, "opus": G711}


def rating(loss: float, jitter_us: float, delay_us: float, codec: str) -> float:
    """R, from 0 to 93.2.

    `loss` is the share of packets that were not played, `delay_us` one way through the network,
    as half of a round trip. Waiting for twice the jitter, and a frame, come on top.
    """
    impairment = IMPAIRMENTS[codec]
    delay_ms = (delay_us + JITTER_WAITED * jitter_us + FRAME_US) / 1_000
    by_delay = 0.024 * delay_ms + 0.11 * max(0.0, delay_ms - 177.3)
    percent = 100 * loss
    by_loss = impairment.ie + (95 - impairment.ie) * percent / (percent + impairment.bpl)
    return max(0.0, R_MAX - by_delay - by_loss)


def mos(loss: float, jitter_us: float, delay_us: float, codec: str) -> float:
    """The mean opinion score that R stands for, from 1 to 4.41; arguments as of `rating`."""
    r = rating(loss, jitter_us, delay_us, codec)
    return max(1.0, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6)
