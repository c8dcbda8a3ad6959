"""parley vcon import: a call of others, taken into the store with what vouches for it."""

import argparse
import time
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from secrets import token_hex

from parley import importing, operating, vcon_keys, vcon_telling
from parley.commands import No, NotLikeThis, finding, looks, place
from recordings.vcon import certificates, strict_json
from recordings.vcon.errors import VconError
from recordings.vcon.importing import BASES, Foreign, NotImported, read
from recordings.vcon.opening import Opened, open_vcon
from runtime.tables import select
from sessions.imported_tables import ImportedCall

EXAMPLE = "parley vcon import call.vcon --trust theirs.pem"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    place.add_arguments(parser)
    parser.add_argument("file", type=Path, metavar="FILE", help="the vCon")
    parser.add_argument(
        "--key", type=Path, metavar="KEY", help="yours, if it is encrypted: PEM or JWK"
    )
    parser.add_argument(
        "--trust", type=Path, metavar="PEM", help="whose certificates, or which one, you trust"
    )
    parser.add_argument("--unsigned", action="store_true", help="also where nobody signed it")
    parser.add_argument(
        "--basis",
        choices=BASES,
        help="why it may be kept, where it does not say: your assertion, and recorded as that",
    )
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(args: argparse.Namespace) -> int:
    here = place.place_of(args)
    opened, digest = _opened(args)
    try:
        foreign = read(opened.vcon, datetime.fromtimestamp(time.time(), UTC))
    except NotImported as error:
        raise No(f"{args.file} is not imported: {error}") from error
    origin = _origin(args, opened, foreign, digest)
    with place.reading(here) as rows:
        known = select(rows, ImportedCall, ("uuid",), (foreign.uuid,))
    for one in known:
        if one.sha256 == digest:
            return _say(args, one.id, [], again=True)
    call, notes = _import(here, foreign, origin)
    return _say(args, call, [*opened.notes, *notes], again=False)


def _import(here: place.Place, foreign: Foreign, origin: importing.From) -> tuple[str, list[str]]:
    bundle = here.data / f"import-{token_hex(8)}.json"
    try:
        coming = importing.Import(here.keystore(), here.recordings)
        content, notes = coming.bundle(foreign, origin)
        with bundle.open("xb") as file:
            bundle.chmod(0o600)
            file.write(content)
    except OSError as error:
        bundle.unlink(missing_ok=True)
        raise No(f"{here.data} cannot be written: {error.strerror}") from error
    try:
        # Where that fails nobody knows whether it was done: keys that no row names are swept.
        found = operating.perform(here, "vcon.import", bundle=str(bundle.resolve()))
    finally:
        bundle.unlink(missing_ok=True)
    return found["call"], notes


def _opened(args: argparse.Namespace) -> tuple[Opened, str]:
    """The vCon, and the hash of what was signed. Raises No for what does not hold."""
    try:
        anchors = [] if args.trust is None else vcon_keys.authorities(args.trust)
        key = None if args.key is None else vcon_keys.private(args.key)
    except vcon_keys.BadPem as error:
        raise NotLikeThis(str(error)) from error
    try:
        with args.file.open("rb") as file:
            data = file.read(strict_json.BYTES_MAX + 1)
    except OSError as error:
        raise NotLikeThis(f"{args.file} cannot be read: {error.strerror}") from error
    now = datetime.fromtimestamp(time.time(), UTC)
    try:
        opened = open_vcon(data, now=now, anchors=anchors, key=key)
    except VconError as error:
        raise No(f"{args.file}: {vcon_telling.plainly(str(error))}") from error
    if opened.problems:
        why = vcon_telling.plainly(opened.problems[0])
        raise No(f"{args.file} is no vCon that can be kept: {why}; `parley vcon verify` lists all")
    if not opened.is_signed and not args.unsigned:
        raise No(f"{args.file} is not signed, nobody stands for it: --unsigned takes it")
    return opened, sha256(opened.payload).hexdigest()


def _origin(
    args: argparse.Namespace, opened: Opened, foreign: Foreign, digest: str
) -> importing.From:
    bases = foreign.bases or ((args.basis,) if args.basis else ())
    if not bases:
        raise No(
            f"{args.file} does not say on which basis it may be kept: --basis consent (or"
            " another) asserts one in your name"
        )
    signer = opened.signers[0].certificate if opened.signers else None
    return importing.From(
        sha256=digest,
        issuer="" if signer is None else certificates.domain_of(signer)[:200],
        certificate="" if signer is None else certificates.fingerprint(signer),
        trusted=bool(opened.signers) and all(one.anchor is not None for one in opened.signers),
        bases=bases,
        asserted=not foreign.bases,
        by=looks.operator(),
    )


def _say(args: argparse.Namespace, call: str, notes: list[str], *, again: bool) -> int:
    if args.json:
        print(finding.as_json({"call": call, "again": again, "notes": notes}, ascii=True))
        return 0
    print(f"{'imported before' if again else 'imported'}: {call}")
    for note in notes:
        print(f"note: {vcon_telling.plainly(note)}")
    return 0
