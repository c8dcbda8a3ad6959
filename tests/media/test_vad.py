import numpy as np

from media.jitter import SILENCE, Frame
from media.units import FRAME_SAMPLES, Samples
from media.vad import Segmenter, SpeechEnded, SpeechStarted, webrtc_detector
from tests.media.line import voice

QUIET = np.zeros(8_000, np.int16)


def segmented(audio: Samples, segmenter: Segmenter | None = None) -> list[object]:
    segmenter = segmenter or Segmenter(webrtc_detector())
    found: list[object] = []
    for start in range(0, len(audio) - FRAME_SAMPLES + 1, FRAME_SAMPLES):
        found += segmenter.push(Frame(start, audio[start : start + FRAME_SAMPLES], True))
    return found


def test_a_sentence_is_one_segment_with_its_pre_roll_and_tail() -> None:
    audio = np.concatenate([QUIET, voice(1_000), QUIET])
    started, ended = segmented(audio)
    assert isinstance(started, SpeechStarted)
    assert isinstance(ended, SpeechEnded)
    assert abs(started.position - 8_000) <= FRAME_SAMPLES
    assert ended.start == started.position - 2_400
    assert abs(ended.end - 17_600) <= 8 * FRAME_SAMPLES
    assert np.array_equal(ended.samples, audio[ended.start : ended.end])


def test_a_click_is_no_speech() -> None:
    assert segmented(np.concatenate([QUIET, voice(60), QUIET])) == []


def test_a_faint_voice_is_below_the_floor() -> None:
    assert segmented(np.concatenate([QUIET, voice(1_000) // 200, QUIET])) == []


def test_a_pause_shorter_than_the_hangover_does_not_end_the_sentence() -> None:
    pause = np.zeros(300 * 8, np.int16)
    audio = np.concatenate([QUIET, voice(500), pause, voice(500), QUIET])
    assert len(segmented(audio)) == 2


def test_endless_speech_is_cut_every_15_seconds_and_nothing_is_lost() -> None:
    audio = np.concatenate([QUIET, voice(40_000), QUIET])
    segments = [s for s in segmented(audio) if isinstance(s, SpeechEnded)]
    assert [len(s.samples) <= 15 * 8_000 for s in segments] == [True, True, True]
    assert segments[0].end == segments[1].start
    assert segments[1].end == segments[2].start


def test_a_reset_forgets_what_was_said() -> None:
    segmenter = Segmenter(webrtc_detector())
    segmented(np.concatenate([QUIET, voice(500)]), segmenter)
    assert segmenter.speaking
    segmenter.reset()
    ended = segmented(np.concatenate([voice(500), QUIET]), segmenter)[-1]
    assert isinstance(ended, SpeechEnded)
    assert ended.start == 0


def test_silence_is_not_even_shown_to_the_detector() -> None:
    class Credulous:
        def is_speech(self, buf: bytes, sample_rate: int) -> bool:
            return True

    segmenter = Segmenter(Credulous())
    assert [segmenter.push(Frame(160 * n, SILENCE, False)) for n in range(50)] == [[]] * 50
