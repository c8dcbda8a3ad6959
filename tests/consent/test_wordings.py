"""What is said: one text for each name, for ever, in every language that we have."""

import json
from pathlib import Path

import pytest

from consent.policy.saying import SAID
from consent.wordings import (
    FALLBACK,
    LANGUAGES,
    WORDINGS,
    filled,
    following,
    language_of,
    newest,
    spoken_names,
)
from conversation.speech.espeak import LANGUAGES as VOICES

PINNED = Path(__file__).parent / "wordings.json"


def test_no_text_that_was_ever_said_has_changed() -> None:
    pinned: dict[str, str] = json.loads(PINNED.read_text())

    now = {name: wording.sha256 for name, wording in WORDINGS.items()}

    assert {name: now.get(name) for name in pinned} == pinned
    assert set(now) == set(pinned), "add new names to tests/consent/wordings.json"


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_says_the_same_things(language: str) -> None:
    def names(of: str) -> set[str]:
        """Without their versions: a text may be mended in one language alone."""
        return {one.name.removesuffix(f"-{of}") for one in WORDINGS.values() if one.language == of}

    assert names(language) == names(FALLBACK)


@pytest.mark.parametrize("about", SAID)
def test_whatever_the_law_can_ask_about_can_be_said_in_every_way(about: str) -> None:
    for language in LANGUAGES:
        for does in ("notice", "ask", "standing", "closing", "confirm", "reask"):
            found = newest(f"{about}-{does}-{language}")
            assert found is not None and found.must_hear_permille >= 800


def test_what_only_ends_something_need_not_be_heard() -> None:
    assert WORDINGS["refusal-end-en-1"].must_hear_permille == 0


def test_vendors_are_named_in_the_language_that_is_spoken() -> None:
    """Attack A13: the notice is made of those who get the words, and no list of its own."""
    scopes = ("vendor:acme-stt", "vendor:bolt", "vendor:cargo_tts")

    assert filled(["vendor-notice-en-1"], scopes) == (
        "Your voice or your words also go to Acme Stt, Bolt and Cargo Tts."
    )
    assert "Acme Stt, Bolt und Cargo Tts" in filled(["vendor-ask-de-1"], scopes)
    assert spoken_names(["acme"], "fr") == "Acme"


def test_another_vendor_is_another_text() -> None:
    one = filled(["vendor-ask-en-1"], ["vendor:acme"])

    assert one != filled(["vendor-ask-en-1"], ["vendor:bolt"])
    assert "{" not in one


def test_several_notices_are_one_breath() -> None:
    both = filled(["ai-interaction-notice-en-1", "live-stt-notice-en-1"])

    assert both.count(".") == 2


def test_what_follows_is_in_the_same_language() -> None:
    assert following("recording-and-transcript-ask-nl-1", "reask").id == (
        "recording-and-transcript-reask-nl-1"
    )


def test_what_cannot_be_said_in_a_language_is_said_in_english() -> None:
    assert language_of(["recording-ask"], "de") == "de"
    assert language_of(["recording-ask"], "hr") == FALLBACK
    assert language_of(["acme-ask"], "de") == FALLBACK


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_offline_voice_speaks_every_language_that_we_have(language: str) -> None:
    assert language in VOICES
