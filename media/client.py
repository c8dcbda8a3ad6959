"""The node's end of the link to the media process."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress

from media.codecs import Codec
from media.recorder import Track
from media.units import SAMPLE_RATE, Address
from media.wire import Decoder, WireError, encode

OPEN_TIMEOUT_S = 5.0
EVENTS_QUEUED_MAX = 4_096
"""When so many events wait, the link is read no further: the media process holds the rest."""

WRITE_BYTES_MAX = 64 * 1024 * 1024
READ_BYTES = 256 * 1024

MediaEvent = tuple[dict[str, object], bytes]


class MediaUnavailable(ConnectionError):
    """There is no media process, or it does not answer."""


class MediaClient:
    """Commands out, events in. All commands can be repeated; after a loss, attach anew.

    The first event of every link is "hello": what is missing in it is to be opened again.
    """

    def __init__(self) -> None:
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._events: asyncio.Queue[MediaEvent] = asyncio.Queue(EVENTS_QUEUED_MAX)
        self._opening: dict[str, tuple[bytes, asyncio.Future[Address]]] = {}

    @property
    def attached(self) -> bool:
        return self._writer is not None

    async def attach(self, sock: socket.socket) -> None:
        """Take a new link, which the client then owns. Openings under way are asked for again."""
        await self.detach()
        sock.setblocking(False)
        reader, self._writer = await asyncio.open_connection(sock=sock)
        self._reading = asyncio.create_task(self._read(reader, self._writer))
        for command, _ in self._opening.values():
            self._writer.write(command)

    async def detach(self) -> None:
        """Give up the link, if there is one."""
        if self._reading is not None:
            self._reading.cancel()
            with suppress(asyncio.CancelledError):
                await self._reading
            self._reading = None
        self._forget_writer(self._writer)

    async def events(self) -> AsyncIterator[MediaEvent]:
        """Every event of every link, in order: header and payload. Never ends by itself."""
        while True:
            yield await self._events.get()

    # Commands.

    async def open(
        self,
        leg: str,
        call: str,
        codec: Codec,
        remote: Address,
        *,
        ssrc: int,
        sequence_base: int,
        timestamp_base: int,
        epoch_us: int,
        payload_type: int | None = None,
        dtmf_payload_type: int | None = 101,
        port: int | None = None,
        timeout_s: float = OPEN_TIMEOUT_S,
    ) -> Address:
        """Open a leg and return its local address. MediaUnavailable if nobody answers."""
        command = encode(
            {
                "cmd": "open",
                "leg": leg,
                "call": call,
                "codec": codec.name,
                "payload_type": codec.payload_type if payload_type is None else payload_type,
                "dtmf_payload_type": dtmf_payload_type,
                "remote": list(remote),
                "ssrc": ssrc,
                "seq0": sequence_base,
                "ts0": timestamp_base,
                "epoch_us": epoch_us,
                "port": port,
            }
        )
        answer: asyncio.Future[Address] = asyncio.get_running_loop().create_future()
        self._opening[leg] = (command, answer)
        if self._writer is not None:
            self._writer.write(command)
        try:
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError as error:
            raise MediaUnavailable(f"leg {leg} was not opened in {timeout_s} s") from error
        finally:
            self._opening.pop(leg, None)

    def play(
        self,
        leg: str,
        utterance: str,
        pcm: bytes,
        *,
        from_ms: int = 0,
        interruptible: bool = True,
        loop: bool = False,
    ) -> None:
        """Say s16le 8 kHz audio, once, however often it is asked for; in a loop, until stopped."""
        self._send(
            {
                "cmd": "play",
                "leg": leg,
                "utterance": utterance,
                "from_ms": from_ms,
                "interruptible": interruptible,
                "loop": loop,
                "rate": SAMPLE_RATE,
            },
            pcm,
        )

    def stop(self, leg: str, utterance: str | None = None) -> None:
        """Stop one utterance, or everything."""
        self._send({"cmd": "stop", "leg": leg, "utterance": utterance})

    def listen(self, leg: str, on: bool) -> None:
        """Whether speech is sent as "heard"."""
        self._send({"cmd": "listen", "leg": leg, "on": on})

    def gate(
        self, leg: str, call: str, epoch: int, granted_at_us: int, tracks: Iterable[Track]
    ) -> None:
        """Open the recording gate. The epoch must be higher than any before."""
        self._send(
            {
                "cmd": "gate",
                "leg": leg,
                "call": call,
                "epoch": epoch,
                "granted_at_us": granted_at_us,
                "tracks": [
                    {"party": track.party, "key_id": track.key_id, "key": track.key.hex()}
                    for track in tracks
                ],
            }
        )

    def hear(self, leg: str, sources: Sequence[tuple[str, str]]) -> None:
        """What the leg's party hears beside its agent: (leg, "voice" or "agent"), all of it."""
        listed = [{"leg": source, "what": what} for source, what in sources]
        self._send({"cmd": "hear", "leg": leg, "sources": listed})

    def close_gate(self, leg: str) -> None:
        self._send({"cmd": "close_gate", "leg": leg})

    def dtmf(self, leg: str, digits: str, duration_ms: int = 160) -> None:
        self._send({"cmd": "dtmf", "leg": leg, "digits": digits, "duration_ms": duration_ms})

    def close(self, leg: str) -> None:
        self._send({"cmd": "close", "leg": leg})

    def ack(self, ids: Sequence[int]) -> None:
        """These kept events are committed: they need not be sent again."""
        self._send({"cmd": "ack", "ids": list(ids)})

    def _send(self, header: dict[str, object], payload: bytes = b"") -> None:
        if self._writer is None:
            raise MediaUnavailable("no link to the media process")
        if self._writer.transport.get_write_buffer_size() > WRITE_BYTES_MAX:
            raise MediaUnavailable("the media process does not read its link")
        self._writer.write(encode(header, payload))

    # Events.

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        decoder = Decoder()
        try:
            while data := await reader.read(READ_BYTES):
                for header, payload in decoder.feed(data):
                    self._answer(header)
                    await self._events.put((header, payload))
        except (OSError, WireError):
            return  # Lost; the next link begins with a "hello".
        finally:
            self._forget_writer(writer)

    def _forget_writer(self, writer: asyncio.StreamWriter | None) -> None:
        if writer is not None:
            writer.close()
        if writer is self._writer:
            self._writer = None

    def _answer(self, header: dict[str, object]) -> None:
        leg, kind = header.get("leg"), header.get("event")
        if not isinstance(leg, str) or leg not in self._opening:
            return
        answer = self._opening[leg][1]
        if answer.done():
            return
        if kind == "opened":
            answer.set_result((str(header.get("address")), int(str(header.get("port")))))
        elif kind == "refused" and header.get("cmd") == "open":
            answer.set_exception(MediaUnavailable(str(header.get("reason"))))
