"""A vCon of others becomes a call of ours: sound is decoded and sealed, words are sealed, then all
of it is one action.

What is sealed lies in the vault before its rows do, as with any recording: without them it is
swept away. What the action says goes to the server in a file, because it is long; there is nothing
in clear in it.
"""

import asyncio
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from media.appending import Appender
from media.segment import Frame, encode
from parley.asked import OPERATOR, Args, Misused, request_of, text
from recordings import decoding, vault
from recordings.tables import Chunk
from recordings.vcon.importing import AGENT, CALLER, Foreign, Recorded, Said
from runtime import canonical
from runtime.keystore import Keystore
from runtime.sealed import Sealed, seal
from runtime.store import Store
from runtime.values import plain
from sessions.import_reducers import call_imported
from sessions.imported_tables import ImportedCall, ImportedPart
from transcripts.redaction.finding import find, masked
from transcripts.redaction.keeping import destroyed
from transcripts.tables import Segment

CHUNK_S = 5
BUNDLE_BYTES_MAX = 64 * 1024 * 1024
SAMPLES_MAX = vault.TRACK_S_MAX * max(vault.RATES)


@dataclass(frozen=True, slots=True)
class From:
    """Who stands for a vCon, and why its call is kept."""

    sha256: str
    issuer: str
    certificate: str
    trusted: bool
    bases: tuple[str, ...]
    asserted: bool
    by: str


async def call_import(store: Store, asked: Args) -> dict[str, Any]:
    """Take what a command has sealed: bundle (a file of ours)."""
    args = await asyncio.to_thread(_bundle, Path(text(asked, "bundle")))
    call = args["provenance"]["id"]
    request = request_of(asked, "imported")
    found: str = await store.act(
        call_imported, sender=OPERATOR, scope=call, request=request, **args
    )
    return {"call": found}


