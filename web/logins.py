"""Logging in: one signature over a challenge, then a MAC for each action; and logging out."""

import base64
from typing import Any

from fastapi import APIRouter, Request

from runtime.identities import signing
from runtime.identities.tables import Login
from runtime.log_key import ORIGIN
from web import authentication, challenges
from web.acting import act
from web.asking import Asked, body_of, checked_key, text_of
from web.desk import Desk
from web.problems import not_authenticated

OPENED, ENDED = "runtime.login_opened", "runtime.login_ended"


def routes(desk: Desk) -> APIRouter:
    """The routes."""
    router = APIRouter()

    @router.post("/v1/challenges", status_code=201)
    async def challenge() -> dict[str, str]:
        """Something to sign, good for a minute; and the log that the signature is for."""
        nonce = desk.entropy(challenges.NONCE_BYTES)
        return {"challenge": challenges.issue(desk.secret, nonce, desk.clock()), "log": ORIGIN}

    @router.post("/v1/logins", status_code=201)
    async def log_in(request: Request) -> dict[str, Any]:
        """{identity, challenge, signature} for a login and its MAC key.

        What is signed is the action `runtime.login_opened` with the challenge as its argument
        and as its idempotency key. Over plain HTTP the key is there for all to see: use TLS.
        """
        found = await body_of(request)
        given = text_of(found, "challenge")
        if not challenges.is_good(desk.secret, given, desk.clock()):
            raise not_authenticated("the challenge is not ours, or too old: get a new one")
        wanted = Asked(OPENED, None, {"challenge": given}, checked_key(given))
        identity, signature = text_of(found, "identity"), text_of(found, "signature")
        caller = await authentication.by_signature(desk, identity, signature, wanted)
        answer = await act(desk, caller, wanted)
        rows = await desk.store.reader.rows(Login, id=answer.result)
        if not rows:
            raise not_authenticated("this login is over: get a new challenge")
        key = signing.mac_key(desk.secret, rows[0].id)
        return {
            "login": rows[0].id,
            "mac_key": base64.b64encode(key).decode(),
            "expires_us": rows[0].expires_us,
        }

    @router.delete("/v1/logins/{login}")
    async def log_out(login: str, request: Request) -> dict[str, int]:
        """End a login: the action `runtime.login_ended`, authenticated like any action."""
        key = checked_key(request.headers.get("Idempotency-Key"))
        wanted = Asked(ENDED, None, {"login": login}, key)
        caller = await authentication.by_headers(desk, request.headers, wanted)
        return {"seq": (await act(desk, caller, wanted)).seq}

    return router
