"""What the schema does not say: indices, contents, times. For what we write, and what we read."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, cast

from recordings.vcon import schema
from recordings.vcon.contents import content_problems
from recordings.vcon.values import read_date

KNOWN_EXTENSIONS = (
    "CC",
    "agent_session",
    "lawful_basis",
    "parley_evidence",
    "wtf_transcription",
)
"""Those that we write, and CC, which only adds to parties and dialogs."""

WITHOUT_CONTENT = ("incomplete", "transfer", "recording-set")
ROLES = ("transferee", "transferor", "transfer_target")
CALLS = ("original", "consultation", "target_dialog")
NOT_IN_A_TRANSFER = ("parties", "originator", "mediatype", "filename")
KEYS = ("keydown", "keyup")

SET_SLACK = timedelta(seconds=2)
"""A recording may begin so much before its set, or end after it: clocks are read at other times."""

LISTED_MAX = 200

Object = Mapping[str, Any]


def problems(vcon: Object) -> list[str]:
    """All that does not hold, each with its place; at most LISTED_MAX. Rules need its shape."""
    wrong = schema.problems(vcon)
    if not wrong:
        wrong = [*_whole(vcon), *_dialogs(vcon), *_analyses(vcon), *_attachments(vcon)]
    return wrong[:LISTED_MAX]


def _whole(vcon: Object) -> Iterator[str]:
    if "redacted" in vcon and "amended" in vcon:
        yield "vcon is both redacted and amended"
    if "updated_at" in vcon and read_date(vcon["updated_at"]) < read_date(vcon["created_at"]):
        yield "vcon.updated_at is before created_at"
    for name in vcon.get("critical", ()):
        if name not in KNOWN_EXTENSIONS:
            yield f"vcon.critical names {name[:40]!r}, which we do not know: it is not to be read"
    for name in ("redacted", "amended"):
        if name in vcon:
            yield from content_problems(vcon[name], f"vcon.{name}", needs_mediatype=False)


def _dialogs(vcon: Object) -> Iterator[str]:
    dialogs = _list(vcon, "dialog")
    for index, dialog in enumerate(dialogs):
        place = f"dialog[{index}]"
        yield from _parties(dialog, len(_list(vcon, "parties")), place)
        yield from _kind(dialog, place)
        yield from _set(dialog, index, dialogs, place)
        for name in CALLS:
            yield from _within(dialog.get(name), len(dialogs), f"{place}.{name}")
        if dialog["type"] not in WITHOUT_CONTENT:
            yield from content_problems(dialog, place, needs_mediatype=True)


def _kind(dialog: Object, place: str) -> Iterator[str]:
    """Which fields go with which type."""
    kind = dialog["type"]
    if kind in WITHOUT_CONTENT:
        for name in ("body", "url"):
            if name in dialog:
                yield f"{place} is of type {kind} and has a {name}"
    if (kind == "incomplete") and "disposition" not in dialog:
        yield f"{place} is incomplete and does not say why"
    if (kind == "recording-set") != ("recordings" in dialog):
        yield f"{place}: recordings belong to a recording-set, and to nothing else"
    if kind != "recording" and "recording_set" in dialog:
        yield f"{place} is of type {kind} and in a recording_set"
    for name in (*ROLES, *CALLS):
        if kind != "transfer" and name in dialog:
            yield f"{place}.{name} belongs to a transfer"
    for name in NOT_IN_A_TRANSFER:
        if kind == "transfer" and name in dialog:
            yield f"{place} is a transfer and has {name}"


def _parties(dialog: Object, count: int, place: str) -> Iterator[str]:
    for name in ("parties", "originator", *ROLES):
        yield from _within(dialog.get(name), count, f"{place}.{name}")
    before = None
    for index, event in enumerate(dialog.get("party_history", ())):
        here = f"{place}.party_history[{index}]"
        yield from _within(event["party"], count, f"{here}.party")
        if event["event"] in KEYS and "button" not in event:
            yield f"{here} does not say which button"
        at = read_date(event["time"])
        if before is not None and at < before:
            yield f"{here} is before the one it follows"
        before = at


def _set(dialog: Object, index: int, dialogs: Sequence[Object], place: str) -> Iterator[str]:
    """A set and its recordings name each other, and the set lasts as long as they do."""
    recordings: Sequence[int] = dialog.get("recordings", ())
    yield from _within(recordings, len(dialogs), f"{place}.recordings")
    if len(set(recordings)) != len(recordings):
        yield f"{place}.recordings names one twice"
    for one in recordings:
        if one < len(dialogs) and dialogs[one]["type"] != "recording":
            yield f"{place}.recordings names dialog[{one}], which is no recording"
    yield from _within(dialog.get("recording_set"), len(dialogs), f"{place}.recording_set")
    belongs: int | None = dialog.get("recording_set")
    if belongs is None or belongs >= len(dialogs):
        return
    whole: Object = dialogs[belongs]
    if index not in whole.get("recordings", ()):
        yield f"{place} is in the set dialog[{belongs}], which does not name it"
    if "duration" in whole and not _is_during(dialog, whole):
        yield f"{place} is not within the time of its set dialog[{belongs}]"


def _is_during(dialog: Object, whole: Object) -> bool:
    try:
        begins, first = read_date(dialog["start"]), read_date(whole["start"])
        ends = begins + timedelta(seconds=dialog.get("duration", 0))
        last = first + timedelta(seconds=whole["duration"])
        return begins >= first - SET_SLACK and ends <= last + SET_SLACK
    except OverflowError:
        return False


def _analyses(vcon: Object) -> Iterator[str]:
    for index, analysis in enumerate(_list(vcon, "analysis")):
        place = f"analysis[{index}]"
        for name, among in (("dialog", "dialog"), ("attachment", "attachments")):
            yield from _within(analysis.get(name), len(_list(vcon, among)), f"{place}.{name}")
        yield from content_problems(analysis, place, needs_mediatype=False)


def _attachments(vcon: Object) -> Iterator[str]:
    for index, attachment in enumerate(_list(vcon, "attachments")):
        place = f"attachments[{index}]"
        for name, among in (("party", "parties"), ("dialog", "dialog")):
            yield from _within(attachment.get(name), len(_list(vcon, among)), f"{place}.{name}")
        yield from content_problems(attachment, place, needs_mediatype=False)


def _within(value: object, count: int, place: str) -> Iterator[str]:
    """Whether all indices are of something, however they are nested."""
    match value:
        case int() if value >= count:
            yield f"{place} names {value}, and there are {count}"
        case list():
            for one in cast("list[object]", value):
                yield from _within(one, count, place)
        case _:
            return


def _list(vcon: Object, name: str) -> Sequence[Object]:
    return cast("Sequence[Object]", vcon.get(name, ()))
