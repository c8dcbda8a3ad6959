"""A file that is no policy: the error names file, table and key, and says what to write."""

import random

import pytest

from consent.policy import parsing, shipped
from consent.policy.errors import PolicyError
from consent.policy.terms import SCOPES, Due, Grade

CELL = """
[[cell]]
jurisdictions = ["US-TX"]
scopes = ["recording"]
due = "ask"
source = "Our own promise"
reviewed = 2026-11-21
"""
PLACES = '[[jurisdiction]]\ncode = "ZZ"\nname = "an unknown place"\nlanguages = ["en"]\n'
LAWFUL = CELL.replace("US-TX", "ZZ") + 'basis = "consent"\ngrade = "house"\n'


def test_a_cell_is_read() -> None:
    (cell,) = parsing.overlay("ours.toml", CELL).cells
    assert (cell.id, cell.due, cell.grade) == ("US-TX/recording/general", Due.ASK, Grade.HOUSE)


def test_one_table_may_speak_for_many() -> None:
    text = CELL.replace('["US-TX"]', '["US-TX", "US-NY"]').replace(
        '["recording"]', '["recording", "vendor:acme"]'
    )
    assert (
        len(list(parsing.overlay("ours.toml", text + 'lines = ["health", "trading"]').cells)) == 8
    )


@pytest.mark.parametrize(
    ("old", "new", "where", "key", "why"),
    [
        ('due = "ask"', 'due = "maybe"', "[[cell]] 1 (US-TX recording)", "due", "is not one of"),
        ('due = "ask"', "due = 3", "[[cell]] 1 (US-TX recording)", "due", "write a text"),
        ('due = "ask"', "", "[[cell]] 1 (US-TX recording)", "due", "is missing"),
        ('source = "Our own promise"', "", "[[cell]] 1 (US-TX recording)", "source", "is missing"),
        ("reviewed = 2026-11-21", "", "[[cell]] 1 (US-TX recording)", "reviewed", "write a date"),
        (
            "2026-11-21",
            '"2026-11-21"',
            "[[cell]] 1 (US-TX recording)",
            "reviewed",
            "without quotes",
        ),
        ("2026-11-21", "2026-11-21T10:00:00Z", "[[cell]] 1", "reviewed", "write a date"),
        ('"recording"', '"recordings"', "[[cell]] 1", "scopes", "is not one of"),
        ('"recording"', '"vendor:"', "[[cell]] 1", "scopes", "is not one of"),
        ('"recording"', '"recording:x"', "[[cell]] 1", "scopes", "is not one of"),
        ('["recording"]', '"recording"', "[[cell]] 1", "scopes", "write a list"),
        ('["recording"]', '["recording", "recording"]', "[[cell]] 1", "scopes", "twice"),
        ("due", 'sauce = "x"\ndue', "[[cell]] 1", "sauce", "did you mean source"),
        ("due", 'basis = "contract"\ndue', "[[cell]] 1", "basis", "who is asked consents"),
        ("due", "implied_after_s = 900\ndue", "[[cell]] 1", "implied_after_s", "from 1 to 60"),
        ("due", "implied_after_s = true\ndue", "[[cell]] 1", "implied_after_s", "whole number"),
        ("due", 'beep = "yes"\ndue', "[[cell]] 1", "beep", "true or false"),
        ("due", "must_record = true\ndue", "[[cell]] 1", "on_no", "end_with_reason"),
        ("due", "prevails = true\ndue", "[[cell]] 1", "prevails", "duty to record"),
        ("Our own", r"\u001b[2J", "[[cell]] 1", "source", "printable"),
        ("Our own", "x" * 700, "[[cell]] 1", "source", "at most"),
        ("[[cell]]", "[cell]", "[cell]", "", "two brackets"),
        ("[[cell]]", "[[sell]]", "[sell]", "", "only [[cell]]"),
        (
            "[[cell]]",
            '[[jurisdiction]]\ncode = "JP"\n[[cell]]',
            "[jurisdiction]",
            "",
            "only [[cell]]",
        ),
        ("due", "due = [[[", "", "", "is not TOML"),
        ('due = "ask"', 'due = "ask"\ndue = "off"', "", "", "is not TOML"),
    ],
)
def test_a_mistake_is_named(old: str, new: str, where: str, key: str, why: str) -> None:
    assert old in CELL
    with pytest.raises(PolicyError) as caught:
        parsing.overlay("ours.toml", CELL.replace(old, new, 1))
    error = caught.value
    assert error.file == "ours.toml"
    assert error.where.startswith(where) and error.key == key
    assert why in error.why
    assert str(error).startswith("ours.toml: ")


def test_the_second_of_two_for_one_day_is_named() -> None:
    with pytest.raises(PolicyError, match="US-TX/recording/general: from: is there twice"):
        parsing.overlay("ours.toml", CELL + CELL)


def test_a_file_has_a_size() -> None:
    with pytest.raises(PolicyError, match="has more than"):
        parsing.overlay("ours.toml", "#" * (parsing.TEXT_CHARS_MAX + 1))
    many = ", ".join(f'"vendor:v{one}"' for one in range(300))
    with pytest.raises(PolicyError, match="has more than 5000 cells"):
        parsing.overlay(
            "ours.toml",
            "".join(
                CELL.replace('"recording"', many) + f"from = 2026-01-{day:02}\n"
                for day in range(1, 19)
            ),
        )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (LAWFUL, "there is no ZZ"),
        (PLACES + PLACES, "is there already"),
        (PLACES.replace("name =", 'within = "EU"\nname ='), "must stand before"),
        (PLACES + LAWFUL.replace('basis = "consent"\n', ""), "basis: is missing"),
        (PLACES + LAWFUL.replace('grade = "house"\n', ""), "grade: is missing"),
        (PLACES + LAWFUL.replace('["ZZ"]', '["JP"]'), "unknown place"),
        (PLACES + '[[area_codes]]\nstate = "US-TX"\ncodes = [512]\n', "is no [[jurisdiction]]"),
        (
            PLACES
            + '[[area_codes]]\nstate = "ZZ"\nsource = "x"\nreviewed = 2026-01-01\ncodes = [5]\n',
            "three digits",
        ),
    ],
)
def test_data_of_ours_that_are_wrong_are_named(text: str, why: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parsing.law({"ours.toml": text})
    assert why in str(caught.value)


def test_what_is_right_is_read() -> None:
    assert parsing.law({"ours.toml": PLACES + LAWFUL}).chain("JP") == ("ZZ", "*")


def test_the_version_is_of_every_letter() -> None:
    files = shipped.files()
    (name, *_) = files
    changed = {**files, name: files[name] + "# one more remark\n"}
    assert parsing.law(changed).version != shipped.law().version
    assert parsing.law(dict(reversed(files.items()))).version == shipped.law().version


def test_noise_is_an_error_and_never_a_crash() -> None:
    draw = random.Random(4711)
    text = "".join(CELL.replace("recording", scope) for scope in SCOPES)
    refused = 0
    for _ in range(300):
        letters = list(text)
        for _ in range(draw.randrange(1, 6)):
            at = draw.randrange(len(letters))
            letters[at : at + draw.randrange(3)] = draw.choice(
                ['"', "[", "]", "\x00", "=", "\n", "9" * 30, "[" * 2_000, "é", ""]
            )
        try:
            parsing.overlay("noise.toml", "".join(letters))
        except PolicyError:
            refused += 1
    assert 100 < refused < 300
