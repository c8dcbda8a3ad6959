"""POST /v1/actions/{reducer}: one action, signed or under a login."""

from fastapi import APIRouter, Request, Response

from runtime import canonical
from web import authentication
from web.acting import act
from web.asking import asked, body_of
from web.desk import Desk

_BODY = {
    "requestBody": {
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "scope": {"type": "string", "nullable": True},
                        "args": {"type": "object"},
                    },
                }
            }
        }
    }
}


def routes(desk: Desk) -> APIRouter:
    """The route."""
    router = APIRouter()

    @router.post("/v1/actions/{reducer}", openapi_extra=_BODY)
    async def action(reducer: str, request: Request) -> Response:
        """Have a reducer run; the answer comes when it is on disk, as {result, seq}.

        The Idempotency-Key header names the action: asked again, it is answered again and done
        once. Parley-Identity and Parley-Signature, or Parley-Login and Parley-MAC, say who asks.
        """
        wanted = asked(reducer, request.headers.get("Idempotency-Key"), await body_of(request))
        caller = await authentication.by_headers(desk, request.headers, wanted)
        answer = await act(desk, caller, wanted)
        told = {"result": answer.result, "seq": answer.seq}
        return Response(canonical.encode(told), media_type="application/json")

    return router
