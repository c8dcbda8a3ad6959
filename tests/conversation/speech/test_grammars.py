import pytest

from conversation.speech.grammars import NO_PHRASES, YES_NO, YES_PHRASES, listen_for, meaning


@pytest.mark.parametrize("phrase", YES_PHRASES)
def test_a_yes_means_yes(phrase: str) -> None:
    assert meaning(phrase) == "yes"


@pytest.mark.parametrize("phrase", NO_PHRASES)
def test_a_no_means_no(phrase: str) -> None:
    assert meaning(phrase) == "no"


@pytest.mark.parametrize(
    "text", ["Yes.", "Um, yes please!", "YES I AGREE", "Yes, yes. Of course", "okay, that’s fine"]
)
def test_how_it_is_written_does_not_matter(text: str) -> None:
    assert meaning(text) == "yes"


@pytest.mark.parametrize(
    "text",
    [
        "yes and no",
        "yes no",
        "yeah no",
        "no i agree",
        "yes but not the recording",
        "I agree to disagree",
        "I agree with nothing",
        "yes I do not agree",
        "not okay",
        "sure thing is not a thing",
        "I would say yes if it was cheaper",
        "do I have to say yes",
        "oui yes",
        "да yes",
        "yes 5",
        "um",
        "please",
        "",
        "yes " * 17,
    ],
)
def test_what_is_not_wholly_one_side_has_no_meaning(text: str) -> None:
    assert meaning(text) is None


def test_of_course_not_is_a_no_although_it_begins_as_a_yes() -> None:
    assert meaning("of course not") == "no"


def test_every_phrase_that_is_listened_for_has_a_meaning_and_no_decoy_has() -> None:
    assert all(meaning(phrase) for phrase in YES_NO.phrases)
    assert YES_NO.decoys
    assert not any(meaning(decoy) for decoy in YES_NO.decoys)


def test_phrases_of_an_agent_are_brought_into_dictionary_form() -> None:
    grammar = listen_for("drinks", ["A Coffee!", "a coffee", "O’Brien's tea", "  ", "<rule>"])

    assert grammar.phrases == ("a coffee", "o'brien's tea", "rule")
