import numpy as np

from media.playout import UTTERANCES_QUEUED_MAX, Played, Playout
from tests.media.line import noise


def drained(playout: Playout) -> int:
    frames = 0
    while playout.frame() is not None:
        frames += 1
    return frames


def test_an_utterance_goes_out_whole_and_says_so() -> None:
    playout, audio = Playout(), noise(50)
    playout.play("a", audio, 0, True)
    frames = [playout.frame() for _ in range(3)]
    out = np.concatenate([f for f in frames if f is not None])
    assert np.array_equal(out[:400], audio)
    assert not out[400:].any()
    assert playout.take_ended() == [Played("a", 400, 400, False)]
    assert playout.frame() is None


def test_a_known_utterance_is_not_played_again_but_answers_again() -> None:
    playout = Playout()
    playout.play("a", noise(100), 0, True)
    playout.play("a", noise(100), 0, True)
    assert drained(playout) == 5
    playout.play("a", noise(100), 0, True)
    assert drained(playout) == 0
    assert playout.take_ended() == [Played("a", 800, 800, False)] * 2


def test_an_interruption_ends_the_interruptible_and_spares_the_others() -> None:
    playout = Playout()
    playout.play("a", noise(100), 0, True)
    playout.play("b", noise(100), 0, True)
    playout.play("notice", noise(100), 0, False)
    playout.frame()
    assert playout.interrupt() == "a"
    assert playout.take_ended() == [Played("a", 160, 800, True), Played("b", 0, 800, True)]
    assert playout.interrupt() is None
    assert drained(playout) == 5


def test_an_utterance_resumes_where_it_was_left() -> None:
    playout = Playout()
    playout.play("a", noise(100), 480, True)
    assert playout.playing == ("a", 480)
    assert drained(playout) == 2
    assert playout.take_ended() == [Played("a", 800, 800, False)]


def test_stop_names_one_or_means_all() -> None:
    playout = Playout()
    for name in "abc":
        playout.play(name, noise(100), 0, False)
    playout.stop("b")
    playout.stop()
    assert [p.utterance for p in playout.take_ended()] == ["b", "a", "c"]


def test_a_full_queue_refuses_and_says_why() -> None:
    playout = Playout()
    for n in range(UTTERANCES_QUEUED_MAX + 1):
        playout.play(str(n), noise(20), 0, True)
    (refused,) = playout.take_ended()
    assert refused.refused == "more than 64 utterances queued"


def test_nothing_to_say_is_said_at_once() -> None:
    playout = Playout()
    playout.play("a", noise(0), 0, True)
    assert playout.take_ended() == [Played("a", 0, 0, False)]
