import json

import pytest

from conversation.agent import tool_of
from parley.demo import REPROMPTS_MAX, STEPS, Receptionist, meaning
from tests.parley.small_session import SmallSession

pytestmark = pytest.mark.anyio

BOOKED = [("book", {"day": "Monday", "time": "nine o'clock"})]


async def entered() -> SmallSession:
    session = SmallSession(Receptionist())
    await session.enter()
    return session


async def test_an_appointment_is_booked_in_four_answers() -> None:
    session = await entered()
    assert await session.hear("book an appointment") == "Gladly. Which day suits you?"
    assert await session.hear("Monday, please.") == "Monday. At what time?"
    assert await session.hear("nine o'clock") == "Monday at nine o'clock. Is that right?"
    assert session.booked == []
    farewell = await session.hear("yes")
    assert session.booked == BOOKED
    assert farewell.startswith("Booked: Monday at nine o'clock, reference ")
    assert farewell.endswith("Goodbye.")
    assert session.hung_up


async def test_an_appointment_is_booked_by_keys_alone() -> None:
    session = await entered()
    for key in "1191":
        await session.key(key)
    assert session.booked == BOOKED
    assert session.hung_up


async def test_a_no_starts_again_with_the_day() -> None:
    session = await entered()
    for text in ("make an appointment", "friday", "ten thirty"):
        await session.hear(text)
    assert await session.key("2") == "Let us start again. Which day suits you?"
    for text in ("monday", "nine o'clock", "yes please"):
        await session.hear(text)
    assert session.booked == BOOKED


async def test_who_always_says_no_is_taken_leave_of() -> None:
    session = await entered()
    await session.key("1")
    for _ in range(REPROMPTS_MAX + 1):
        for text in ("tomorrow", "ten o'clock", "no thank you"):
            await session.hear(text)
    assert session.said[-1] == "I am sorry that we found no appointment. Goodbye."
    assert session.hung_up and not session.booked


async def test_each_question_is_put_again_twice_then_the_call_ends_politely() -> None:
    session = await entered()
    assert await session.hear("the weather is fine") == f"Sorry. {STEPS['wish'].again}"
    assert await session.key("7") == f"Sorry. {STEPS['wish'].again}"
    await session.hear("book an appointment")
    assert await session.wait() == f"Sorry. {STEPS['day'].again}"
    await session.wait()
    assert not session.hung_up
    assert (await session.wait()).endswith("Goodbye.")
    assert session.hung_up


async def test_a_yes_from_dictation_books_nothing() -> None:
    session = await entered()
    for text in ("book an appointment", "monday", "nine o'clock"):
        await session.hear(text, confident=False)
    assert await session.hear("yes", confident=False) == f"Sorry. {STEPS['confirm'].again}"
    assert session.booked == []
    await session.key("1")
    assert session.booked == BOOKED


async def test_a_booking_that_fails_is_said_to_have_failed() -> None:
    session = await entered()
    session.refuses = True
    for key in "1191":
        await session.key(key)
    assert session.said[-1].startswith("I am sorry, I could not book it.")
    assert session.hung_up


async def test_after_the_goodbye_nothing_is_answered() -> None:
    session = await entered()
    for key in "1191":
        await session.key(key)
    said = list(session.said)
    await session.hear("yes")
    await session.key("1")
    await session.wait()
    assert session.said == said


async def test_what_it_remembers_is_json_and_enough_to_go_on_after_a_crash() -> None:
    session = await entered()
    for text in ("book an appointment", "monday"):
        await session.hear(text)
    after = SmallSession(Receptionist(), json.dumps(session.userdata))
    assert await after.hear("nine o'clock") == "Monday at nine o'clock. Is that right?"


async def test_it_expects_the_phrases_of_its_question() -> None:
    agent = Receptionist()
    session = SmallSession(agent)
    assert agent.expects() == ()
    await session.enter()
    assert "book an appointment" in agent.expects()
    await session.key("1")
    assert "monday" in agent.expects() and "yes" not in agent.expects()


async def test_the_same_order_twice_is_one_reference() -> None:
    replies: list[str] = []
    for _ in range(2):
        session = await entered()
        for key in "1191":
            await session.key(key)
        replies.append(session.said[-1])
    assert replies[0] == replies[1]
    assert tool_of(Receptionist.book).idempotent


def test_words_that_say_two_things_mean_nothing() -> None:
    phrases = STEPS["confirm"].phrases
    assert meaning("Yes!", phrases) == "yes"
    assert meaning("no, thank you", phrases) == "no"
    assert meaning("yes and no", phrases) is None
    assert meaning("yesterday", phrases) is None
