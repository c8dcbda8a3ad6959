"""A recorder (SRS, RFC 7866) in a process of its own, which keeps all that it is sent.

It knows nothing of our code: multipart is read by the standard library, SIP by hand. What it was
told is a line of JSON each in FOLDER/sip.jsonl, every RTP packet with its time in
FOLDER/N.LABEL.rtp for the Nth session.
"""

import argparse
import json
import re
import select
import socket
import struct
import sys
import time
from dataclasses import dataclass, field
from email import message_from_bytes
from pathlib import Path
from typing import Any

STAMP = struct.Struct("!QH")


@dataclass(eq=False)
class Session:
    """One dialog, by its Call-ID."""

    ports: list[socket.socket] = field(default_factory=list[socket.socket])
    labels: list[str] = field(default_factory=list[str])
    version: int = 0
    answered: bool = False


class Srs:
    def __init__(self, folder: Path, port: int, behaviour: str) -> None:
        self._folder, self._behaviour = folder, behaviour
        self._sip = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sip.bind(("127.0.0.1", port))
        self._sessions: dict[str, Session] = {}
        self._rtp: dict[int, Path] = {}
        self._sockets: dict[int, socket.socket] = {}
        self._later: list[tuple[float, bytes, Any]] = []

    def run(self) -> None:
        print("ready", flush=True)
        while True:
            waiting = [self._sip, *self._sockets.values()]
            ready, _, _ = select.select(waiting, [], [], 0.05)
            for sock in ready:
                data, source = sock.recvfrom(65_535)
                if sock is self._sip:
                    self._told(data, source)
                else:
                    self._keep(sock.fileno(), data)
            now = time.time()
            for due in [one for one in self._later if one[0] <= now]:
                self._later.remove(due)
                self._sip.sendto(due[1], due[2])

    def _keep(self, fileno: int, data: bytes) -> None:
        if fileno in self._rtp:
            with self._rtp[fileno].open("ab") as file:
                file.write(STAMP.pack(time.time_ns() // 1_000, len(data)) + data)

    def _told(self, data: bytes, source: Any) -> None:
        head, _, body = data.partition(b"\r\n\r\n")
        start, *lines = head.decode().split("\r\n")
        method = start.split(" ")[0]
        headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines]
        named = {name.lower(): value for name, value in headers}
        sdp, metadata = self._parts(named.get("content-type", ""), body)
        self._note(method, start, named, sdp, metadata, source)
        if method == "ACK" or start.startswith("SIP/2.0"):
            return
        self._answer(method, headers, named, sdp, source)

    def _parts(self, content_type: str, body: bytes) -> tuple[str, str]:
        if not body:
            return "", ""
        whole = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
        found = {"": ""}
        for part in whole.walk():
            if not part.is_multipart():
                kind = part.get_content_type()
                payload = part.get_payload(decode=True)
                assert isinstance(payload, bytes)
                found[kind] = payload.decode()
                if kind == "application/rs-metadata+xml":
                    assert part["Content-Disposition"] == "recording-session"
        return found.get("application/sdp", ""), found.get("application/rs-metadata+xml", "")

    def _note(self, method: str, start: str, named: Any, sdp: str, metadata: str, _: Any) -> None:
        line = {
            "at_us": time.time_ns() // 1_000,
            "method": method,
            "start": start,
            "headers": named,
            "sdp": sdp,
            "metadata": metadata,
        }
        with (self._folder / "sip.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

    def _answer(self, method: str, headers: Any, named: Any, sdp: str, source: Any) -> None:
        status, body, wait_s = "200 OK", b"", 0.0
        call = named["call-id"]
        is_new = call not in self._sessions
        if is_new and "tag=" in named["to"]:
            status = "481 Gone"
        elif method == "INVITE":
            kind, _, value = self._behaviour.partition(":")
            if kind == "mute" and is_new:
                return
            if (kind == "refuse" and is_new) or (kind == "refuse-again" and not is_new):
                status = f"{value} No"
            else:
                body = self._described(call, sdp)
                wait_s = float(value) if kind == "slow" and is_new else 0.0
        lines = [f"SIP/2.0 {status}"]
        for name, value in headers:
            if name.lower() in ("via", "from", "call-id", "cseq", "record-route"):
                lines.append(f"{name}: {value}")
            elif name.lower() == "to":
                lines.append(f"To: {value}" + ("" if "tag=" in value else ";tag=srs"))
        here = self._sip.getsockname()
        lines.append(f"Contact: <sip:srs@{here[0]}:{here[1]}>;+sip.srs")
        if body and self._behaviour == "multipart":
            body = (
                b"--mine\r\nContent-Type: application/sdp\r\n\r\n"
                + body
                + b"\r\n--mine\r\nContent-Type: text/plain\r\n\r\nhello\r\n--mine--\r\n"
            )
            lines.append("Content-Type: multipart/mixed;boundary=mine")
        elif body:
            lines.append("Content-Type: application/sdp")
        lines.append(f"Content-Length: {len(body)}")
        data = "\r\n".join([*lines, "", ""]).encode() + body
        self._later.append((time.time() + wait_s, data, source))

    def _described(self, call: str, sdp: str) -> bytes:
        session = self._sessions.setdefault(call, Session())
        media = re.split(r"(?m)^m=", sdp)[1:]
        session.version += 1
        lines = ["v=0", f"o=srs 1 {session.version} IN IP4 127.0.0.1", "s=-"]
        lines += ["c=IN IP4 127.0.0.1", "t=0 0"]
        for n, section in enumerate(media):
            (label,) = re.findall(r"(?m)^a=label:(\S+)", section)
            if n >= len(session.ports):
                self._listen(session, label)
            payload = section.split()[3]
            direction = "inactive" if "a=inactive" in section else "recvonly"
            port = session.ports[n].getsockname()[1]
            lines += [f"m=audio {port} RTP/AVP {payload}", f"a=label:{label}", f"a={direction}"]
        return "".join(f"{line}\r\n" for line in lines).encode()

    def _listen(self, session: Session, label: str) -> None:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        session.ports.append(sock)
        session.labels.append(label)
        self._sockets[sock.fileno()] = sock
        n = list(self._sessions.values()).index(session)
        self._rtp[sock.fileno()] = self._folder / f"{n}.{label}.rtp"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("port", type=int)
    parser.add_argument("behaviour", nargs="?", default="accept")
    given = parser.parse_args(sys.argv[1:])
    Srs(given.folder, given.port, given.behaviour).run()