def _bundle(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(BUNDLE_BYTES_MAX + 1)
        found = canonical.decode(data)
    except (OSError, ValueError) as error:
        raise Misused(f"{path} is no bundle of an import: {error}") from error
    if len(data) > BUNDLE_BYTES_MAX or not isinstance(found, dict):
        raise Misused(f"{path} is no bundle of an import")
    return cast("dict[str, Any]", found)


class Import:
    """One call on its way in. Keys are prepared first: useless until the action is committed."""

    def __init__(self, keystore: Keystore, recordings: Path) -> None:
        self.call = f"call_{secrets.token_hex(10)}"
        self._keystore = keystore
        self._recordings = recordings
        self._keys = keystore.prepare_several(4)
        self._samples_left = SAMPLES_MAX

    def bundle(self, foreign: Foreign, origin: From) -> tuple[bytes, list[str]]:
        """The arguments of the action, and what was left out. OSError where the disk is full."""
        words, caller, *tracks = self._keys
        notes = list(foreign.notes)
        chunks = list(self._chunks(foreign, dict(zip(vault.PARTIES, tracks, strict=True)), notes))
        provenance = ImportedCall(
            id=self.call,
            uuid=foreign.uuid,
            sha256=origin.sha256,
            issuer=origin.issuer,
            certificate=origin.certificate,
            trusted=origin.trusted,
            bases=origin.bases,
            track_keys=tuple(tracks) if chunks else (),
            asserted=origin.asserted,
            by=origin.by,
            notes=tuple(notes),
            at_us=0,
        )
        permit = f"imported:{','.join(origin.bases)}"
        args = {
            "provenance": provenance,
            "remote": self._seal(foreign.remote, caller),
            "local": self._seal(foreign.local, caller),
            "agent": foreign.agent,
            "words_key": words,
            "start_us": foreign.start_us,
            "end_us": foreign.end_us,
            "chunks": chunks,
            "segments": [
                self._segment(place, one, words, permit) for place, one in enumerate(foreign.said)
            ],
            "parts": [
                ImportedPart(
                    id=f"{self.call}/{place:04}",
                    call=self.call,
                    kind=one.kind,
                    purpose=one.purpose,
                    mediatype=one.mediatype,
                    body=None
                    if one.body is None
                    else self._seal(one.body, caller if one.kind == "parties" else words),
                    content_hash=one.content_hash,
                )
                for place, one in enumerate(foreign.parts)
            ],
        }
        return canonical.encode(plain(args)), notes

    def _seal(self, text: str, key_id: str) -> Sealed[str]:
        return seal(text, key_id, self._keystore.key(key_id), secrets.token_bytes)

    def _segment(self, place: int, said: Said, key: str, permit: str) -> Segment:
        """Card numbers are destroyed here, too, before anything is kept (PCI DSS 3.3)."""
        words = said.text.split()
        gone = destroyed(tuple(find(words)))
        kept = " ".join(masked(words, gone)) if gone else said.text
        return Segment(
            id=f"{self.call}:{place:05}",
            call=self.call,
            party=said.party,
            text=self._seal(kept, key),
            start_us=said.start_us,
            end_us=said.end_us,
            engine=said.engine,
            kind="imported",
            confidence_permille=said.confidence_permille,
            destroyed=tuple(f"{one.what}:{one.first}" for one in gone),
            permit=permit,
        )

    def _chunks(self, foreign: Foreign, keys: dict[str, str], notes: list[str]) -> Iterator[Chunk]:
        appender = Appender(self._recordings, secrets.token_hex(8))
        try:
            for place, one in enumerate(foreign.recorded):
                try:
                    after_us = max(0, one.start_us - foreign.start_us)
                    for head, pcm in self._pieces(one, place + 1, after_us, keys):
                        yield self._sealed(head, pcm, foreign.start_us, appender)
                except decoding.NotDecoded as why:
                    notes.append(f"recording {place + 1}: {why}")
        finally:
            appender.close()

    def _pieces(
        self, one: Recorded, epoch: int, after_us: int, keys: dict[str, str]
    ) -> Iterator[tuple[Frame, bytes]]:
        """The epoch is its place: where two of one party meet, the later is heard."""
        rate, sound = decoding.tracks(one.content, one.mediatype, self._samples_left)
        samples = len(sound[0]) // vault.SAMPLE_BYTES
        first = after_us * rate // 1_000_000
        if first + samples > vault.TRACK_S_MAX * rate:
            raise decoding.NotDecoded("it ends later than a call can")
        self._samples_left -= samples
        step = CHUNK_S * rate
        for party, pcm in zip(_parties(one, len(sound)), sound, strict=True):
            for n, at in enumerate(range(0, samples, step)):
                piece = pcm[at * vault.SAMPLE_BYTES : (at + step) * vault.SAMPLE_BYTES]
                name = (self.call, party, keys[party])
                yield Frame(*name, epoch, n, rate, first + at, 0), piece

    def _sealed(self, head: Frame, pcm: bytes, start_us: int, appender: Appender) -> Chunk:
        nonce = head.epoch.to_bytes(4, "big") + head.n.to_bytes(8, "big")
        name = f"{head.call}|{head.party}|{head.epoch}|{head.n}"
        bound = name if head.rate == vault.SAMPLE_RATE else f"{name}|{head.rate}"
        box = AESGCM(self._keystore.key(head.key_id)).encrypt(nonce, pcm, bound.encode())
        frame = encode(replace(head, length=len(box)))
        path, offset = appender.append(memoryview(frame + box))
        return Chunk(
            id=name,
            call=head.call,
            party=head.party,
            epoch=head.epoch,
            n=head.n,
            key_id=head.key_id,
            first_sample=head.first_sample,
            samples=len(pcm) // vault.SAMPLE_BYTES,
            sha256=sha256(box).hexdigest(),
            bytes=len(box),
            path=path,
            captured_from_us=start_us + head.first_sample * 1_000_000 // head.rate,
            at_us=0,
            offset=offset + len(frame),
            rate=head.rate,
        )


def _parties(one: Recorded, channels: int) -> tuple[str, ...]:
    """Whose voice each channel is. Who is mixed with others cannot be told from them: what all
    said together is on the other side's track."""
    if channels == 1:
        return one.channels if len(one.channels) == 1 else (CALLER,)
    return one.channels if len(set(one.channels)) == channels else (CALLER, AGENT)
