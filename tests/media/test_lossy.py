import pytest

from bench._network import Network
from bench.lossy import speech_over
from tests.media.voices import voiced

SOUND = voiced(8_000, 10_000)


def test_a_network_without_faults_leaves_speech_as_it_is() -> None:
    heard = speech_over(Network(), SOUND)
    assert (heard.missing, heard.silent, heard.concealed) == (0, 0, 0)
    assert heard.mos > 4.3


@pytest.mark.parametrize("loss", [0.01, 0.05, 0.1, 0.2])
@pytest.mark.parametrize("burst", [None, (2, 3)])
def test_what_is_concealed_is_much_closer_to_speech_than_silence(
    loss: float, burst: tuple[int, int] | None
) -> None:
    heard = speech_over(Network(loss=loss, burst=burst), SOUND)
    assert 0 < heard.missing < 2 * loss
    assert heard.silent > 12
    assert heard.concealed < heard.silent / 2


def test_jitter_and_reordering_cost_delay_instead_of_speech() -> None:
    for network in (Network(jitter_us=30_000), Network(jitter_us=5_000, reordered=0.1)):
        heard = speech_over(network, SOUND)
        assert heard.missing < 0.02
        assert 60 < heard.delay_ms < 250


def test_the_worse_the_network_the_worse_the_estimate() -> None:
    scores = [speech_over(Network(loss=n / 100), SOUND).mos for n in (0, 1, 5, 10, 20)]
    assert scores == sorted(scores, reverse=True)
