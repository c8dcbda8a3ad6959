"""Messages that know the grammar and break it on purpose, out of a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator

METHODS = (
    *("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "UPDATE", "PRACK", "REFER", "NOTIFY"),
    *("SUBSCRIBE", "MESSAGE", "REGISTER", "PUBLISH", "invite", "!%*'", "X" * 500),
)
STATUSES = (100, 180, 183, 200, 202, 302, 401, 407, 422, 481, 486, 487, 491, 503, 600, 699, 99, 700)
URIS = (
    "sip:bob@192.0.2.2",
    "sips:bob@192.0.2.2;transport=tcp",
    "sip:bob@[2001:db8::1]:5060;lr;maddr=224.0.0.1;ttl=255",
    "sip:%00%ff%40bob:pass@h.example?Replaces=a%3Bto-tag%3Db&Subject=x",
    "sip:a;b=c;d=e@h.example;method=BYE",
    "tel:+15550100;phone-context=example.com",
    "sip:@h",
    "sip:h:99999",
    "sip:" + "a" * 3_000 + "@h",
    "sip:h;" + ";".join(f"p{n}" for n in range(300)),
    "urn:uuid:1",
    "",
    "*",
    "sip:h\x7f",
)
TAGS = ("f1", "", "x" * 1_000, "a;b", "\u20ac", "t1")
NUMBERS = ("0", "1", "-1", "4294967296", "9" * 400, "1e9", "", " 7 ", "0x10", "2147483647")
TEXTS = (
    "plain",
    '"quoted, with <comma>"',
    '"' * 50,
    '"\\' * 200,
    "<" * 100,
    "(" * 100 + ")" * 99,
    ",".join("x" * 3 for _ in range(400)),
    ";".join(f"a{n}=b" for n in range(400)),
    "%" * 300,
    "\x00\x01\x02",
    "=" * 100,
    "é" * 200,
    "sip:a@b, <sip:c@d>;q=0.1, *",
    'Digest realm="a", nonce="b,c", qop="auth,auth-int", algorithm=SHA-256',
    "timer, 100rel, replaces, norefersub, from-change",
    "1 1 INVITE",
    "90;refresher=uac",
    'a@b;to-tag=x;from-tag=y;early-only;"',
    'Q.850;cause=16;text="a;b"',
)
NAMES = (
    *("Via", "v", "From", "f", "To", "t", "Call-ID", "i", "CSeq", "Contact", "m", "Route"),
    *("Record-Route", "Max-Forwards", "Content-Type", "c", "Content-Length", "l", "Require"),
    *("Supported", "k", "Session-Expires", "x", "Min-SE", "RSeq", "RAck", "Refer-To", "r"),
    *("Referred-By", "b", "Replaces", "Authorization", "Proxy-Authorization", "Identity", "y"),
    *("WWW-Authenticate", "Proxy-Authenticate", "P-Asserted-Identity", "Privacy", "Diversion"),
    *("Reason", "Event", "o", "Subscription-State", "Content-Encoding", "e", "Subject", "X-Odd"),
    *("History-Info", "Timestamp", "Expires", "Accept", "Allow", "Warning", "Retry-After"),
)
SDP_LINES = (
    "v=0",
    "o=- 1 1 IN IP4 192.0.2.1",
    "o=- 99999999999999999999 -1 IN IP6 ::",
    "c=IN IP4 192.0.2.1/127/3",
    "c=IN IP4 not.an.address",
    "c=IN IP6 2001:db8::1",
    "t=0 0",
    "m=audio 30000 RTP/AVP 0 8 9 101",
    "m=audio 0 RTP/SAVP 0",
    "m=audio 99999999 RTP/AVP " + " ".join(str(n) for n in range(200)),
    "m=video 30002 RTP/AVP 96",
    "m=",
    "a=rtpmap:96 opus/48000/2",
    "a=rtpmap:999 x/0",
    "a=fmtp:96 " + ";".join(f"p{n}=1" for n in range(200)),
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 40 + "|2^31|1:4",
    "a=crypto:99999999999 NONE inline:|||",
    "a=sendrecv",
    "a=inactive",
    "a=ptime:0",
    "a=rtcp:1 IN IP4 0.0.0.0",
    "a" * 4_000,
    "=",
)


def messages(seed: int, count: int, call_id: str = "c1", tag: str = "") -> Iterator[bytes]:
    """`count` of them, of which some belong to the dialog with this Call-ID and tag of ours."""
    chance = random.Random(seed)
    for n in range(count):
        yield _message(chance, n, call_id, tag)


def _message(chance: random.Random, n: int, call_id: str, tag: str) -> bytes:
    method = chance.choice(METHODS)
    body = _body(chance)
    to_tag = chance.choice((tag, tag, "", *TAGS))
    cseq = chance.choice((str(n), *NUMBERS))
    lines = [
        (
            "Via",
            f"SIP/2.0/{chance.choice(('UDP', 'TCP', 'TLS', 'X'))} 203.0.113.9:4711"
            f";branch=z9hG4bK{chance.randrange(50)};rport",
        ),
        ("From", f"<{chance.choice(URIS)}>;tag={chance.choice(TAGS)}"),
        ("To", f"<{chance.choice(URIS)}>" + (f";tag={to_tag}" if to_tag else "")),
        ("Call-ID", chance.choice((call_id, call_id, f"c{n}", *TAGS))),
        ("CSeq", f"{cseq} {chance.choice((method, method, method, chance.choice(METHODS)))}"),
        ("Contact", f"<{chance.choice(URIS)}>"),
        ("Content-Type", chance.choice(("application/sdp", "message/sipfrag", "a/b;c=d"))),
    ]
    for _ in range(chance.randrange(8)):
        value = chance.choice((*TEXTS, *NUMBERS, *URIS))
        lines.append((chance.choice(NAMES), value))
    while chance.random() < 0.15:
        lines.pop(chance.randrange(len(lines)))
    if chance.random() < 0.2:
        chance.shuffle(lines)
    if chance.random() < 0.8:
        lines.append(("Content-Length", chance.choice((str(len(body)), *NUMBERS))))
    is_response = chance.random() < 0.25
    start = (
        f"SIP/2.0 {chance.choice(STATUSES)} {chance.choice(TEXTS)[:40]}"
        if is_response
        else f"{method} {chance.choice(URIS)} SIP/2.0"
    )
    end = chance.choice(("\r\n", "\r\n", "\r\n", "\n"))
    fold = chance.choice((": ", ": ", ":", " :\r\n "))
    text = end.join([start, *(f"{name}{fold}{value}" for name, value in lines), "", ""])
    return text.encode(errors="surrogateescape") + body


def _body(chance: random.Random) -> bytes:
    if chance.random() < 0.4:
        return b""
    lines = [chance.choice(SDP_LINES) for _ in range(chance.randrange(1, 14))]
    return "\r\n".join([*lines, ""]).encode()
