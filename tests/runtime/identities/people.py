"""Identities for tests, with keys of their own; and reducers for each kind of sender."""

from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from runtime import Context, Refused, reducer, table
from runtime.identities import rules, signing
from runtime.identities.reducers import identity_activated, identity_registered
from runtime.identities.rules import Kind
from runtime.log_key import ORIGIN
from runtime.store import Store


@table(name="note")
class Note:
    """What somebody noted."""

    id: str
    by: str
    text: str


@reducer(by=("*",))
def noted(ctx: Context, text: str, tags: list[str] | None = None, data: bytes = b"") -> str:
    """Anybody may note something."""
    if text == "nonsense":
        raise Refused("that is nonsense")
    said = text + "".join(tags or [])
    return ctx.table(Note).insert(Note(id=ctx.new_id("note"), by=ctx.sender, text=said)).id


@reducer(by=("supervisor",), signed=True)
def approved(ctx: Context, call: str, cents: int) -> str:
    """A supervisor has to sign this."""
    return ctx.table(Note).insert(Note(id=ctx.new_id("note"), by=ctx.sender, text=call)).id


@reducer
def kept(ctx: Context, text: str) -> str:
    """Nobody outside this process may do this."""
    return ctx.table(Note).insert(Note(id=ctx.new_id("note"), by=ctx.sender, text=text)).id


class Person:
    """Somebody with a key. The same `number` is the same key."""

    def __init__(self, number: int, *roles: str) -> None:
        self.key = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
        self.public = self.key.public_key().public_bytes_raw()
        self.id = rules.id_of(self.public)
        self.roles = roles

    async def register(self, store: Store) -> "Person":
        await store.act(
            identity_registered,
            sender="operator",
            kind=Kind.PERSON,
            key=self.public,
            roles=self.roles,
            belongs_to="",
            name=f"person {self.id}",
        )
        await store.act(identity_activated, sender="operator", identity=self.id)
        return self

    def sign(
        self,
        reducer: str,
        request: str,
        args: dict[str, Any],
        scope: str | None = None,
        origin: str = ORIGIN,
    ) -> str:
        """The signature of one action; `request` as it stands in the log."""
        data = signing.message(origin, self.id, reducer, scope=scope, request=request, args=args)
        return signing.sign(self.key, data)

    def proof(self, signature: str) -> signing.Proof:
        return signing.proof_of(self.id, self.public, signature)
