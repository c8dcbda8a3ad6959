"""parley act: sign an action with a key, and have a server take it."""

import argparse
import http.client
import json
import secrets
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from parley.commands import No, NotLikeThis, finding
from runtime import canonical
from runtime.checkpoint import private_key_from_pem
from runtime.identities import rules, signing
from runtime.log_key import ORIGIN

URL = "http://127.0.0.1:8080"
ANSWER_SECONDS_MAX = 30.0
ANSWER_BYTES_MAX = 1024 * 1024
MISUSES = frozenset({400, 404, 405, 413, 422})

EXAMPLES = """\
examples:
  parley act runtime.identity_suspended --key ann.pem --arg 'identity="id_8a88e3dd7409f195fd52"'
  parley act gates.approved --key ann.pem --scope call_7f3a --arg 'gate="gate_1"' --arg cents=500"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("reducer", metavar="REDUCER", help='its name, "folder.function"')
    parser.add_argument("--scope", metavar="S", help="what it is about, such as the id of a call")
    parser.add_argument(
        "--arg",
        action="append",
        default=[],
        metavar="NAME=JSON",
        help="an argument; repeat for more",
    )
    parser.add_argument(
        "--key", type=Path, required=True, metavar="FILE", help="your private key (PEM)"
    )
    parser.add_argument("--url", default=URL, help=f"the server (default: {URL})")
    parser.add_argument(
        "--request", metavar="ID", help="your name for it: asked again, it is done once"
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.epilog = EXAMPLES


def run(args: argparse.Namespace) -> int:
    key = key_of(args.key)
    request = args.request or secrets.token_hex(8)
    found = _post(args.url, args.reducer, _signed(args, key, request), request)
    if args.json:
        print(finding.as_json({**found, "request": request}))
    else:
        result = json.dumps(found["result"], ensure_ascii=False)
        print(f"done, entry {found['seq']} of the log: {result}")
    return 0


def _signed(args: argparse.Namespace, key: Ed25519PrivateKey, request: str) -> dict[str, Any]:
    """Headers and body."""
    public = key.public_key().public_bytes_raw()
    identity = rules.id_of(public)
    given = dict(_argument(text) for text in args.arg)
    try:
        data = signing.message(
            ORIGIN,
            identity,
            args.reducer,
            scope=args.scope,
            request=f"{identity}/{request}",
            args=given,
        )
    except ValueError as error:
        raise NotLikeThis(f"--arg: {error}") from error
    return {
        "body": canonical.encode({"scope": args.scope, "args": given}),
        "headers": {
            "Content-Type": "application/json",
            "Idempotency-Key": request,
            "Parley-Identity": identity,
            "Parley-Signature": signing.sign(key, data),
        },
    }


def _post(url: str, reducer: str, signed: dict[str, Any], request: str) -> dict[str, Any]:
    """The answer. Raises No where it is no, NotLikeThis where it was asked wrongly."""
    where = f"{url.rstrip('/')}/v1/actions/{urllib.parse.quote(reducer, safe='')}"
    again = f"asked again with --request {request}, it is done once"
    try:
        posted = urllib.request.Request(where, signed["body"], signed["headers"], method="POST")
        with urllib.request.urlopen(posted, timeout=ANSWER_SECONDS_MAX) as answer:
            return _parsed(answer.read(ANSWER_BYTES_MAX))
    except urllib.error.HTTPError as error:
        with error:
            why = _parsed(error.read(ANSWER_BYTES_MAX)).get("why", f"status {error.code}")
        raise (NotLikeThis if error.code in MISUSES else No)(str(why)) from error
    except urllib.error.URLError as error:
        raise NotLikeThis(
            f"no server answers at {url} ({error.reason}): start one with `parley serve`,"
            f" or name it with --url; {again}"
        ) from error
    except (OSError, http.client.HTTPException) as error:
        raise No(f"the server went away before it answered ({error}): {again}") from error
    except ValueError as error:
        raise NotLikeThis(f"{url} is no address of a server: {error}") from error


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        found: Any = json.loads(data)
    except ValueError:
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def key_of(path: Path) -> Ed25519PrivateKey:
    """Somebody's private key. Raises NotLikeThis."""
    try:
        return private_key_from_pem(path.read_bytes())
    except OSError as error:
        raise NotLikeThis(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise NotLikeThis(
            f"{path} holds no Ed25519 private key: `parley identity new` writes one"
        ) from error


def _argument(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    try:
        if name and equals:
            return name, canonical.decode(value.encode())
    except ValueError:
        pass
    hint = json.dumps(value, ensure_ascii=False)
    raise NotLikeThis(f"--arg {text}: write NAME=JSON; text in quotes: --arg '{name}={hint}'")
