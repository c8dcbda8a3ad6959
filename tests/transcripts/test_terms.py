"""Terms that tell nothing without the key of their call."""

from pathlib import Path

from transcripts import terms
from transcripts.index import Document, Index

KEY, OTHER = b"k" * 32, b"o" * 32


def test_words_are_compared_without_case_and_signs() -> None:
    assert terms.compared("Guten Tag, It’s  GRÜSSE!") == ["guten", "tag", "it's", "grüsse"]


def test_the_same_word_is_another_term_in_another_call() -> None:
    word = ["monday"]
    assert terms.terms(word, terms.index_key(KEY)) == terms.terms(word, terms.index_key(KEY))
    assert terms.terms(word, terms.index_key(KEY)) != terms.terms(word, terms.index_key(OTHER))
    assert terms.index_key(KEY) != KEY


def test_words_in_quotes_must_stand_together() -> None:
    wanted = terms.phrases('book "on monday" please')
    assert wanted == [["book"], ["on", "monday"], ["please"]]
    assert terms.has("Please book it on Monday.", wanted)
    assert not terms.has("On it: Monday! Please book", wanted)


def put(index: Index, call: str, segment: str, text: str, key: bytes = KEY) -> None:
    index.put(call, "1/0", [Document(segment, terms.terms(terms.compared(text), key))])


def look(index: Index, call: str, text: str, key: bytes = KEY) -> list[str]:
    return index.find(call, [terms.terms(one, key) for one in terms.phrases(text)])


def test_an_index_finds_what_was_put_there_and_nothing_that_was_replaced(tmp_path: Path) -> None:
    index = Index(tmp_path / "index.db")
    put(index, "a", "a1", "book an appointment on monday")
    put(index, "b", "b1", "cancel it")
    assert look(index, "a", '"on monday" book') == ["a1"]
    assert look(index, "b", "monday") == []
    assert look(index, "a", "monday", OTHER) == []
    put(index, "a", "a1", "book an appointment on friday")
    assert look(index, "a", "monday") == []
    assert index.states() == {"a": "1/0", "b": "1/0"}
    index.forget("a")
    assert look(index, "a", "book") == [] and index.states() == {"b": "1/0"}
    index.close()


def test_what_is_forgotten_is_gone_from_every_byte(tmp_path: Path) -> None:
    index = Index(tmp_path / "index.db")
    words = [f"word{number}" for number in range(500)]
    there = terms.terms(words, KEY)
    index.put("a", "1/0", [Document(f"a{at}", [term]) for at, term in enumerate(there)])
    put(index, "b", "b1", "something else")
    # The leaves of FTS5 leave out what a term has in common with the one before.
    assert any(there[-1].encode() in path.read_bytes() for path in tmp_path.iterdir())
    index.forget("a")
    left = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert [term for term in there if term[4:].encode() in left] == []
    assert look(index, "b", "something") == ["b1"]
    index.close()


def test_an_index_can_be_thrown_away(tmp_path: Path) -> None:
    index = Index(tmp_path / "index.db")
    put(index, "a", "a1", "book")
    index.empty()
    assert index.states() == {}
    index.close()
    assert (tmp_path / "index.db").stat().st_mode & 0o777 == 0o600
