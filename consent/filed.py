"""A consent that somebody gave before a call, and that holds in later ones: row 5 of the machine.

A grant in a call files none by itself. Whoever files one says where it is written that this person
agreed to these very words; where they are no longer the words that we say, it does not hold.
"""

import hmac
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256

from consent.policy.saying import TOGETHER
from consent.policy.saying import about as about_scope
from consent.wordings import LANGUAGES, digest, filled, newest
from runtime import Context, Refused, Sealed, reducer, table

TAG_HEX = 32


@table(name="consent_on_file", index=(("subject",),))
class ConsentOnFile:
    """`subject` is a blind tag of whose it is; `party` their URI, `source` where it is written,
    both sealed under a key of this row's own. `wording_sha256`: of the text they agreed to."""

    id: str
    subject: str
    party: Sealed[str]
    scope: str
    wording: str
    wording_sha256: str
    language: str
    source: Sealed[str]
    granted_us: int
    expires_us: int | None
    revoked_us: int | None = None


@reducer
def consent_filed(
    ctx: Context,
    *,
    consent: str,
    subject: str,
    party: Sealed[str],
    about: str,
    wording: str,
    wording_sha256: str,
    language: str,
    source: Sealed[str],
    granted_us: int,
    expires_us: int | None,
) -> str:
    """`party` agreed before to what `about`, a scope, is about; `source` says where that is kept.

    Answers the id.
    """
    if granted_us > ctx.now:
        raise Refused("a consent that is not given yet is none: name an earlier time")
    if expires_us is not None and expires_us <= ctx.now:
        raise Refused("a consent that has expired is none: ask again")
    if party.key_id != source.key_id:
        raise Refused("one key seals whose consent it is and where it is written")
    ctx.table(ConsentOnFile).insert(
        ConsentOnFile(
            id=consent,
            subject=subject,
            party=party,
            scope=about,
            wording=wording,
            wording_sha256=wording_sha256,
            language=language,
            source=source,
            granted_us=granted_us,
            expires_us=expires_us,
        )
    )
    return consent


@reducer(by=("supervisor", "operator", "compliance"))
def consent_revoked(ctx: Context, consent: str) -> None:
    """They take it back: from the next call on they are asked. A call that is up goes on."""
    row = ctx.table(ConsentOnFile).get(consent)
    if row is None:
        raise Refused(f"there is no consent {consent!r} on file: `parley consent list` shows them")
    if row.revoked_us is not None:
        raise Refused(f"{consent} is already revoked")
    ctx.table(ConsentOnFile).replace(replace(row, revoked_us=ctx.now))


def tag(secret: bytes, subject: str) -> str:
    """Whose a consent is, for who knows the secret: a bare hash of a number could be guessed."""
    return hmac.digest(secret, subject.encode(), sha256).hex()[:TAG_HEX]


def current(scope: str, language: str) -> dict[str, str]:
    """The questions that we ask today about a scope, by name: the SHA-256 of what is said."""
    stems = [about_scope(scope), *(stem for *both, stem in TOGETHER if scope in both)]
    found = [newest(f"{stem}-ask-{language}") for stem in stems]
    return {one.id: digest(filled([one.id], [scope])) for one in found if one is not None}


def standing(rows: Sequence[ConsentOnFile], subject: str, now_us: int) -> dict[str, str]:
    """Scope -> id of what holds now for a subject: not revoked, not expired, the words of today.

    Of several the one that was given last.
    """
    holding = [
        row
        for row in rows
        if row.subject == subject
        and row.revoked_us is None
        and (row.expires_us is None or row.expires_us > now_us)
        and row.language in LANGUAGES
        and row.wording_sha256 in current(row.scope, row.language).values()
    ]
    return {row.scope: row.id for row in sorted(holding, key=lambda row: (row.granted_us, row.id))}
