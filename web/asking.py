"""What a client asks for, parsed: nothing of it is believed before."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from fastapi import Request
from starlette.requests import ClientDisconnect

from runtime import canonical
from runtime.identities import signing
from runtime.log_key import ORIGIN
from web.problems import Problem, bad_request

BODY_BYTES_MAX = 256 * 1024
BODY_SECONDS_MAX = 10.0
KEY_CHARACTERS_MAX = 128
SCOPE_CHARACTERS_MAX = 128


@dataclass(frozen=True, slots=True)
class Asked:
    """One action. `key` is the client's own name for it: asked again, it is done once."""

    reducer: str
    scope: str | None
    args: dict[str, Any]
    key: str

    def request(self, identity: str) -> str:
        """The request id in the log: keys of two identities never meet."""
        return f"{identity}/{self.key}"

    def message(self, identity: str) -> bytes:
        """What this identity signs to ask for it. Raises Problem for what nobody could sign."""
        try:
            return signing.message(
                ORIGIN,
                identity,
                self.reducer,
                scope=self.scope,
                request=self.request(identity),
                args=self.args,
            )
        except (ValueError, TypeError) as error:
            raise bad_request(str(error)) from error


def asked(reducer: str, key: str | None, found: Mapping[str, Any]) -> Asked:
    """From `{"scope", "args"}`, both of them optional. Raises Problem."""
    unknown = sorted(found.keys() - {"scope", "args"})
    if unknown:
        raise bad_request(f"{unknown[0]!r} is not known: send scope and args")
    scope, args = found.get("scope"), found.get("args", {})
    if scope is not None and (not isinstance(scope, str) or len(scope) > SCOPE_CHARACTERS_MAX):
        raise bad_request(f"scope is text of at most {SCOPE_CHARACTERS_MAX} characters")
    if not isinstance(args, dict):
        raise bad_request("args is an object: one member for each argument")
    return Asked(reducer, scope, cast("dict[str, Any]", args), checked_key(key))


def checked_key(key: object) -> str:
    """Raises Problem where the request has no usable name."""
    if not isinstance(key, str) or not key:
        raise bad_request(
            "an action needs a name of yours, so that a retry is not done twice:"
            " send the Idempotency-Key header (or `request`, on /v1/live)"
        )
    if len(key) > KEY_CHARACTERS_MAX or not (key.isascii() and key.isprintable()):
        raise bad_request(f"an idempotency key is at most {KEY_CHARACTERS_MAX} plain characters")
    return key


def text_of(found: Mapping[str, Any], name: str) -> str:
    """A member that must be there and be text. Raises Problem."""
    value = found.get(name)
    if not isinstance(value, str):
        raise bad_request(f"{name!r} is missing, or no text")
    return value


def parsed(data: bytes | str) -> dict[str, Any]:
    """A JSON object as the log has it: whole numbers, bytes as {"$bytes": base64}."""
    try:
        found = canonical.decode(data.encode() if isinstance(data, str) else data)
    except ValueError as error:
        raise bad_request(f"this is not JSON as we take it: {error}") from error
    if not isinstance(found, dict):
        raise bad_request("this is not a JSON object")
    return cast("dict[str, Any]", found)


async def body_of(request: Request) -> dict[str, Any]:
    """The JSON object of a request, `{}` where it has no body. Raises Problem."""
    data = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            async for part in request.stream():
                data += part
                if len(data) > BODY_BYTES_MAX:
                    raise Problem(413, "too_large", f"a body has at most {BODY_BYTES_MAX} bytes")
    except TimeoutError as error:
        raise Problem(408, "too_slow", f"a body takes at most {BODY_SECONDS_MAX} s") from error
    except ClientDisconnect as error:
        raise bad_request("the body ended before its end") from error
    return parsed(bytes(data)) if data else {}
