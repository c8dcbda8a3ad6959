"""Is somebody there? A SIP OPTIONS request (RFC 3261 section 11), repeated until it is answered."""

import asyncio
import secrets
import socket

REPEAT_S = 0.25
DATAGRAM_BYTES_MAX = 65_536

REQUEST = """\
OPTIONS sip:{there} SIP/2.0
Via: SIP/2.0/UDP {here};branch=z9hG4bK{token};rport
Max-Forwards: 70
From: <sip:probe@{here}>;tag={token}
To: <sip:{there}>
Call-ID: {token}
CSeq: 1 OPTIONS
Contact: <sip:probe@{here}>
Content-Length: 0

"""


async def answered(address: tuple[str, int]) -> None:
    """Returns once the node has answered; its caller says how long is too long."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.setblocking(False)
        probe.bind((address[0], 0))
        here = "{}:{}".format(*probe.getsockname()[:2])
        token = secrets.token_hex(8)
        request = REQUEST.format(here=here, there="{}:{}".format(*address), token=token)
        while True:
            await loop.sock_sendto(probe, request.replace("\n", "\r\n").encode(), address)
            try:
                async with asyncio.timeout(REPEAT_S):
                    if _is_answer(await loop.sock_recv(probe, DATAGRAM_BYTES_MAX), token):
                        return
            except TimeoutError:
                continue


def _is_answer(datagram: bytes, token: str) -> bool:
    return datagram.startswith(b"SIP/2.0 ") and token.encode() in datagram
