"""What an operator can have done with the line: calling somebody, on a basis that is recorded."""

from collections.abc import Awaitable, Callable
from typing import Any

from consent.bases import basis_recorded, basis_withdrawn
from consent.policy.terms import BasisKind
from consent.reducers import TRACKS
from consent.tables import Basis
from parley.asked import OPERATOR, Args, Misused, request_of, text
from parley.voting import policies_set
from runtime.errors import Refused
from runtime.keystore import KeyDestroyed
from runtime.store import Store
from sessions.consult_reducers import supervision_dialled
from sessions.emergency_reducers import emergency_declared
from sessions.house import House
from sessions.outbound import call_dialled
from sessions.parties import callable_uri, is_same
from telephony.bridge import Part

SUPERVISING = {"listen": Part.LISTENS, "whisper": Part.WHISPERS, "barge": Part.BARGES}
DAYS_MAX = 3_650
DAY_US = 86_400_000_000


async def needs_a_server(store: Store, asked: Args) -> dict[str, Any]:
    """Without a server there is no line, and nobody who may make keys."""
    raise Refused("no server runs on this data: start one with `parley serve`")


async def basis_withdraw(store: Store, asked: Args) -> dict[str, Any]:
    """Nobody is called on it any more: id."""
    basis, request = text(asked, "id"), request_of(asked, "withdrawn")
    await store.act(basis_withdrawn, sender=OPERATOR, request=request, basis=basis)
    return {"basis": basis}


class Calling:
    """Operations of a running server."""

    def __init__(self, house: House) -> None:
        self._house = house

    @property
    def operations(self) -> dict[str, Callable[[Store, Args], Awaitable[dict[str, Any]]]]:
        return {
            "basis.record": self.record,
            "call.dial": self.dial,
            "call.supervise": self.supervise,
            "call.emergency": self.emergency,
        }

    async def record(self, store: Store, asked: Args) -> dict[str, Any]:
        """Somebody may be called: uri, basis (a kind), source, days."""
        if (kind := _kind(asked)) is None:
            raise Misused(f"'basis' is one of {', '.join(BasisKind)}")
        return {"basis": await self._recorded(store, asked, _uri(asked), kind)}

    async def dial(self, store: Store, asked: Args) -> dict[str, Any]:
        """Call: uri, basis (a kind, then also source and days; or the id of one)."""
        basis = await self._basis(store, asked)
        request = request_of(asked, "dialled")
        call = await store.act(call_dialled, sender=OPERATOR, request=request, basis=basis)
        return {"call": call, "basis": basis}

    async def supervise(self, store: Store, asked: Args) -> dict[str, Any]:
        """Call one into `call`: "as" listen, whisper (to `coached`) or barge. As `dial`."""
        part = SUPERVISING.get(text(asked, "as", "listen"))
        if part is None:
            raise Misused(f"'as' is one of {', '.join(SUPERVISING)}")
        coached = text(asked, "coached", "") or None
        if part is not Part.WHISPERS and coached is not None:
            raise Misused("'coached' is for one who whispers")
        watched = text(asked, "call")
        basis = await self._basis(store, asked)
        call = await store.act(
            supervision_dialled,
            sender=OPERATOR,
            request=request_of(asked, "supervised"),
            call=watched,
            basis=basis,
            part=part,
            coached=(coached or watched) if part is Part.WHISPERS else None,
        )
        return {"call": call, "basis": basis, "supervises": watched}

    async def emergency(self, store: Store, asked: Args) -> dict[str, Any]:
        """Somebody's life is at stake: call, by, why. It is recorded from now on."""
        call, house = text(asked, "call"), self._house
        await policies_set(store)
        keys = {track: await house.prepare_key(call) for track in TRACKS}
        used = False
        try:
            used = await store.act(
                emergency_declared,
                sender=OPERATOR,
                scope=call,
                request=request_of(asked, "emergency"),
                call=call,
                by=text(asked, "by", ""),
                why=text(asked, "why"),
                keys=keys,
            )
        finally:
            for key in () if used else keys.values():
                await house.discard_key(key)
        return {"call": call}

    async def _basis(self, store: Store, asked: Args) -> str:
        uri = _uri(asked)
        if (kind := _kind(asked)) is not None:
            return await self._recorded(store, asked, uri, kind)
        return await self._known(store, uri, text(asked, "basis"))

    async def _recorded(self, store: Store, asked: Args, uri: str, kind: BasisKind) -> str:
        source = text(asked, "source", "")
        if not source:
            raise Misused("'source' is missing: say where it is written that they may be called")
        days = asked.get("days")
        if days is not None and (type(days) is not int or not 0 < days <= DAYS_MAX):
            raise Misused(f"'days' is a whole number from 1 to {DAYS_MAX}")
        house = self._house
        key = await house.prepare_key()
        used: str = await store.act(
            basis_recorded,
            sender=OPERATOR,
            request=request_of(asked, "basis"),
            basis=f"basis_{house.entropy(8).hex()}",
            party=house.seal(uri, key),
            kind=kind,
            source=house.seal(source, key),
            expires_us=None if days is None else house.clock() + days * DAY_US,
        )
        (row,) = await store.reader.rows(Basis, id=used)
        if row.party.key_id != key:
            # Asked for again after a crash: it was recorded under another key.
            await house.discard_key(key)
        return used

    async def _known(self, store: Store, uri: str, basis: str) -> str:
        for row in await store.reader.rows(Basis, id=basis):
            try:
                party = self._house.unseal(row.party)
            except KeyDestroyed as erased:
                raise Refused(f"{basis} was erased: nobody is called on it") from erased
            if not is_same(party, uri):
                raise Refused(f"{basis} is about somebody else: record one for {uri}")
        return basis


def _uri(asked: Args) -> str:
    try:
        return callable_uri(text(asked, "uri"))
    except ValueError as error:
        raise Misused(str(error)) from error


def _kind(asked: Args) -> BasisKind | None:
    named = text(asked, "basis")
    return BasisKind(named) if named in [kind.value for kind in BasisKind] else None
