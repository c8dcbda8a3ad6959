"""All that serves the live calls of a node, wired: who performs which effect."""

import asyncio
from typing import Any

from runtime.errors import named
from sessions.admission import Admission
from sessions.announcing import Announcing
from sessions.asking import Asking
from sessions.attending import Attending
from sessions.bridging import Bridging
from sessions.callers import Callers
from sessions.consulting import Consulting
from sessions.dialling import Dialling
from sessions.discreet import discreet
from sessions.holding import Holding
from sessions.house import House
from sessions.lines import Lines
from sessions.live import LiveCall
from sessions.moving import Moving
from sessions.referring import Referring
from sessions.sealing import Sealing
from sessions.siprec.awareness import Awareness
from sessions.siprec.recorders import Recorders
from sessions.transferring import Transferring
from sessions.turns import Turns
from sessions.voice import Voice
from telephony.sip import DialogState


class Parts:
    """What the parts share, and each by its name."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.calls: dict[str, LiveCall] = {}
        self.dialogs: dict[str, DialogState] = {}
        """Dialogs as they were last saved."""
        self.callers = Callers(house)
        self.voice = Voice(house, self.calls)
        self.lines = Lines(house, self.calls, self.dialogs, self.callers, self.voice)
        self.recorders = Recorders(house, self.dialogs, self.callers, self.lines.legs)
        self.holding = Holding(self.calls, self.lines.reoffer)
        self.referring = Referring(house)
        self.turns = Turns(house, self.calls, self.referring)
        self.sealing = Sealing(house, self.calls, self.turns)
        self.consulting = Consulting(house)
        self.asking = Asking(house, self.calls, self.voice)
        self.bridging = Bridging(house, self.calls, self.asking)
        self.moving = Moving(house, self.calls, self.lines, self.bridging)
        self.attending = Attending(house, self.calls, self.asking)
        self.admission = Admission(
            house,
            self.calls,
            callers=self.callers,
            lines=self.lines,
            turns=self.turns,
            attending=self.attending,
            sealing=self.sealing,
        )
        self.transferring = Transferring(house, self.calls, self.dialogs)
        self.announcing = Announcing(house, self.calls, self.voice, self.transferring)
        self.dialling = Dialling(
            house,
            self.calls,
            self.dialogs,
            callers=self.callers,
            lines=self.lines,
            prepare_agent=self.admission.prepare_agent,
        )
        self.awareness = Awareness(
            house, self.calls, self.dialogs, reoffer=self.lines.reoffer_as_is, soon=self.soon
        )
        self._tasks: set[asyncio.Task[Any]] = set()
        for kind, perform in (
            ("telephony.ring", self.lines.ring),
            ("telephony.answer", self.lines.answer),
            ("telephony.hang_up", self.lines.hang_up),
            ("telephony.hold", self.holding.hold),
            ("telephony.dial", self.dialling.dial),
            ("telephony.transfer", self.transferring.transfer),
            ("telephony.press", self.transferring.press),
            ("sessions.ask", self.asking.ask),
            ("sessions.tell", self.announcing.tell),
            ("sessions.turn_away", self.announcing.turn_away),
            ("sessions.close", self.announcing.close),
            ("sessions.seal", self.sealing.seal),
            ("recordings.open_gate", self.sealing.open_gate),
            ("recordings.shred", self.sealing.shred),
            ("recordings.close_gate", self.bridging.close_gate),
            ("telephony.hear", self.bridging.hear),
            ("telephony.move", self.moving.move),
            ("telephony.leave", self.bridging.leave),
            ("sessions.consult", self.consulting.consult),
            ("conversation.speak", self.voice.speak),
            ("conversation.turn", self.turns.run),
            ("conversation.tool", self.turns.tool),
        ):
            house.performer.on(kind, discreet(perform))

    def soon(self, work: Any) -> None:
        """Have it done beside what goes on; where it fails, the operator is told."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.house.note("a task failed", error=named(error))
