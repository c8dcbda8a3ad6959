"""WS /v1/live: a session in which actions are answered in the order they were asked.

The server begins with {"challenge", "log"}. The client answers {"login", "mac"}, the MAC over
the action "live" with the challenge as its idempotency key; then {"ready": identity} comes. From
then on it sends {"act": reducer, "request": its own name for it, "scope", "args"} and, where the
reducer wants it, "signature". Each is answered {"request", "result", "seq"}, or {"request",
"error", "why"}. The session is closed with 4000 and the status that HTTP has for the reason.
"""

import asyncio
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from runtime import canonical
from runtime.errors import Refused
from runtime.log_key import ORIGIN
from web import authentication, challenges
from web.acting import act
from web.asking import Asked, asked, parsed, text_of
from web.authentication import Caller
from web.desk import Desk
from web.endings import Endings, finish
from web.problems import Problem, bad_request, not_authenticated, problem_of

SESSIONS_MAX = 1_000
ENTER_SECONDS_MAX = 10.0
WAITING_MAX = 64
"""Actions of one session that wait for their answer; until one has it we read no further."""
CLOSE_REASON_BYTES_MAX = 123
"""RFC 6455 section 5.5: a control frame carries 125 bytes, two of them the code."""
CLOSE_BASE = 4_000
"""Closed because of an HTTP status: this and the status."""
FORBIDDEN = 403

ENTRANCE = "live"
"""Stands for the reducer in what opens a session; no reducer is called so."""

_MEMBERS = {"act", "request", "scope", "args", "signature"}
_Answers = asyncio.Queue["asyncio.Task[dict[str, Any]]"]


def routes(desk: Desk) -> APIRouter:
    """The route."""
    router = APIRouter()
    endings = Endings(desk.store)
    # One event loop: a number that is changed between two awaits needs no lock.
    seats = asyncio.Semaphore(SESSIONS_MAX)

    @router.websocket("/v1/live")
    async def live(socket: WebSocket) -> None:
        await socket.accept()
        try:
            if seats.locked():
                raise Problem(503, "busy", "too many sessions are open: try again later")
            async with seats:
                await _session(desk, endings, socket)
        except WebSocketDisconnect:
            return
        except (Problem, Refused) as error:
            await _close(socket, problem_of(error))

    return router


async def _session(desk: Desk, endings: Endings, socket: WebSocket) -> None:
    """Until the client goes. Raises Problem, or Refused, where the session has to end."""
    challenge = challenges.issue(desk.secret, desk.entropy(challenges.NONCE_BYTES), desk.clock())
    await _send(socket, {"challenge": challenge, "log": ORIGIN})
    try:
        async with asyncio.timeout(ENTER_SECONDS_MAX):
            entrance = parsed(await _receive(socket))
    except TimeoutError as error:
        raise not_authenticated("say who you are, as the first thing") from error
    login, mac = text_of(entrance, "login"), text_of(entrance, "mac")
    with endings.of(login) as end:
        caller = await authentication.by_login(
            desk, login, mac, Asked(ENTRANCE, None, {}, challenge)
        )
        left_s = max(0, caller.until_us - desk.clock()) / 1e6
        timer = asyncio.get_running_loop().call_later(
            left_s, finish, end, "the login has expired: log in again"
        )
        try:
            await _send(socket, {"ready": caller.identity.id})
            await _converse(desk, caller, socket, end)
        finally:
            timer.cancel()


async def _converse(
    desk: Desk, caller: Caller, socket: WebSocket, end: "asyncio.Future[str]"
) -> None:
    answers: _Answers = asyncio.Queue(WAITING_MAX)
    reading = asyncio.create_task(_read(desk, caller, socket, answers))
    answering = asyncio.create_task(_answer(socket, answers))
    ends: list[asyncio.Future[Any]] = [reading, answering, end]
    try:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if end.done():
            raise Problem(FORBIDDEN, "not_allowed", end.result())
        await (reading if reading.done() else answering)
    finally:
        # What was asked and not yet answered stands or not: asked again, it is told.
        ends += [answers.get_nowait() for _ in range(answers.qsize())]
        for one in ends:
            one.cancel()
        await asyncio.gather(*ends, return_exceptions=True)


async def _read(desk: Desk, caller: Caller, socket: WebSocket, answers: _Answers) -> None:
    while True:
        text = await _receive(socket)
        # Tasks begin in the order they were made, and so do their actions.
        await answers.put(asyncio.create_task(_take(desk, caller, text)))


async def _answer(socket: WebSocket, answers: _Answers) -> None:
    while True:
        await _send(socket, await (await answers.get()))


async def _take(desk: Desk, caller: Caller, text: str) -> dict[str, Any]:
    """The answer to one message, whatever happens."""
    request: Any = None
    try:
        found = parsed(text)
        request = found.get("request")
        return {"request": request, **await _act(desk, caller, found)}
    except Exception as error:  # It is answered to its sender, and the session goes on.
        problem = problem_of(error)
        if problem.status == 500:
            loop = asyncio.get_running_loop()
            loop.call_exception_handler({"message": "an action failed", "exception": error})
        return {"request": request if isinstance(request, str) else None, **problem.told()}


async def _act(desk: Desk, caller: Caller, found: dict[str, Any]) -> dict[str, Any]:
    unknown = sorted(found.keys() - _MEMBERS)
    if unknown:
        raise bad_request(f"{unknown[0]!r} is not known: send {', '.join(sorted(_MEMBERS))}")
    rest = {name: value for name, value in found.items() if name in {"scope", "args"}}
    wanted = asked(text_of(found, "act"), found.get("request"), rest)
    if "signature" in found:
        caller = authentication.signed(caller.identity, text_of(found, "signature"), wanted)
    else:
        wanted.message(caller.identity.id)  # What a signer could not sign, nobody may ask for.
    answer = await act(desk, caller, wanted)
    return {"result": answer.result, "seq": answer.seq}


async def _receive(socket: WebSocket) -> str:
    """The next text. Raises WebSocketDisconnect, and Problem for what is no text."""
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message["code"])
    text = message.get("text")
    if not isinstance(text, str):
        raise bad_request("send text: JSON")
    return text


async def _send(socket: WebSocket, told: dict[str, Any]) -> None:
    await socket.send_text(canonical.encode(told).decode())


async def _close(socket: WebSocket, problem: Problem) -> None:
    reason = str(problem).encode()[:CLOSE_REASON_BYTES_MAX].decode(errors="ignore")
    await socket.close(CLOSE_BASE + problem.status, reason)
