"""parley identity: who may act, and who no longer."""

import argparse
import base64
import os
from pathlib import Path
from typing import Any

import apsw
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from parley import moment, operating
from parley.commands import NotLikeThis, finding, place, verbs
from runtime.checkpoint import private_key_to_pem
from runtime.identities.rules import Kind
from runtime.identities.tables import Identity
from runtime.tables import select

EXAMPLES = """\
examples:
  parley identity new --name Ann --role operator --out ann.pem
  parley identity list
  parley identity suspend id_8a88e3dd7409f195fd52 --why "on leave"
  parley identity resume id_8a88e3dd7409f195fd52
  parley identity revoke id_8a88e3dd7409f195fd52 --why "left the house" """


def add_arguments(parser: argparse.ArgumentParser) -> None:
    found = parser.add_subparsers(metavar="VERB", required=True)
    new = verbs.add(
        found,
        "new",
        _new,
        "make a key, register its identity and let it act",
        "parley identity new --name Ann --role operator --out ann.pem",
    )
    new.add_argument("--name", required=True, metavar="N", help="what people call it")
    new.add_argument("--kind", choices=[str(kind) for kind in Kind], default=str(Kind.PERSON))
    new.add_argument(
        "--role", action="append", default=[], metavar="R", help="what it may do; repeat for more"
    )
    new.add_argument("--tenant", default="", metavar="T", help="whose it is")
    new.add_argument(
        "--out", type=Path, metavar="FILE", help="where its private key goes (default: NAME.pem)"
    )
    verbs.add(found, "list", _list, "every identity in one line", "parley identity list --json")
    for name, run, summary in (
        ("suspend", _suspend, "it may not act until it is resumed; its logins end"),
        ("resume", _resume, "it may act again"),
        ("revoke", _revoke, "it never acts again; its logins end"),
    ):
        example = f"parley identity {name} id_8a88e3dd7409f195fd52"
        verb = verbs.add(found, name, run, summary, example)
        verb.add_argument("id", metavar="ID", help="the id of the identity")
        if name != "resume":
            verb.add_argument("--why", default="", metavar="TEXT", help="kept with the change")
    parser.epilog = EXAMPLES


run = verbs.perform


def _new(args: argparse.Namespace) -> int:
    out: Path = args.out or Path(f"{_file_name(args.name)}.pem")
    key = Ed25519PrivateKey.generate()
    # On disk before the identity is: a key that is lost cannot be given to it again.
    _write(out, private_key_to_pem(key))
    try:
        found = operating.perform(
            place.place_of(args),
            "identity.new",
            name=args.name,
            kind=args.kind,
            roles=args.role,
            tenant=args.tenant,
            key=key.public_key().public_bytes_raw(),
        )
    except BaseException:
        out.unlink()
        raise
    if args.json:
        print(finding.as_json({**found, "key_file": str(out)}))
        return 0
    print(f"{found['id']}  {args.name}, {args.kind}, {', '.join(args.role) or 'no role'}")
    print(f"its private key is in {out}: keep it safe, there is no other copy")
    print(f"to act with it: parley act REDUCER --key {out}")
    return 0


def _list(args: argparse.Namespace) -> int:
    with place.reading(place.place_of(args)) as rows:
        found = _identities(rows)
    if args.json:
        print(finding.as_json([_as_json(row) for row in found]))
        return 0
    for row in found:
        roles = ",".join(row.roles) or "-"
        why = f" ({row.why})" if row.why else ""
        print(
            f"{row.id}  {row.state:<10}  {row.kind:<7}  {roles:<20}  {row.tenant or '-':<10}"
            f"  {moment.clock(row.changed_us)}  {row.name}{why}"
        )
    if not found:
        print("no identity yet: parley identity new --name YOU --role operator")
    return 0


def _suspend(args: argparse.Namespace) -> int:
    return _changed(args, "suspend", "suspended: it may not act until you resume it", why=args.why)


def _resume(args: argparse.Namespace) -> int:
    return _changed(args, "resume", "active again: its people log in anew")


def _revoke(args: argparse.Namespace) -> int:
    return _changed(args, "revoke", "revoked for good: make a new one if need be", why=args.why)


def _changed(args: argparse.Namespace, verb: str, said: str, **more: str) -> int:
    found = operating.perform(_existing(args), f"identity.{verb}", id=args.id, **more)
    print(finding.as_json(found) if args.json else f"{found['id']} is {said}")
    return 0


def _existing(args: argparse.Namespace) -> place.Place:
    """Raises NotLikeThis where there is no store: a typing mistake must not make one."""
    here = place.place_of(args)
    with place.reading(here):
        return here


def _identities(rows: apsw.Connection) -> list[Identity]:
    found = select(rows, Identity, (), ())
    return sorted(found, key=lambda row: (row.registered_us, row.id))


def _as_json(row: Identity) -> dict[str, Any]:
    return {
        "id": row.id,
        "kind": row.kind,
        "state": row.state,
        "key": base64.b64encode(row.key).decode(),
        "roles": list(row.roles),
        "tenant": row.tenant,
        "name": row.name,
        "registered_us": row.registered_us,
        "changed_us": row.changed_us,
        "why": row.why,
    }


def _file_name(name: str) -> str:
    plain = "".join(letter if letter.isalnum() else "-" for letter in name.lower())
    return plain.strip("-") or "identity"


def _write(path: Path, pem: bytes) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise NotLikeThis(f"{path} exists: name another file with --out") from error
    except OSError as error:
        why = f"{path} cannot be written: {error.strerror}; name another file with --out"
        raise NotLikeThis(why) from error
    try:
        os.write(handle, pem)
        os.fsync(handle)
    finally:
        os.close(handle)
