import pytest

from sessions.retention.subjects import named


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("+41790001122", "+41790001122"),
        (" +41 79 000 11 22", "+41790001122"),
        ("tel:+41-79-000-11-22", "+41790001122"),
        ("sip:+41790001122@carrier.example;user=phone", "+41790001122"),
        ("sip:anna@Example.ORG", "anna@example.org"),
        ("anna@example.org", "anna@example.org"),
    ],
)
def test_a_person_has_one_name(text: str, who: str) -> None:
    assert named(text) == who


@pytest.mark.parametrize("text", ["", "me", "0790001122", "http://example.org", "+", "+x" * 600])
def test_nobody_is_said_to_be_nobody(text: str) -> None:
    with pytest.raises(ValueError, match="is nobody"):
        named(text)
