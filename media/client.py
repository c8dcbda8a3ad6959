"""The node's end of the link to the media process."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import cast

from media.codecs import Codec
from media.commands import LEASE_MS
from media.recorder import Track
from media.units import SAMPLE_RATE, Address
from media.wire import Decoder, WireError, encode

OPEN_TIMEOUT_S = 5.0
EVENTS_QUEUED_MAX = 4_096
"""When so many events wait, the link is read no further: the media process holds the rest."""

WRITE_BYTES_MAX = 64 * 1024 * 1024
READ_BYTES = 256 * 1024
BOOT_CHARACTERS = 8

MediaEvent = tuple[dict[str, object], bytes]


class MediaUnavailable(ConnectionError):
    """There is no media process, or it does not answer."""


class MediaClient:
    """Commands out, events in. All commands can be repeated; after a loss, attach anew.

    The first event of every link is "hello": what is missing in it is to be opened again.
    Each event says which `process` told it. The "id" of a kept event names also the life of
    that process, so that it means the same for ever: what is acknowledged is no other's.
    """

    def __init__(self, process: int = 0, events: asyncio.Queue[MediaEvent] | None = None) -> None:
        """`process`: which media process this is. `events`: shared with others."""
        self._process = process
        self._boot = ""
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._events = asyncio.Queue[MediaEvent](EVENTS_QUEUED_MAX) if events is None else events
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
        dtmf_clock_rate: int = SAMPLE_RATE,
        port: int | None = None,
        direction: str = "sendrecv",
        shared: bool = False,
        rtcp_port: int | None = None,
        rtcp_mux: bool = False,
        cname: str | None = None,
        srtp: Mapping[str, object] | None = None,
        gate_epoch: int | None = None,
        timeout_s: float = OPEN_TIMEOUT_S,
    ) -> Address:
        """Open a leg and return its local address. MediaUnavailable if nobody answers.

        `direction` as SDP says it of us. `shared`: on the port that all such legs have in common.
        `rtcp_port`: where reports go, if not to the port above; `rtcp_mux`: to the same port.
        `srtp`: "suite", and "send_key" and "receive_key" (key and salt, hex), "roc".
        `gate_epoch`: under which a recording goes on if the codec's rate is another than before.
        """
        command = encode(
            {
                "cmd": "open",
                "leg": leg,
                "call": call,
                "codec": codec.name,
                "payload_type": codec.payload_type if payload_type is None else payload_type,
                "dtmf_payload_type": dtmf_payload_type,
                "dtmf_clock_rate": dtmf_clock_rate,
                "remote": list(remote),
                "ssrc": ssrc,
                "seq0": sequence_base,
                "ts0": timestamp_base,
                "epoch_us": epoch_us,
                "port": port,
                "direction": direction,
                "shared": shared,
                "rtcp_port": rtcp_port,
                "rtcp_mux": rtcp_mux,
                **({} if cname is None else {"cname": cname}),
                "srtp": None if srtp is None else dict(srtp),
                "gate_epoch": gate_epoch,
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
        rate: int = SAMPLE_RATE,
        more: bool = False,
        append: bool = False,
        loop: bool = False,
    ) -> None:
        """Say s16le audio of `rate` Hz, once, however often it is asked for.

        `more`: it goes on with what the next calls `append`, and waits for it; the last of them
        says `more=False`. `loop`: again and again, while nothing else is to be said.
        """
        self._send(
            {
                "cmd": "play",
                "leg": leg,
                "utterance": utterance,
                "from_ms": from_ms,
                "interruptible": interruptible,
                "rate": rate,
                "more": more,
                "append": append,
                "loop": loop,
            },
            pcm,
        )

    def hear(
        self, leg: str, sources: Iterable[tuple[str, str]], gains: Mapping[str, int] | None = None
    ) -> None:
        """What the leg's party hears beside its agent: (leg, "voice" or "agent"), all of it.

        `gains` of those legs in millibel. All are in the same media process.
        """
        given = gains or {}
        listed = [
            {"leg": source, "what": what, "gain_millibel": given.get(source, 0)}
            for source, what in sources
        ]
        self._send({"cmd": "hear", "leg": leg, "sources": listed})

    def tap(self, leg: str, of: str, what: str) -> None:
        """The leg carries one voice of the leg `of`, "voice" or "agent", and nothing else.

        Silence where the recording gate of that leg is not open. Both are in the same process.
        """
        self._send({"cmd": "tap", "leg": leg, "of": of, "what": what})

    def mute(self, leg: str, voice: bool) -> None:
        """Whether the party's voice goes to nobody: to no other leg, and not to be understood."""
        self._send({"cmd": "mute", "leg": leg, "voice": voice})

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
                "tracks": [{"party": track.party, "key_id": track.key_id} for track in tracks],
            }
        )

    def close_gate(self, leg: str, until_us: int | None = None, *, drop: bool = False) -> None:
        """Nothing captured from `until_us` on, or from now on, is sealed.

        `drop`: nor what was captured before and is not sealed yet.
        """
        self._send({"cmd": "close_gate", "leg": leg, "until": until_us, "drop": drop})

    def renew(self, since_us: int) -> None:
        """The gates of all legs may be open for LEASE_MS from then on, and no longer.

        `since_us`: on the machine's monotonic clock, when the store was last seen to commit.
        """
        with suppress(MediaUnavailable):  # Who takes its place is told anew.
            self._send({"cmd": "lease", "since_us": since_us, "ms": LEASE_MS})

    def dtmf(self, leg: str, digits: str, duration_ms: int = 160) -> None:
        self._send({"cmd": "dtmf", "leg": leg, "digits": digits, "duration_ms": duration_ms})

    def close(self, leg: str) -> None:
        self._send({"cmd": "close", "leg": leg})

    def ack(self, names: Sequence[str]) -> None:
        """These kept events are committed: they need not be sent again.

        Those of a life that is over are passed over; without a link they come again.
        """
        split = (name.rpartition("-") for name in names)
        if ids := [int(number) for boot, _, number in split if boot == self._boot]:
            with suppress(MediaUnavailable):
                self._send({"cmd": "ack", "ids": ids})

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
                    self._sign(header)
                    for event in spread(header):
                        await self._events.put((event, payload))
        except (OSError, WireError):
            return  # Lost; the next link begins with a "hello".
        finally:
            self._forget_writer(writer)

    def _forget_writer(self, writer: asyncio.StreamWriter | None) -> None:
        if writer is not None:
            writer.close()
        if writer is self._writer:
            self._writer = None
            self._boot = ""

    def _sign(self, header: dict[str, object]) -> None:
        """Write into an event who told it, and which it is among all that were ever told."""
        header["process"] = self._process
        if header.get("event") == "hello":
            self._boot = str(header.get("boot"))[:BOOT_CHARACTERS]
        if "id" in header:
            header["id"] = f"{self._boot}-{header['id']}"

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


def spread(header: dict[str, object]) -> Iterator[dict[str, object]]:
    """The events of single legs: the progress of all of them comes as one."""
    played = header.get("played")
    if header.get("event") != "progress" or not isinstance(played, list):
        yield header
        return
    for leg, utterance, played_ms in cast(list[tuple[str, str, int]], played):
        told = {"leg": leg, "utterance": utterance, "played_ms": played_ms}
        yield {"event": "progress", "process": header["process"], **told}
