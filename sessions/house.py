"""What a call needs of the house around it, handed in rather than reached for."""

import asyncio
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent.policy.plan import Start
from consent.reducers import RECORDING, TRACKS
from conversation.agent import Agent
from conversation.speech.client import SpeechClient
from media.music import hold_music
from media.pool import MediaPool
from media.units import pcm
from runtime.errors import NotNow, StoreBroken
from runtime.key_pool import Family, KeyPool
from runtime.keystore import KeyDestroyed, Keystore, KeystoreError
from runtime.performer import Performer
from runtime.reducers import find
from runtime.sealed import Sealed, seal, unseal
from runtime.store import Store
from runtime.wrapped import parent_of
from sessions.gating import RECORDED
from sessions.plans import TermsFor, by_name, facts_of
from sessions.routing import RecorderRouting, Routing, directly, straight
from sessions.siprec.recorder import Recorder
from telephony.endpoint import SipEndpoint
from telephony.flow import Network, is_within
from telephony.sdp import Srtp

CALLS_MAX = 2_000
"""Live calls of one node, where nothing else is configured."""

KEY_RETRY_S = 1.0
"""How long a disk that took no key is left alone."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The part of the configuration that calls look at."""

    policy: str
    ring_ms: int
    codecs: tuple[str, ...]
    media_address: str
    agent: str
    recordings: Path
    origin: str
    early_media: bool = False
    """Whether the greeting is played before the call is answered."""
    calls_max: int = CALLS_MAX
    """Live calls at once; further ones are answered 503."""
    srtp: Mapping[str, Srtp] = field(default_factory=dict[str, Srtp])
    """By trunk; where it is not named, whatever the other side has."""
    shared: frozenset[str] = frozenset()
    """The trunks whose calls share a port for their media."""
    trunk_codecs: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """By trunk; `codecs` where it is not named, or names none."""
    media_inside: str = ""
    """The address of our media for peers on our side of a NAT, who are in `local_networks`."""
    local_networks: Sequence[Network] = ()
    recorders: Sequence[Recorder] = ()
    """Recorders of others, which get the voices of whoever agreed to be recorded."""
    pause_on_hold: bool = False
    """Whether nothing is recorded or kept of a call on hold."""
    hold_music: bytes = field(default_factory=lambda: pcm(hold_music()))
    """What a party on hold hears again and again: s16le, 8 kHz."""

    human: str = ""
    """Who takes the calls of those who do not agree, as a SIP URI; "" where nobody does."""

    def codecs_on(self, trunk: str) -> tuple[str, ...]:
        """What is spoken on a trunk, the preferred first."""
        return self.trunk_codecs.get(trunk) or self.codecs

    def srtp_on(self, trunk: str) -> Srtp:
        """Whether media on a trunk is encrypted."""
        return self.srtp.get(trunk, Srtp.OPTIONAL)

    def media_towards(self, peer: str) -> str:
        """The address which somebody at `peer` can send audio to."""
        inside = self.media_inside and is_within(peer, self.local_networks)
        return self.media_inside if inside else self.media_address


