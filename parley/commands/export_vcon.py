"""The options of parley export --format vcon, and what they come to."""

import argparse
import os
import secrets
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import apsw
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from parley import newly, vcon_keys, vcons
from parley.commands import NotLikeThis, place
from recordings.vcon import building, certificates, encrypting, signing
from recordings.vcon.contents import is_https
from recordings.vcon.errors import VconError
from recordings.vcon.values import uuid8
from runtime import checkpoint
from runtime.log_key import ORIGIN

NAMES = ("external", "audio", "sign_key", "sign_cert", "sign_alg", "encrypt", "encrypt_alg")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("of a vCon")
    group.add_argument(
        "--external", metavar="URL", help="audio in files beside it, which are to be found there"
    )
    group.add_argument("--audio", choices=("wav", "opus"), help="how it is written (default: wav)")
    group.add_argument("--sign-key", type=Path, metavar="PEM", help="sign with this private key")
    group.add_argument(
        "--sign-cert", type=Path, metavar="PEM", help="its certificate, then issuers"
    )
    group.add_argument(
        "--sign-alg", choices=vcon_keys.ALGORITHMS, help="without --sign-key (default: RS256)"
    )
    group.add_argument(
        "--encrypt",
        type=Path,
        metavar="PEM",
        action="append",
        help="for whoever has this certificate or public key; may be repeated",
    )
    group.add_argument(
        "--encrypt-alg",
        choices=(encrypting.RSA_OAEP, encrypting.RSA_OAEP_256),
        help=f"for RSA keys (default: {encrypting.RSA_OAEP})",
    )


def check(args: argparse.Namespace) -> None:
    """Raises NotLikeThis for options that do not go together."""
    given = [name for name in NAMES if getattr(args, name) is not None]
    if given and args.format != "vcon":
        raise NotLikeThis(f"--{given[0].replace('_', '-')} goes with --format vcon")
    if (args.sign_key is None) != (args.sign_cert is None):
        raise NotLikeThis("--sign-key and --sign-cert go together: a key and its certificate")
    if args.sign_key is not None and args.sign_alg is not None:
        raise NotLikeThis("--sign-alg: the key that --sign-key names has its own")
    if args.encrypt_alg is not None and args.encrypt is None:
        raise NotLikeThis("--encrypt-alg: for whom? --encrypt PEM")
    if args.external is not None and not is_https(args.external):
        raise NotLikeThis("--external is the https address below which the recipient finds audio")


def holds(args: argparse.Namespace) -> str:
    if args.encrypt is None:
        return "it holds the call in clear"
    if args.external is not None:
        return "the files beside it hold the recording in clear"
    return "and encrypted for whom you named"


def write(
    args: argparse.Namespace,
    here: place.Place,
    rows: apsw.Connection,
    call: str,
    *,
    now_us: int,
    log_key: Ed25519PrivateKey,
) -> list[str]:
    """Make the vCon and write it. Answers the chunks that would not open."""
    if os.path.lexists(args.to):
        raise FileExistsError(f"{args.to} exists")
    try:
        identity = _identity(args, here, now_us, log_key)
        recipients = [vcon_keys.recipient(path) for path in args.encrypt or ()]
    except vcon_keys.BadPem as error:
        raise NotLikeThis(str(error)) from error
    shelf = _shelf(args)
    try:
        uuid = uuid8(now_us, secrets.randbits(12), certificates.domain_of(identity.chain[0]))
        gathered = vcons.gather(
            rows,
            call,
            key=here.keystore().key,
            recordings=here.recordings,
            verifier_key=checkpoint.verifier_key(ORIGIN, log_key.public_key()),
            uuid=uuid,
            created_us=now_us,
            audio=args.audio or "wav",
            shelf=shelf,
        )
        made = signing.sign(building.build(gathered.told), uuid, identity.key, identity.chain)
        if recipients:
            algorithm = args.encrypt_alg or encrypting.RSA_OAEP
            made = encrypting.encrypt(made, uuid, recipients, algorithm)
        with newly.made(args.to) as file:
            file.write(made)
    except BaseException as error:
        shelf.clear()
        if isinstance(error, vcons.TooMuchAudio | VconError):
            raise NotLikeThis(str(error)) from error
        raise
    _tell(gathered, identity, shelf)
    return gathered.unreadable


def _identity(
    args: argparse.Namespace, here: place.Place, now_us: int, log_key: Ed25519PrivateKey
) -> vcon_keys.Identity:
    if args.sign_key is not None:
        return vcon_keys.named(args.sign_key, args.sign_cert)
    # No name of this machine, and still one that no other installation has.
    public = log_key.public_key().public_bytes_raw()
    domain = f"parley-{sha256(public).hexdigest()[:16]}.invalid"
    now = datetime.fromtimestamp(now_us // 1_000_000, UTC)
    return vcon_keys.own(here.data, args.sign_alg or "RS256", domain, now)


def _shelf(args: argparse.Namespace) -> vcons.Inline | vcons.Beside:
    if args.external is None:
        return vcons.Inline()
    return vcons.Beside(args.to.parent, args.external)


def _tell(
    gathered: vcons.Gathered, identity: vcon_keys.Identity, shelf: vcons.Inline | vcons.Beside
) -> None:
    if gathered.silent is not None:
        print(f"without audio: {gathered.silent}")
    if gathered.unproved is not None:
        print(f"without a proof of the log: {gathered.unproved}")
    if isinstance(shelf, vcons.Beside):
        for path in shelf.written:
            print(f"written: {path}, to be served below {shelf.url}")
    print(identity.note)
