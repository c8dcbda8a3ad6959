"""A stranger's vCon in words. Whatever it says, it says in plain letters."""

from collections.abc import Iterator, Sequence
from typing import Any

from parley.plain import Plain
from recordings.vcon import certificates
from recordings.vcon.opening import Opened
from recordings.vcon.signing import Signer

TEXT_MAX = 400
LINES_MAX = 500


def plainly(value: object) -> str:
    """For a terminal: nothing that moves its cursor or changes its colours, and not endless."""
    text = str(value)
    cut = text[:TEXT_MAX] + ("…" if len(text) > TEXT_MAX else "")
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in cut)


def report(opened: Opened) -> Plain:
    """What can be said for and against it, as plain data."""
    return {
        "uuid": opened.vcon.get("uuid"),
        "forms": list(opened.forms),
        "signers": [_signer(one) for one in opened.signers],
        "failures": [*_unsigned(opened), *opened.problems],
        "dropped": list(opened.dropped),
        "notes": list(opened.notes),
    }


def verdict(opened: Opened, *, trusted: bool) -> Iterator[str]:
    """Each claim in a line: what holds, what does not, what to know of it."""
    for signer in opened.signers:
        who = plainly(certificates.named(signer.certificate))
        yield f"holds: signed by {who} ({signer.algorithm})"
        if signer.anchor is not None:
            by = plainly(certificates.named(signer.anchor))
            yield f"holds: {by} vouches for that, whom you trust"
        if signer.doubt is not None:
            yield f"note: its chain does not hold: {plainly(signer.doubt)}"
    if opened.signers and not trusted:
        prints = ", ".join(certificates.fingerprint(one.certificate) for one in opened.signers)
        yield f"note: nobody you trust vouches for it; --ca PEM checks; SHA-256 {prints}"
    for failure in (*_unsigned(opened), *opened.problems):
        yield f"fails: {plainly(failure)}"
    if not opened.problems:
        yield "holds: it is well made, as draft-ietf-vcon-vcon-core has it"
    yield from warnings(opened)


def warnings(opened: Opened) -> Iterator[str]:
    for name in opened.dropped:
        yield f"dropped: {plainly(name)} stands beside what is signed, and says nothing"
    for note in opened.notes:
        yield f"note: {plainly(note)}"


def told(opened: Opened) -> Iterator[str]:
    """The vCon itself, in outline."""
    vcon = opened.vcon
    yield f"vCon {vcon['uuid']}, made {plainly(vcon['created_at'])}"
    if "subject" in vcon:
        yield plainly(vcon["subject"])
    yield f"form: {', '.join(opened.forms)}"
    for signer in opened.signers:
        yield f"signed by {plainly(certificates.named(signer.certificate))}"
    for failure in _unsigned(opened):
        yield f"note: {failure}"
    lines = [*_parties(vcon), *_dialogs(vcon), *_others(vcon)]
    yield from lines[:LINES_MAX]
    if len(lines) > LINES_MAX:
        yield f"and {len(lines) - LINES_MAX} lines more: --json shows all"
    yield from warnings(opened)


def _unsigned(opened: Opened) -> Sequence[str]:
    return () if opened.is_signed else ("it is not signed: nobody stands for what it says",)


def _signer(signer: Signer) -> Plain:
    anchor = signer.anchor
    return {
        "subject": certificates.named(signer.certificate),
        "sha256": certificates.fingerprint(signer.certificate),
        "algorithm": signer.algorithm,
        "doubt": signer.doubt,
        "trusted_through": None if anchor is None else certificates.named(anchor),
    }


def _parties(vcon: Any) -> Iterator[str]:
    for index, party in enumerate(vcon.get("parties", ())):
        names = ("type", "name", "tel", "sip", "mailto")
        facts = [plainly(party[name]) for name in names if name in party]
        yield f"party {index}: {', '.join(facts) or 'nothing is known'}"


def _dialogs(vcon: Any) -> Iterator[str]:
    for index, dialog in enumerate(vcon.get("dialog", ())):
        facts = [plainly(dialog["type"]), f"from {plainly(dialog['start'])}"]
        facts += [f"{dialog['duration']:g} s"] if "duration" in dialog else []
        facts += [f"parties {plainly(dialog['parties'])}"] if "parties" in dialog else []
        facts += [plainly(dialog["mediatype"])] if "mediatype" in dialog else []
        facts += [f"{plainly(dialog['disposition'])}"] if "disposition" in dialog else []
        facts += [f"at {plainly(dialog['url'])}, never fetched"] if "url" in dialog else []
        yield f"dialog {index}: {', '.join(facts)}"
        for event in dialog.get("party_history", ()):
            button = f" {plainly(event['button'])}" if "button" in event else ""
            time = plainly(event["time"])
            yield f"  {time}  party {event['party']}: {plainly(event['event'])}{button}"


def _others(vcon: Any) -> Iterator[str]:
    for index, analysis in enumerate(vcon.get("analysis", ())):
        kind, vendor = plainly(analysis["type"]), plainly(analysis["vendor"])
        yield f"analysis {index}: {kind}, by {vendor}"
    for index, attachment in enumerate(vcon.get("attachments", ())):
        purpose = plainly(attachment.get("purpose", "for no purpose that is said"))
        yield f"attachment {index}: {purpose}, from party {attachment['party']}"
