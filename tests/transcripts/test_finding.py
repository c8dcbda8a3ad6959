"""What is found in words that are said, and what is left alone."""

import pytest

from bench._spoken_numbers import ACCOUNTS, CARDS, COMPARED, VISA, digit_by_digit, innocent
from transcripts.redaction import patterns
from transcripts.redaction.cards import is_card, luhn, may_begin, security_code
from transcripts.redaction.digits import READINGS, runs
from transcripts.redaction.finding import (
    Before,
    Found,
    What,
    find,
    masked,
    may_go_on_from,
)
from transcripts.redaction.numerals import german, parts


def said(text: str) -> list[str]:
    """The numbers, as the first reading has them."""
    found = runs(parts(text.split()), READINGS[0])
    return ["".join(digit.value for digit in run) for run in found]


def shown(text: str, before: Before | None = None) -> str:
    words = text.split()
    return " ".join(masked(words, find(words, before or Before())))


@pytest.mark.parametrize("text", COMPARED)
def test_each_card_of_the_comparison_is_found(text: str) -> None:
    assert What.CARD in {one.what for one in find(text.split())}


@pytest.mark.parametrize("text", CARDS)
def test_a_card_is_found_however_it_is_said(text: str) -> None:
    assert len(CARDS) >= 60
    assert What.CARD in {one.what for one in find(text.split())}
    left = [run for run in said(shown(text)) if len(run) > 6]
    assert all(run in "07700900123" for run in left), "what is left is no part of a card"


@pytest.mark.parametrize(("text", "what"), ACCOUNTS)
def test_account_and_social_security_numbers_are_told_from_cards(text: str, what: str) -> None:
    assert [str(one.what) for one in find(text.split())] == [what]


def test_dates_telephone_numbers_orders_and_amounts_are_left_alone() -> None:
    sentences = innocent()
    assert len(sentences) >= 300
    assert [text for text in sentences if find(text.split())] == []


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("forty two", ["42"]),
        ("forty-two nineteen oh five", ["421905"]),
        ("double five triple zero", ["55000"]),
        ("four hundred and two", ["402"]),
        ("four thousand two hundred forty two", ["4242"]),
        ("two fives and three ohs", ["55000"]),
        ("one um two dash three", ["123"]),
        ("one horse two", ["1", "2"]),
        ("zweiundvierzig doppelvier zwo", ["42442"]),
        ("4,242-42 42", ["42424242"]),
        ("at 12:30 for $45", []),
        ("the next four are 1 2", ["12"]),
    ],
)
def test_words_are_read_as_digits(text: str, numbers: list[str]) -> None:
    assert said(text) == numbers


def test_each_digit_knows_its_words() -> None:
    (run,) = runs(parts(["it", "is", "double", "five", "forty", "two"]), READINGS[0])
    assert [(one.value, one.first, one.last) for one in run] == [
        ("5", 2, 3),
        ("5", 2, 3),
        ("4", 4, 5),
        ("2", 4, 5),
    ]


@pytest.mark.parametrize(
    ("word", "number"),
    [("dreiundzwanzig", 23), ("hundertzwei", 102), ("zweitausendvierzig", 2040), ("hund", None)],
)
def test_german_numbers_are_one_word(word: str, number: int | None) -> None:
    assert german(word) == number


def test_a_card_needs_a_check_digit_and_a_scheme() -> None:
    assert is_card(VISA, False)
    assert not is_card("4242424242424241", False)
    assert luhn("9999999999999995") and not is_card("9999999999999995", True)


def test_what_is_rare_needs_a_card_to_be_spoken_of() -> None:
    number = "4222222222222"
    assert find([number]) == ()
    assert find(["visa", number]) == (Found(What.CARD, 1, 1),)


def test_a_security_code_is_found_behind_its_card_and_where_it_was_asked_for() -> None:
    assert shown(f"{VISA} and the security code is one two three") == (
        "[card number] and the security code is [security code]"
    )
    assert shown("one two three") == "one two three"
    assert shown("one two three", Before(asked_for_code=True)) == "[security code]"
    assert security_code("1226123") == (4, 7) and security_code("99") is None


def test_a_card_that_was_said_before_is_known_again_but_for_its_last_four() -> None:
    before = Before(known=(VISA,))
    assert shown("you said four two four two four two", before) == "you said [card number]"
    assert shown("it ends in 4242", before) == "it ends in 4242"


def test_digits_at_the_end_may_go_on() -> None:
    def where(text: str) -> int | None:
        words = text.split()
        return may_go_on_from(words, find(words))

    assert where("my card is four two") == 3
    assert where("my card is four two um") == 3
    assert where("four two is the answer of them") is None
    assert where("it is double") == 2
    assert where(digit_by_digit(VISA)) is None
    assert where("it was nine") is None
    assert may_begin("42") and may_begin("5") and not may_begin("99")


@pytest.mark.skipif(not patterns.installed(), reason="presidio-analyzer is not installed")
def test_presidio_needs_no_language_model() -> None:
    found = patterns.Patterns().find(
        ["write", "to", "ann@example.com", "about", "4242", "4242", "4242", "4242"]
    )
    assert found == (Found(What.OTHER, 2, 2), Found(What.CARD, 4, 7))
