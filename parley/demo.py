"""The agent of the demo: books an appointment by voice or by keys, without a language model."""

import hashlib
from dataclasses import dataclass

from conversation.agent import Agent, ChatMessage, RunContext, ToolError, function_tool

REPROMPTS_MAX = 2
"""How often the caller is asked the same again, and how often they may start again."""

REFERENCE_DIGITS = 4

DAYS = {
    **{day: day.capitalize() for day in ("monday", "tuesday", "wednesday", "thursday", "friday")},
    "tomorrow": "tomorrow",
}
TIMES = {
    **{f"{hour} o'clock": f"{hour} o'clock" for hour in ("nine", "ten", "eleven", "two", "three")},
    **{f"{hour} thirty": f"{hour} thirty" for hour in ("nine", "ten", "eleven", "two", "three")},
}
WISHES: dict[str, str] = dict.fromkeys(
    (
        "book an appointment",
        "i want to book an appointment",
        "i would like to book an appointment",
        "make an appointment",
        "appointment",
    ),
    "appointment",
)
ANSWERS = {
    **dict.fromkeys(("yes", "yes please", "that is right", "correct"), "yes"),
    **dict.fromkeys(("no", "no thank you", "that is wrong"), "no"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """A question of the dialogue: how it is put again, and what each phrase or key means."""

    again: str
    phrases: dict[str, str]
    keys: dict[str, str]


STEPS = {
    "wish": Step("Please say: book an appointment. Or press 1.", WISHES, {"1": "appointment"}),
    "day": Step(
        "Please name a day from Monday to Friday, or say tomorrow.",
        DAYS,
        {str(number): day for number, day in enumerate(list(DAYS.values())[:5], start=1)},
    ),
    "time": Step(
        "Please name a time, such as nine o'clock or ten thirty.", TIMES, {"9": "nine o'clock"}
    ),
    "confirm": Step(
        "Please say yes or no. Or press 1 for yes, 2 for no.", ANSWERS, {"1": "yes", "2": "no"}
    ),
}


class Receptionist(Agent):
    """A state machine over `userdata`: step, day, time, and how often it was not understood."""

    instructions = "You answer the phone for a dental practice. Be brief."
    greeting = "Hello, this is the automated assistant of the Parley dentists."

    def expects(self) -> tuple[str, ...]:
        """The phrases of the question that was put last."""
        step = STEPS.get(self.session.userdata.get("step", ""))
        return tuple(step.phrases) if step else ()

    async def on_enter(self) -> None:
        await self._ask("wish", "How can I help? You can say: book an appointment.")

    async def on_user_turn_completed(self, new_message: ChatMessage) -> None:
        step = self._step()
        if step is None:
            return
        meant = meaning(new_message.text_content, step.phrases)
        # Days and times are read back; nothing reads back a yes, so it must be a sure one.
        if meant == "yes" and not new_message.confident:
            meant = None
        await self._answer(meant)

    async def on_dtmf_received(self, digit: str) -> None:
        step = self._step()
        if step is not None:
            await self._answer(step.keys.get(digit))

    async def on_user_away(self) -> None:
        if self._step() is not None:
            await self._answer(None)

    @function_tool(idempotent=True)
    async def book(self, ctx: RunContext, day: str, time: str) -> str:
        """Book an appointment. The reference follows from the order: the same order, the same."""
        digest = hashlib.sha256(f"{ctx.idempotency_key}|{day}|{time}".encode()).digest()
        number = int.from_bytes(digest[:8], "big") % 10**REFERENCE_DIGITS
        return f"reference {' '.join(f'{number:0{REFERENCE_DIGITS}}')}"

    def _step(self) -> Step | None:
        """The question that is open, if one is."""
        return STEPS.get(self.session.userdata.get("step", ""))

    async def _answer(self, meant: str | None) -> None:
        known = self.session.userdata
        if meant is None:
            await self._again()
            return
        match known["step"]:
            case "wish":
                await self._ask("day", "Gladly. Which day suits you?")
            case "day":
                known["day"] = meant
                await self._ask("time", f"{spoken(meant)}. At what time?")
            case "time":
                known["time"] = meant
                await self._ask("confirm", f"{spoken(known['day'])} at {meant}. Is that right?")
            case _ if meant == "yes":
                await self._book(known["day"], known["time"])
            case _:
                await self._start_again()

    async def _ask(self, step: str, question: str) -> None:
        # The step comes first: an answer may come while the question is still being said.
        self.session.userdata.update(step=step, misses=0)
        await self.session.say(question)

    async def _again(self) -> None:
        known = self.session.userdata
        known["misses"] += 1
        if known["misses"] > REPROMPTS_MAX:
            await self._leave("I am sorry, I did not understand. Please call again later. Goodbye.")
            return
        await self.session.say(f"Sorry. {STEPS[known['step']].again}")

    async def _start_again(self) -> None:
        known = self.session.userdata
        known["rounds"] = known.get("rounds", 0) + 1
        if known["rounds"] > REPROMPTS_MAX:
            await self._leave("I am sorry that we found no appointment. Goodbye.")
            return
        await self._ask("day", "Let us start again. Which day suits you?")

    async def _book(self, day: str, time: str) -> None:
        try:
            reference = await self.session.call(self.book, day=day, time=time)
        except ToolError:
            await self._leave("I am sorry, I could not book it. Please call again later. Goodbye.")
            return
        await self._leave(f"Booked: {spoken(day)} at {time}, {reference}. Goodbye.")

    async def _leave(self, farewell: str) -> None:
        self.session.userdata["step"] = "over"
        await self.session.say(farewell, allow_interruptions=False)
        await self.session.hang_up()


def meaning(text: str, phrases: dict[str, str]) -> str | None:
    """What the words mean, if the known phrases in them all mean one thing."""
    words = f" {plain(text)} "
    said = {meant for phrase, meant in phrases.items() if f" {phrase} " in words}
    return said.pop() if len(said) == 1 else None


def plain(text: str) -> str:
    """Lower case, letters and apostrophes only, single spaces."""
    straight = text.lower().replace("\u2019", "'")
    return " ".join("".join(c if c.isalpha() or c == "'" else " " for c in straight).split())


def spoken(day: str) -> str:
    """A day as it begins a sentence."""
    return day[:1].upper() + day[1:]
