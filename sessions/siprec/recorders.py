"""Sessions with recorders of others follow the rows: what is due is looked up, then done.

Whether a voice leaves is decided by the recording gate in the media process, frame by frame. What
is done here comes later, and only tells the recorder of it.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any

from media.client import MediaUnavailable
from recordings.tables import Recording, RecordingState
from runtime.errors import Refused, named
from runtime.writer import Committed
from sessions.callers import Callers
from sessions.house import House
from sessions.legs import Legs
from sessions.siprec import rules, telling
from sessions.siprec.recorder import INACTIVE, Recorder
from sessions.siprec.reducers import recorder_agreed, recorder_invited, recorder_left
from sessions.siprec.rules import Step
from sessions.siprec.tables import RecordingSession, SessionState
from sessions.siprec.taps import Taps
from sessions.tables import Call, CallState
from telephony import sdp, sip, siprec
from telephony.endpoint import SipEndpoint
from telephony.sdp.directions import INACTIVE as NOTHING_SENT
from telephony.sdp.directions import SENDONLY
from telephony.sip import DialogState
from telephony.sip.dialog import CONFIRMED, TERMINATED

PROBE_S = 30.0
"""How often a recorder is asked whether it is there still: it sends nothing by itself."""

FORGET_S = 60.0
"""How long the legs of a session that is over may still be told of."""

Work = Callable[[], Coroutine[Any, Any, None]]


class Recorders:
    """One task for each call that has something due; what a recorder does harms no call."""

    def __init__(
        self, house: House, dialogs: Mapping[str, DialogState], callers: Callers, legs: Legs
    ) -> None:
        self._house = house
        self._dialogs = dialogs
        self._taps = Taps(house, callers, legs)
        self._recorders = {recorder.name: recorder for recorder in house.settings.recorders}
        self._calls: dict[str, str] = {}
        """The call of each session that may still be told of."""
        self._due: set[str] = set()
        self._told: dict[str, deque[Work]] = {}
        """What is to be done for each call, one after the other, before it is looked at."""
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._alarms: dict[str, asyncio.TimerHandle] = {}
        self._unwilling: dict[str, bool] = {}
        """What a recorder did not want to be told: it is not told so again."""

    # What is told.

    def committed(self, batch: list[Committed]) -> None:
        """Rows have changed."""
        if not self._recorders and not self._calls:
            return
        for committed in batch:
            for table, old, new in committed.entry.deltas:
                if new is not None and _matters(table, old, new):
                    self.look(new["id"])

    def heard(self, event: sip.Event) -> bool:
        """Whether an event of the line was about a session with a recorder."""
        session = getattr(event, "dialog_id", "")
        call = self._calls.get(session)
        if call is None:
            return False
        match event:
            case sip.Accepted(sdp=body) | sip.Renegotiated(sdp=body):
                self._do(call, lambda: self._agreed(session, body or b""))
            case sip.NotRenegotiated(status=status):
                self._house.note("a recorder does not agree", session=session, status=status)
                self._do(call, lambda: self._unmoved(session))
            case sip.Offered(sdp=body, method=method):
                self._do(call, lambda: self._answer(session, body, method))
            case sip.MetadataAsked():
                self._do(call, lambda: self._tell(session))
            case sip.Rejected(status=status):
                self._gone(session, call, f"refused with {status}")
            case sip.Failed(reason=reason) | sip.HungUp(reason=reason):
                self._gone(session, call, reason)
            case _:
                pass
        return True

    def _gone(self, session: str, call: str, why: str) -> None:
        """Its dialog is over; its legs may be told of for a moment."""
        self._do(call, lambda: self._left(session, why))
        self._later(f"forget/{session}", FORGET_S, lambda: self._calls.pop(session, None))

    # After a restart.

    async def recall(self) -> None:
        """Know the sessions of before, so that nothing told of them is anybody else's."""
        for row in await self._unfinished():
            self._calls[row.id] = row.call

    async def resume(self) -> None:
        """Go on where a dead process stopped."""
        for row in await self._unfinished():
            dialog = self._dialogs.get(row.id)
            is_there = dialog is not None and dialog.status != TERMINATED
            if row.state is SessionState.OVER and is_there:
                self._hang_up(row.id)
            elif row.state is SessionState.UP and not is_there:
                await self._left(row.id, "gone while the node was down")
            elif row.state is SessionState.ORDERED and _is_answered(dialog):
                await self._agreed(row.id, self._dialogs[row.id].remote_sdp)
            if row.state is SessionState.UP:
                self._probe_later(row.id)
        for state in (RecordingState.OPEN, RecordingState.SUSPENDED):
            for recording in await self._house.store.reader.rows(Recording, state=state):
                self.look(recording.id)

    async def _unfinished(self) -> list[RecordingSession]:
        """The sessions that go on, and those whose goodbye was not answered yet."""
        reader = self._house.store.reader
        found = [
            *await reader.rows(RecordingSession, state=SessionState.ORDERED),
            *await reader.rows(RecordingSession, state=SessionState.UP),
        ]
        for dialog in self._dialogs:
            found += await reader.rows(RecordingSession, id=dialog, state=SessionState.OVER)
        return found

    async def media_came(self, process: int, there: dict[str, Any]) -> None:
        """A link to a media process: what it should have of ours. Takes ours out of `there`."""
        for session, call in list(self._calls.items()):
            for leg in await self._taps.of(session):
                if leg.process != process:
                    continue
                there.pop(leg.id, None)
                rows = await self._house.store.reader.rows(RecordingSession, id=session)
                if rows[0].state is SessionState.OVER:
                    self._taps.close(session)
                    continue
                try:
                    await self._taps.open(leg)
                except MediaUnavailable as error:
                    self._house.note("media was lost again", call=call, why=named(error))

    def has(self, leg: str) -> bool:
        """Whether a leg carries a voice to a recorder."""
        return leg.rpartition(".")[0] in self._calls

    async def idle(self) -> None:
        """Wait until nothing is due."""
        while self._tasks:
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    # What is done.

    def look(self, call: str) -> None:
        """Something may be due for a call."""
        if self._house.sip is None:
            return  # `resume` looks at all of them.
        self._due.add(call)
        if call not in self._tasks:
            self._tasks[call] = asyncio.get_running_loop().create_task(self._work(call))

    def _do(self, call: str, work: Work) -> None:
        """Have it done in its turn: what a recorder tells must not hold up calls."""
        self._told.setdefault(call, deque()).append(work)
        self.look(call)

    async def _work(self, call: str) -> None:
        """One thing at a time for a call, so that none is opened which was just closed."""
        while call in self._due:
            self._due.discard(call)
            try:
                while told := self._told.get(call):
                    await told.popleft()()
                await self._follow(call)
            except Exception as error:
                # What goes wrong with a recorder is the operator's to know, and no call's end.
                self._house.note("a recorder could not be served", call=call, error=named(error))
        self._told.pop(call, None)
        del self._tasks[call]

    async def _follow(self, call: str) -> None:
        reader = self._house.store.reader
        calls = await reader.rows(Call, id=call)
        recordings = await reader.rows(Recording, id=call)
        sessions = await reader.rows(RecordingSession, call=call)
        row, recording = next(iter(calls), None), next(iter(recordings), None)
        for name in {*self._recorders, *(session.recorder for session in sessions)}:
            last, now = rules.latest(sessions, name), self._house.clock()
            recorder = self._recorders.get(name)
            step = rules.step(row, recording, last, now)
            if recorder is None or (last is not None and await self._is_apart(last)):
                step = Step.END if _goes_on(last) else Step.NOTHING
            await self._take(step, call, recorder, last)

    async def _take(
        self, step: Step, call: str, recorder: Recorder | None, last: RecordingSession | None
    ) -> None:
        match step:
            case Step.BEGIN if recorder is not None:
                await self._begin(call, recorder)
            case Step.WAIT if last is not None and last.retry_us is not None:
                wait_s = max(0, last.retry_us - self._house.clock()) / 1e6
                self._later(f"retry/{call}/{last.recorder}", wait_s, lambda: self.look(call))
            case Step.INVITE if last is not None and last.id not in self._dialogs:
                await self._invite(last.id)
            case Step.TELL if last is not None and recorder is not None:
                is_open = not last.is_sending
                if self._unwilling.get(last.id) != is_open:
                    await self._tell(last.id)
            case Step.END if last is not None:
                moved = recorder is not None and await self._is_apart(last)
                await self._end(last, "the call went to another media process" if moved else "")
            case _:
                return

    async def _is_apart(self, session: RecordingSession) -> bool:
        """Whether the call is at another media process than what carries its voices."""
        if not _goes_on(session):
            return False
        here = self._house.media.process_of(session.call)
        return any(leg.process != here for leg in await self._taps.of(session.id))

    async def _begin(self, call: str, recorder: Recorder) -> None:
        try:
            session = await self._house.surely(recorder_invited, call, recorder=recorder.name)
        except Refused:
            return  # It was closed meanwhile, or is over.
        self._calls[session] = call
        await self._invite(session)

    async def _invite(self, session: str) -> None:
        """Call the recorder: the streams and what is in them, in one INVITE."""
        found = await self._standing(session)
        if found is None:
            return
        row, call, recording, recorder = found
        try:
            legs = await self._taps.plan(row, recorder)
            route = await self._house.route_to_recorder(recorder)
            peer = route.hops[0].address.host
            # What was open when this was ordered may have been closed since: then nobody is told.
            if (found := await self._standing(session)) is None:
                return
            row, call, recording, recorder = found
            if recording.state is not RecordingState.OPEN:
                await self._left(session, "closed before it was called")
                return
            voices = self._taps.voices(legs, recorder, peer, SENDONLY)
            began = self._house.clock() // 1_000_000
            self._sip.do(
                lambda ua, now: ua.invite(
                    route.uri or recorder.uri,
                    siprec.offered(voices, began, 1),
                    route.from_uri,
                    route.hops,
                    now,
                    headers=(*route.headers, ("Require", "siprec"), ("Accept", siprec.ACCEPT)),
                    trunk=route.trunk,
                    dialog_id=session,
                    enclosed=telling.enclosed(self._house, call, recording, row),
                    features=siprec.FEATURES,
                )
            )
            await self._sip.flushed()
        except (Refused, ValueError) as why:
            await self._left(session, f"no way leads to the recorder: {named(why)}")
        except MediaUnavailable:
            await self._left(session, "no media process")

    async def _agreed(self, session: str, body: bytes) -> None:
        """The recorder has answered an offer of ours."""
        found = await self._standing(session)
        dialog = self._dialogs.get(session)
        if found is None or dialog is None:
            self._hang_up(session)
            return
        row, call, _, recorder = found
        try:
            answers = siprec.accepted(body, dialog.local_sdp, recorder.codecs)
        except sdp.SdpError:
            answers = ()
        if not any(answers):
            self._hang_up(session)
            await self._left(session, "no codec in common")
            return
        is_sending = _says_sending(dialog)
        await self._run(row, answers, is_sending)
        self._probe_later(session)
        self.look(call.id)

    async def _run(
        self,
        row: RecordingSession,
        answers: tuple[sdp.AudioParameters | None, ...],
        is_sending: bool,
    ) -> None:
        """Have the streams run as both sides have agreed; the rows first."""
        known = await self._taps.of(row.id)
        legs = [await self._taps.agreed(*pair) for pair in zip(known, answers, strict=True)]
        try:
            await self._house.surely(
                recorder_agreed,
                row.call,
                session=row.id,
                legs=tuple(legs),
                is_sending=is_sending,
            )
        except Refused:
            return  # It is over meanwhile.
        with suppress(MediaUnavailable):  # Its successor will be told.
            for leg in legs:
                await self._taps.open(leg)

    async def _tell(self, session: str) -> None:
        """Offer again, with a snapshot of what is now: the gate was closed, or opened again."""
        found = await self._standing(session)
        dialog = self._dialogs.get(session)
        if found is None or dialog is None or dialog.status != CONFIRMED:
            return
        row, call, recording, recorder = found
        is_open = recording.state is RecordingState.OPEN
        ends = not is_open and recorder.when_closed == INACTIVE
        direction = NOTHING_SENT if ends else SENDONLY
        legs = await self._taps.of(session)
        voices = self._taps.voices(legs, recorder, dialog.destination_host, direction)
        body = siprec.offered(voices, 0, 0, before=dialog.local_sdp)
        enclosed = telling.enclosed(self._house, call, recording, row)
        self._unwilling.pop(session, None)
        self._sip.do(lambda ua, now: ua.reoffer(session, body, now, enclosed=enclosed))

    async def _unmoved(self, session: str) -> None:
        """It did not want to be told. Its streams are silent all the same."""
        rows = await self._house.store.reader.rows(RecordingSession, id=session)
        if rows:
            self._unwilling[session] = not rows[0].is_sending

    async def _answer(self, session: str, body: bytes | None, method: str) -> None:
        """The recorder offers: other addresses, or that it does not listen for now."""
        found = await self._standing(session)
        dialog = self._dialogs.get(session)
        if found is None or dialog is None:
            return
        row, _, _, recorder = found
        legs = await self._taps.of(session)
        ended = not row.is_sending and recorder.when_closed == INACTIVE
        direction = NOTHING_SENT if ended else SENDONLY
        voices = self._taps.voices(legs, recorder, dialog.destination_host, direction)
        try:
            if body is None:
                answer = siprec.offered(voices, 0, 0, before=dialog.local_sdp)
            else:
                answer, answers = siprec.answered(body, voices, dialog.local_sdp)
                await self._run(row, answers, row.is_sending)
        except sdp.SdpError:
            self._sip.do(lambda ua, now: ua.disagree(session, method, now))
            return
        self._sip.do(lambda ua, now: ua.agree(session, method, answer, now))

    async def _end(self, session: RecordingSession, why: str) -> None:
        """Say goodbye; `why` where another session is to follow."""
        self._hang_up(session.id)
        await self._left(session.id, why or "the call is over", again=bool(why))

    async def _left(self, session: str, why: str, again: bool = True) -> None:
        """A session is over; the call goes on."""
        self._taps.close(session)
        self._unwilling.pop(session, None)
        self._stop(f"probe/{session}")
        call = self._calls.get(session, "")
        try:
            await self._house.surely(recorder_left, call, session=session, why=why, again=again)
        except Refused:
            return  # It was over before: this is the answer to our BYE.
        if again:
            self._house.note("a recorder has left", call=call, session=session, why=why)
            self.look(call)

    async def _standing(
        self, session: str
    ) -> tuple[RecordingSession, Call, Recording, Recorder] | None:
        """A session that goes on, and what it is about."""
        reader = self._house.store.reader
        rows = await reader.rows(RecordingSession, id=session)
        if not rows or rows[0].state is SessionState.OVER:
            return None
        row = rows[0]
        calls = await reader.rows(Call, id=row.call)
        recordings = await reader.rows(Recording, id=row.call)
        recorder = self._recorders.get(row.recorder)
        if not calls or not recordings or recorder is None:
            return None
        return row, calls[0], recordings[0], recorder

    def _hang_up(self, session: str) -> None:
        self._sip.do(lambda ua, now: ua.bye(session, now))

    # Time.

    def _probe_later(self, session: str) -> None:
        self._later(f"probe/{session}", PROBE_S, lambda: self._probe(session))

    def _probe(self, session: str) -> None:
        dialog = self._dialogs.get(session)
        if dialog is not None and dialog.status == CONFIRMED:
            self._sip.do(lambda ua, now: ua.probe(session, now))
            self._probe_later(session)

    def _later(self, name: str, wait_s: float, what: Callable[[], object]) -> None:
        """One alarm of a name; a later one takes its place."""
        self._stop(name)
        loop = asyncio.get_running_loop()
        self._alarms[name] = loop.call_later(wait_s, self._rung, name, what)

    def _rung(self, name: str, what: Callable[[], object]) -> None:
        del self._alarms[name]
        what()

    def _stop(self, name: str) -> None:
        if (alarm := self._alarms.pop(name, None)) is not None:
            alarm.cancel()

    @property
    def _sip(self) -> SipEndpoint:
        assert self._house.sip is not None, "recorders are called once the line is open"
        return self._house.sip


def _goes_on(session: RecordingSession | None) -> bool:
    return session is not None and session.state is not SessionState.OVER


def _is_answered(dialog: DialogState | None) -> bool:
    return dialog is not None and dialog.status == CONFIRMED


def _matters(table: str, old: dict[str, Any] | None, new: dict[str, Any]) -> bool:
    """Whether a change of a row may mean something to a recorder; its id is the call's."""
    if table == "recording":
        return True
    if table == "call":
        return bool(new["state"] == CallState.ENDED.value)
    moved = old is not None and old.get("process") != new.get("process")
    return table == "leg" and new["id"] == new["call"] and moved


def _says_sending(dialog: DialogState) -> bool:
    """Whether what the recorder last agreed to says that voices are in the streams."""
    return b"<disassociate-time>" not in dialog.enclosed
