"""The doors over a real store, and clients which prove who they are."""

import base64
import itertools
from dataclasses import dataclass, field
from typing import Any

from httpx2 import ASGITransport, AsyncClient, Response

from runtime import canonical
from runtime.identities import signing
from runtime.log_key import ORIGIN
from runtime.store import Store
from tests.runtime.identities.people import Person
from web.app import Desk, application

SECRET = bytes([7]) * 32


@dataclass
class Door:
    """A client of the application; `now` is the door's clock, as far as a test turned it."""

    store: Store
    now: int = 1_700_000_000_000_000
    secret: bytes = SECRET
    client: AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        draws = itertools.count(1)
        self.desk = Desk(
            self.store,
            lambda: True,
            lambda: self.now,
            lambda size: next(draws).to_bytes(size, "big"),
            self.secret,
        )
        transport = ASGITransport(application(self.desk))
        self.client = AsyncClient(transport=transport, base_url="http://parley")

    async def post(
        self, reducer: str, args: Any, headers: dict[str, str], scope: str | None = None
    ) -> Response:
        body = canonical.encode({"args": args, "scope": scope})
        return await self.client.post(f"/v1/actions/{reducer}", content=body, headers=headers)

    async def signed(
        self, who: Person, reducer: str, key: str = "k1", scope: str | None = None, **args: Any
    ) -> Response:
        signature = who.sign(reducer, f"{who.id}/{key}", args, scope)
        return await self.post(reducer, args, signed_headers(who, key, signature), scope)

    async def log_in(self, who: Person) -> "Session":
        made = await self.client.post("/v1/challenges")
        challenge = made.json()["challenge"]
        answer = await self.client.post("/v1/logins", json=login_body(who, challenge))
        assert answer.status_code == 201, answer.text
        found = answer.json()
        return Session(self, who, found["login"], base64.b64decode(found["mac_key"]))


@dataclass(frozen=True)
class Session:
    """A login and its key."""

    door: Door
    who: Person
    login: str
    key: bytes

    def mac(self, reducer: str, key: str, args: Any, scope: str | None = None) -> str:
        request = f"{self.who.id}/{key}"
        data = signing.message(
            ORIGIN, self.who.id, reducer, scope=scope, request=request, args=args
        )
        return signing.mac(self.key, data)

    async def act(self, reducer: str, key: str = "k1", **args: Any) -> Response:
        headers = mac_headers(self.login, key, self.mac(reducer, key, args))
        return await self.door.post(reducer, args, headers)


def login_body(who: Person, challenge: str) -> dict[str, str]:
    signature = who.sign("runtime.login_opened", f"{who.id}/{challenge}", {"challenge": challenge})
    return {"identity": who.id, "challenge": challenge, "signature": signature}


def signed_headers(who: Person, key: str, signature: str) -> dict[str, str]:
    return {
        "Idempotency-Key": key,
        "Parley-Identity": who.id,
        "Parley-Signature": signature,
    }


def mac_headers(login: str, key: str, mac: str) -> dict[str, str]:
    return {"Idempotency-Key": key, "Parley-Login": login, "Parley-MAC": mac}
