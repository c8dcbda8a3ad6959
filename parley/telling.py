"""A call's record as lines for people."""

from collections.abc import Iterator

from parley import joined, moment, words
from parley.plain import Plain

IDENTITY = {
    "asserted": "asserted",
    "remote_party": "remote party",
    "privacy": "privacy",
    "diversion": "diverted by",
    "history": "history",
    "reason": "reason",
    "verstat": "verified by the carrier",
}

MOS_WORDS = ((4_000, "good"), (3_600, "fair"), (3_100, "poor"))


def told(record: Plain) -> Iterator[str]:
    """Header, consent, transcript, actions, recording. Times count from the answer."""
    call = record["call"]
    zero_us = call["answered_us"] or call["offered_us"]
    yield from _header(call, zero_us)
    yield from _imported(record["imported"])
    yield from _dial(record["dial"])
    yield from (_hold(one, zero_us) for one in record["holds"])
    if record["identity"] is not None:
        yield from _part("Caller, as the network says", list(_identity(record["identity"])))
    call_id = call["id"]
    missed = [one for one in record["joinings"] if one["refused"] or not one["settled_us"]]
    if record["bridges"] or missed:
        lines = [
            line for one in record["bridges"] for line in joined.told_bridge(one, call_id, zero_us)
        ]
        lines += [joined.told_joining(one, call_id, zero_us) for one in missed]
        yield from _part("Joined with others", lines)
    if record["consultations"]:
        lines = [
            line
            for one in record["consultations"]
            for line in joined.told_consultation(one, call_id, zero_us)
        ]
        yield from _part("Consulted", lines)
    yield from _part("Consent", list(_consent(record, zero_us)))
    yield from _part("Transcript", [_segment(one, zero_us) for one in record["transcript"]])
    yield from _part("Actions", [line for one in record["actions"] for line in _action(one)])
    yield from _part("Recording", _recording(record["recording"], zero_us))
    yield from _part("Media", list(media_told(record["media"])))


def _header(call: Plain, zero_us: int) -> Iterator[str]:
    yield f"Call {call['id']}: {call['state']}"
    is_outbound = call["direction"] == "outbound"
    remote, local = words.party(call["remote"]), words.party(call["local"])
    who = f"from {local} to {remote}" if is_outbound else f"from {remote} to {local}"
    yield f"  {call['direction']}, {who}, agent {call['agent']}"
    yield f"  offered   {moment.clock(call['offered_us'])}"
    if call["answered_us"] is not None:
        yield f"  answered  {moment.clock(call['answered_us'])}  (times count from here)"
    if call["ended_us"] is not None:
        ended, after = moment.clock(call["ended_us"]), moment.after(call["ended_us"], zero_us)
        cause = f" ({call['cause']})" if call["cause"] else ""
        yield f"  ended     {ended}  {after}, by {call['ended_by']}{cause}"
    if call["replaces"]:
        yield f"  took the place of {call['replaces']}"
    if call["forgotten"]:
        yield "  nobody agreed to a recording: what was said has been forgotten"


def _imported(origin: Plain | None) -> Iterator[str]:
    if origin is None:
        return
    who = origin["issuer"] or "nobody"
    vouched = ", whom you trust" if origin["trusted"] else ""
    yield f"  imported from vCon {origin['uuid']}, signed by {who}{vouched}; no evidence of ours"
    claimed = f"asserted by {origin['by']}" if origin["asserted"] else "as the vCon claims"
    yield f"  kept on: {', '.join(origin['bases'])}, {claimed}"
    yield from (f"  note: {note}" for note in origin["notes"])


def _dial(dial: Plain | None) -> Iterator[str]:
    if dial is not None:
        source = words.ERASED if dial["erased"] else dial["source"]
        yield f"  dialled by {dial['by']} on {dial['basis']}: {dial['kind']}, {source}"


def _identity(identity: Plain) -> Iterator[str]:
    for kind, title in IDENTITY.items():
        yield from (f"{title}: {value}" for value in identity[kind])
    for claim in identity["passports"]:
        attest = claim["attest"] or "nothing"
        names = ", ".join(claim["orig"]) or "nobody"
        yield f"signed: attests {attest} for {names}; the signature is not checked"


