from conversation.speech.plain_text import plain


def test_control_characters_become_spaces() -> None:
    assert plain("one\x01two\x00three\r\nfour\x1b") == "one two three four"


def test_what_turns_text_around_is_taken_out() -> None:
    assert plain("pay \u202e001\u202c now") == "pay 001 now"


def test_emoji_are_not_read_out() -> None:
    assert plain("fine \U0001f600 thanks ➡") == "fine thanks"


def test_degrees_and_currencies_are() -> None:
    assert plain("20°C for 5€") == "20°C for 5€"


def test_composed_and_decomposed_letters_are_one() -> None:
    assert plain("cafe\u0301") == "café"


def test_a_lone_surrogate_is_dropped() -> None:
    assert plain("a\ud800b") == "a b"


def test_punctuation_alone_is_nothing_to_say() -> None:
    assert plain("?! ... —") == ""
