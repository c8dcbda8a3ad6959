from conversation.speech.phrases import arcs_of, is_said
from conversation.speech.sphinx_library import END, START

TWO = frozenset({"ten of clubs", "four"})


def walks(arcs: list[tuple[int, int, float, str]], words: list[str]) -> bool:
    """Whether the words lead from the start to the end."""
    states = {START}
    for word in words:
        states = {to for here, to, _, said in arcs if here in states and said == word}
    return END in states


def test_each_phrase_leads_through_the_graph_and_half_of_one_does_not() -> None:
    arcs = arcs_of(["yes", "yes please", "no"], [])

    assert walks(arcs, ["yes"])
    assert walks(arcs, ["yes", "please"])
    assert not walks(arcs, ["please"])
    assert not walks(arcs, ["yes", "no"])
    assert sum(word == "yes" for *_, word in arcs) == 2


def test_only_repeating_phrases_follow_one_another() -> None:
    arcs = arcs_of(["no"], ["ten of clubs"])

    assert walks(arcs, ["ten", "of", "clubs", "ten", "of", "clubs"])
    assert not walks(arcs, ["ten", "of", "clubs", "no"])
    assert not walks(arcs, ["no", "no"])


def test_words_are_said_if_they_are_whole_phrases() -> None:
    assert is_said(["ten", "of", "clubs"], TWO, False)
    assert not is_said(["ten", "of", "clubs", "four"], TWO, False)
    assert is_said(["ten", "of", "clubs", "four"], TWO, True)
    assert not is_said(["ten", "of", "clubs", "of"], TWO, True)
    assert not is_said([], TWO, True)
