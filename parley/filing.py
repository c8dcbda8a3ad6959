"""What an operator can have done about consents that were given before a call."""

from collections.abc import Awaitable, Callable
from typing import Any

from consent.filed import ConsentOnFile, consent_filed, consent_revoked, current, tag
from consent.wordings import LANGUAGES
from parley.asked import OPERATOR, Args, Misused, request_of, text
from runtime.store import Store
from sessions.house import House
from sessions.parties import callable_uri, party
from telephony.sip.errors import GrammarError

DAYS_MAX = 3_650
DAY_US = 86_400_000_000


async def consent_revoke(store: Store, asked: Args) -> dict[str, Any]:
    """It does not hold any more: id."""
    consent, request = text(asked, "id"), request_of(asked, "revoked")
    await store.act(consent_revoked, sender=OPERATOR, request=request, consent=consent)
    return {"consent": consent}


class Filing:
    """Operations of a running server. `secret` makes the tags of subjects."""

    def __init__(self, house: House, secret: bytes) -> None:
        self._house = house
        self._secret = secret

    @property
    def operations(self) -> dict[str, Callable[[Store, Args], Awaitable[dict[str, Any]]]]:
        return {"consent.file": self.file}

    async def file(self, store: Store, asked: Args) -> dict[str, Any]:
        """Somebody agreed before: uri, scope, language, wording ("" for that of today), source,
        days, or none."""
        uri, subject = _subject(asked)
        wording, sha256 = _wording(asked)
        source = text(asked, "source", "")
        if not source:
            raise Misused("'source' is missing: say where it is written that they agreed")
        days = asked.get("days")
        if days is not None and (type(days) is not int or not 0 < days <= DAYS_MAX):
            raise Misused(f"'days' is a whole number from 1 to {DAYS_MAX}")
        house, now_us = self._house, self._house.clock()
        key = await house.prepare_key()
        used: str = await store.act(
            consent_filed,
            sender=OPERATOR,
            request=request_of(asked, "filed"),
            consent=f"consent_{house.entropy(8).hex()}",
            subject=tag(self._secret, subject),
            party=house.seal(uri, key),
            about=text(asked, "scope"),
            wording=wording,
            wording_sha256=sha256,
            language=text(asked, "language"),
            source=house.seal(source, key),
            granted_us=now_us,
            expires_us=None if days is None else now_us + days * DAY_US,
        )
        (row,) = await store.reader.rows(ConsentOnFile, id=used)
        if row.party.key_id != key:
            # Asked for again after a crash: it was filed under another key.
            await house.discard_key(key)
        return {"consent": used, "wording": wording}


def _subject(asked: Args) -> tuple[str, str]:
    try:
        uri = callable_uri(text(asked, "uri"))
        return uri, party(uri)
    except (ValueError, GrammarError) as error:
        raise Misused(str(error)) from error


def _wording(asked: Args) -> tuple[str, str]:
    """Its name, and the hash of what they were asked. Raises Misused."""
    scope, language = text(asked, "scope"), text(asked, "language")
    if language not in LANGUAGES:
        raise Misused(f"{language!r} is not spoken here: take one of {', '.join(LANGUAGES)}")
    known = current(scope, language)
    if not known:
        raise Misused(f"nobody is asked about {scope!r} in a call: take recording or vendor:NAME")
    wording = text(asked, "wording", "") or next(iter(known))
    if wording not in known:
        raise Misused(f"{wording!r} is not what we ask about {scope} now: {', '.join(known)}")
    return wording, known[wording]