@dataclass(slots=True)
class House:
    """The shells and stores that every call shares."""

    settings: Settings
    store: Store
    performer: Performer
    keystore: Keystore
    keys: KeyPool
    log_key: Ed25519PrivateKey
    media: MediaPool
    speech: SpeechClient
    new_agent: Callable[[str], Agent]
    """Make the agent that a call's row names."""
    agent_for: Callable[[str], str]
    """The agent that a new call will have. Raises Refused where there is none to have."""
    clock: Callable[[], int]
    entropy: Callable[[int], bytes]
    note: Callable[..., None]
    """Tell the operator a fact: never a word that was spoken, never who called, never a key."""
    sip: SipEndpoint | None = None
    route: Routing = field(default_factory=directly)
    """Which way a call of ours takes."""
    families: dict[str, asyncio.Future[Family]] = field(
        default_factory=dict[str, asyncio.Future[Family]]
    )
    """The keys of each call, or of the dialog that may become one."""
    route_to_recorder: RecorderRouting = field(default_factory=straight)
    terms_for: TermsFor | None = None
    """What the party of a call is owed; None for what the policy of the settings names."""

    async def act(
        self, reducer: Callable[..., Any], call: str, /, *, request: str | None = None, **args: Any
    ) -> Any:
        """Commit an action in the scope of a call; a reducer that asks for `call` is told it."""
        if "call" in find(reducer).hints:
            args["call"] = call
        return await self.store.act(reducer, sender="node", scope=call, request=request, **args)

    async def surely(self, reducer: Callable[..., Any], call: str, /, **args: Any) -> Any:
        """The same, for what has to be committed: a full queue or disk is waited for."""
        while True:
            try:
                return await self.act(reducer, call, **args)
            except NotNow as later:
                self.note("waiting for the store", call=call, why=str(later))
                await asyncio.sleep(later.retry_after_ms / 1_000)

    async def owed(self, call: str, trunk: str) -> dict[str, Any]:
        """What the party of a call by a trunk is owed when it is answered, with keys where it is
        recorded at once."""
        facts = await facts_of(self.store.reader, self.keystore, call, trunk)
        terms = await (self.terms_for or by_name(self.settings.policy))(facts)
        if self.settings.pause_on_hold:
            terms = tuple(replace(one, pauses_on_hold=one.scope in RECORDED) for one in terms)
        at_once = any((term.scope, term.start) == (RECORDING, Start.OPEN) for term in terms)
        keys = {track: await self.prepare_key(call) for track in TRACKS if at_once}
        return {"terms": terms, "keys": keys}

    async def prepare_key(self, call: str | None = None) -> str:
        """A key that no row names yet, on disk: under the key of a call, or of no call.

        A full disk and a KEK that is not to be had are waited for, a failed disk ends the node.
        """
        while True:
            try:
                with self._giving_up():
                    if call is None:
                        return await self.keys.take()
                    return await (await self._family(call)).child()
            except KeyDestroyed:
                # The call was erased meanwhile, and goes on: under another key.
                self.families.pop(call or "", None)
            except KeystoreError as full:
                self.note("waiting for the keystore", why=str(full))
                await asyncio.sleep(KEY_RETRY_S)

    async def _family(self, call: str) -> Family:
        """The keys of a call; all who ask get the same, unless they were destroyed."""
        taking = self.families.get(call)
        if taking is None or _is_spent(taking):
            taking = self.families[call] = asyncio.ensure_future(self.keys.take_family())
        return await asyncio.shield(taking)

    def adopt(self, call: str, key_id: str) -> None:
        """Go on with the keys of a call from before a restart, by one that its row names."""
        call_key = parent_of(key_id)
        if call_key is None or call in self.families:
            return
        known: asyncio.Future[Family] = asyncio.get_running_loop().create_future()
        known.set_result(Family(self.keystore, call_key))
        self.families[call] = known

    async def leave(self, call: str, *, is_call: bool) -> None:
        """No row will name another key of it: let go of those left, and where it never became a
        call of the one they are under."""
        taking = self.families.pop(call, None)
        if taking is None or not taking.done() or taking.exception() is not None:
            return
        family = taking.result()
        gone = family.left() + ([] if is_call else [family.call_key])
        with self._giving_up(), suppress(KeystoreError):
            await asyncio.to_thread(self.keystore.discard, gone)

    async def discard_key(self, key_id: str) -> None:
        """Destroy a key that no row names; where it cannot be now, the next start does it."""
        try:
            await self.destroy_key(key_id)
        except KeystoreError as full:
            self.note("a key nobody uses is left for the next start", why=str(full))

    async def destroy_key(self, key_id: str) -> None:
        """For good. Raises KeystoreError where the disk is full; a failed one ends the node."""
        with self._giving_up():
            await asyncio.to_thread(self.keystore.destroy, key_id)

    @contextmanager
    def _giving_up(self) -> Generator[None]:
        try:
            yield
        except StoreBroken as broken:
            self.store.give_up(broken)
            raise

    def seal(self, text: str, key_id: str) -> Sealed[str]:
        """`text` under a key of the keystore. Raises KeyDestroyed."""
        return seal(text, key_id, self.keystore.key(key_id), self.entropy)

    def seal_bytes(self, value: bytes, key_id: str) -> Sealed[bytes]:
        """The same for what is no text."""
        return seal(value, key_id, self.keystore.key(key_id), self.entropy)

    def unseal(self, sealed: Sealed[str]) -> str:
        """The plaintext. Raises KeyDestroyed."""
        return unseal(sealed, self.keystore.key(sealed.key_id))


def _is_spent(taking: "asyncio.Future[Family]") -> bool:
    """Whether what was taken is of no use: it could not be, or was destroyed."""
    if not taking.done():
        return False
    return taking.cancelled() or taking.exception() is not None or taking.result().is_destroyed
