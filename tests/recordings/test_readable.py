"""Claims about the parts of a pack that people read."""

from recordings import readable

ITEM = {"id": "s", "party": "caller", "text": "Hello", "start_us": 1_000, "end_us": 3_723_004_000}


def test_subtitles_are_timed_from_the_first_sample() -> None:
    cues = readable.webvtt([ITEM], begins_us=1_000)
    assert cues == b"WEBVTT\n\n00:00:00.000 --> 01:02:03.003\n<v Caller>Hello\n"


def test_words_cannot_break_out_of_their_cue() -> None:
    text = "<i>a & b</i>\n\n00:01.000 --> 00:02.000\nNOTE"
    cue = readable.webvtt([{**ITEM, "text": text}], begins_us=0).decode().split("\n\n")[1]
    assert cue.split("\n")[1] == (
        "<v Caller>&lt;i&gt;a &amp; b&lt;/i&gt; 00:01.000 --&gt; 00:02.000 NOTE"
    )


def test_words_whose_key_is_gone_have_a_note_and_no_cue() -> None:
    item = {**ITEM, "text": None, "end_us": 1_000_000}
    expected = b"WEBVTT\n\nNOTE words from 00:00:00.001 to 00:00:01.000 were erased\n"
    assert readable.webvtt([item], begins_us=0) == expected


def test_a_long_silence_is_noted() -> None:
    later = {**ITEM, "start_us": 20_000_000, "end_us": 21_000_000}
    blocks = readable.webvtt([{**ITEM, "end_us": 5_000_000}, later], 0).decode().split("\n\n")
    assert blocks[2] == "NOTE no words from 00:00:05.000 to 00:00:20.000"
    assert len(blocks) == 4


def test_the_reader_is_told_that_the_pack_is_confidential_and_how_to_verify_it() -> None:
    assert "CONFIDENTIAL" in readable.README
    assert "verify.py" in readable.README