def _hold(hold: Plain, zero_us: int) -> str:
    if hold["since_us"] is None:
        return f"  the {hold['by']} wanted to hold the call, and the other side did not agree"
    since = moment.after(hold["since_us"], zero_us)
    until = "now" if hold["until_us"] is None else moment.after(hold["until_us"], zero_us)
    return f"  held by the {hold['by']} from {since} to {until}"


def _part(title: str, lines: list[str]) -> Iterator[str]:
    yield title
    yield from (f"  {line}" for line in lines or ["none"])


def _consent(record: Plain, zero_us: int) -> Iterator[str]:
    for at_us, text in words.story(record["consent"], record["prompts"]):
        yield f"{moment.after(at_us, zero_us):>8}  {text}"
    if missing := words.unsaid(record):
        ended_us = record["call"]["ended_us"]
        told = "the closing notice was not heard: the line was closed before"
        yield f"{moment.after(ended_us, zero_us):>8}  {missing}: {told}"
    for clip in record["clips"]:
        what = f"a clip of how it was said, {clip['duration_ms'] / 1_000:.1f} s"
        kept = words.ERASED if clip["erased"] else f"kept as {clip['id']}"
        yield f"{moment.after(clip['at_us'], zero_us):>8}  {what}: {kept}"


def _segment(segment: Plain, zero_us: int) -> str:
    said = words.speech(segment["text"], segment["kind"])
    changes: list[Plain] = segment["revisions"]
    changed = f" ({changes[-1]['change']} by {changes[-1]['by']})" if changes else ""
    return f"{moment.after(segment['start_us'], zero_us):>8}  {segment['party']}: {said}{changed}"


def _action(action: Plain) -> Iterator[str]:
    args = words.arguments(action["args"])
    result = "" if action["result"] is None else f": {action['result']}"
    yield f"{action['tool']}({args})  {action['state']}{result}"
    yield f"  idempotency key {action['id']}"


def _recording(recording: Plain | None, zero_us: int) -> list[str]:
    if recording is None:
        return []
    length = f"{recording['seconds']:.1f} s in {recording['chunks']} encrypted chunks"
    lost = [f"with a gap: {recording['lost']}"] if recording["lost"] else []
    gaps = [_gap(gap, zero_us) for gap in recording["gaps"]]
    return [f"{recording['state']}, {length}", *lost, *gaps]


def _gap(gap: Plain, zero_us: int) -> str:
    since = moment.after(gap["from_us"], zero_us)
    seconds = (gap["until_us"] - gap["from_us"]) / 1_000_000
    return f"{since:>8}  {seconds:.1f} s of the {gap['party']} not kept: {gap['why']}"


def media_told(media: Plain | None) -> Iterator[str]:
    """How the sound went, and what was lost of it; nothing without a leg."""
    if media is None:
        return
    yield f"{media['codec']}, {media['srtp'] or 'not encrypted'}"
    quality = media["quality"]
    if quality is None:
        return
    expected = quality["received"] + quality["lost"]
    if not expected:
        yield "nothing was received"
        return
    lost = f"{100 * quality['lost'] / expected:.1f} % of {expected} packets lost"
    yield f"received: {_mos(quality['mos_milli'])}; {lost}, {quality['late']} late"
    jitter = f"jitter {quality['jitter_us'] / 1_000:.1f} ms"
    yield f"  {jitter}, {quality['concealed_ms']} ms made up for"
    trip = quality["round_trip_us"]
    if trip is None:
        yield "sent: the other side reported nothing"
        return
    there = f"{quality['remote_loss_permille'] / 10:.1f} % lost, jitter "
    there += f"{quality['remote_jitter_us'] / 1_000:.1f} ms"
    yield f"sent: {there} over there; round trip {trip / 1_000:.1f} ms"


def _mos(milli: int | None) -> str:
    """The estimate of the E-model, and what listeners mean by it (ITU-T G.107 annex B)."""
    if milli is None:
        return "not estimated"
    word = next((word for least, word in MOS_WORDS if milli >= least), "bad")
    return f"{word} (MOS {milli / 1_000:.1f})"
