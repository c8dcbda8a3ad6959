"""HTTP: is it alive, is it ready, which calls are there; and the doors for actions."""

import socket
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, PlainTextResponse

from runtime.errors import Refused, StoreBroken
from sessions.tables import Call, CallState
from web import actions, live, logins
from web.asking import BODY_BYTES_MAX
from web.desk import Desk
from web.problems import Problem, problem_of

__all__ = ["Desk", "application", "serve", "server"]

MEDIA_COUNTERS = ("late_ticks", "missed_ticks", "received", "sent", "unsent", "flooded")
CALLS_LISTED_MAX = 1_000


def application(desk: Desk) -> FastAPI:
    """The routes."""
    app = FastAPI(title="Parley", version="1")

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Alive."""
        return {"status": "alive"}

    @app.get("/readyz")
    async def readyz() -> dict[str, bool]:
        """The store answers, the media process is attached; 503 while not, or while it drains."""
        await desk.store.reader.sql("SELECT 1")
        if not desk.media_attached():
            raise HTTPException(503, "the media process is not attached")
        if desk.is_draining():
            raise HTTPException(503, "the server drains: it takes no new calls and will stop")
        return {"store": True, "sip": True, "media": True}

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> str:
        """Prometheus text."""
        rows = await desk.store.reader.sql("SELECT state, count(*) FROM call GROUP BY state")
        counts = {state.value: 0 for state in CallState} | dict(rows)
        (size,) = (await desk.store.reader.sql("SELECT coalesce(max(seq), 0) FROM log"))[0]
        lines = ["# TYPE parley_calls gauge"]
        lines += [f'parley_calls{{state="{state}"}} {n}' for state, n in sorted(counts.items())]
        lines += ["# TYPE parley_log_entries counter", f"parley_log_entries {size}"]
        for name in MEDIA_COUNTERS:
            lines.append(f"# TYPE parley_media_{name} counter")
            for process, stats in sorted(desk.media_stats.items()):
                lines.append(f'parley_media_{name}{{process="{process}"}} {stats[name]}')
        lines.append("# TYPE parley_media_unacknowledged gauge")
        for process, stats in sorted(desk.media_stats.items()):
            lines.append(f'parley_media_unacknowledged{{process="{process}"}} {stats["kept"]}')
        lines.append("# TYPE parley_media_tick_microseconds gauge")
        for process, stats in sorted(desk.media_stats.items()):
            for part, us in stats["tick_us"].items():
                labels = f'process="{process}",part="{part}"'
                lines.append(f"parley_media_tick_microseconds{{{labels}}} {us}")
        return "\n".join(lines) + "\n"

    @app.get("/v1/calls")
    async def calls() -> list[dict[str, Any]]:
        """The newest calls, without what was said in them."""
        rows = await desk.store.reader.sql(
            "SELECT id, state, offered_us, answered_us, ended_us, ended_by FROM call"
            " ORDER BY offered_us DESC LIMIT ?",
            [CALLS_LISTED_MAX],
        )
        names = ("id", "state", "offered_us", "answered_us", "ended_us", "ended_by")
        return [dict(zip(names, row, strict=True)) for row in rows]

    @app.get("/v1/calls/{call}")
    async def one_call(call: str) -> dict[str, Any]:
        """One call, without what was said in it."""
        rows = await desk.store.reader.rows(Call, id=call)
        if not rows:
            raise HTTPException(404, f"there is no call {call}")
        row = rows[0]
        return {"id": row.id, "state": row.state, "agent": row.agent, "ended_by": row.ended_by}

    for routes in (logins.routes, actions.routes, live.routes):
        app.include_router(routes(desk))
    for kind in (Problem, Refused, StoreBroken):
        app.add_exception_handler(kind, _no)
    return app


async def _no(_: Request, error: Exception) -> JSONResponse:
    """What the rules, or the door, say no to."""
    problem = problem_of(error)
    return JSONResponse(problem.told(), problem.status, problem.headers)


def server(desk: Desk) -> uvicorn.Server:
    """What serves the routes, with every limit on what it takes."""
    config = uvicorn.Config(
        application(desk),
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="websockets-sansio",
        ws_max_size=BODY_BYTES_MAX,
        # A few bytes that unpack to many would slip past the limit above.
        ws_per_message_deflate=False,
    )
    return uvicorn.Server(config)


async def serve(desk: Desk, bound: socket.socket) -> None:
    """Serve on a socket that the keeper bound, until the process ends."""
    await server(desk).serve(sockets=[bound])
