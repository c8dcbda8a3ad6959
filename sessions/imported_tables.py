"""Calls that others held, and handed over as a vCon: where each came from."""

from runtime import Sealed, table


@table(name="imported_call", index=(("uuid",),), append_only=True)
class ImportedCall:
    """That a call is not ours: who signed for it, and on which basis it is kept.

    `sha256` is of what was signed. `trusted`: an authority that the operator named vouches for
    the signer. `asserted`: the vCon claimed no basis, and the operator did. Neither is evidence
    of ours.
    """

    id: str
    uuid: str
    sha256: str
    issuer: str
    """Empty where nobody signed."""
    certificate: str
    """SHA-256 of the signer's certificate in DER, as hex; empty where nobody signed."""
    trusted: bool
    bases: tuple[str, ...]
    track_keys: tuple[str, ...]
    """Of the caller's audio and the agent's, if there is any: this row is their right to be."""
    asserted: bool
    by: str
    notes: tuple[str, ...]
    at_us: int


@table(name="imported_part", index=(("call",),), append_only=True)
class ImportedPart:
    """A part of the vCon that is kept as it was: `kind` "parties", "attachment" or "analysis".

    `body` is its JSON, under the words' key (parties: the caller's); none where it was too large.
    """

    id: str
    call: str
    kind: str
    purpose: str
    mediatype: str
    body: Sealed[str] | None
    content_hash: str
