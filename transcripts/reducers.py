"""The only code that adds to a transcript. Nothing in it is ever changed: what is added counts."""

from runtime import Context, Refused, reducer
from transcripts.tables import Change, Revised, Revision, Segment


def add(ctx: Context, segment: Segment, redacted: Revised | None = None) -> None:
    """Words were heard or played; what readers may not see of them is hidden in the same commit."""
    ctx.table(Segment).insert(segment)
    if redacted is not None:
        _revise(ctx, segment.id, 0, Change.REDACTED, redacted)


@reducer
def transcript_corrected(ctx: Context, segment: str, after: int, revised: Revised) -> str:
    """Somebody heard it better. `after`: so many revisions they knew. Answers the revision's id."""
    return _revise(ctx, segment, after, Change.CORRECTED, revised)


@reducer
def transcript_redacted(ctx: Context, segment: str, after: int, revised: Revised) -> str:
    """Words are not shown any more. `after`: so many revisions were known. Answers its id."""
    return _revise(ctx, segment, after, Change.REDACTED, revised)


def carried(ctx: Context, segment: str, after: int, change: Change, revised: Revised) -> None:
    """It is sealed under another key from now on, and what was before is destroyed with the old."""
    _append(ctx, segment, after, change, revised)


def _revise(ctx: Context, segment: str, after: int, change: Change, revised: Revised) -> str:
    before = ctx.table(Revision).where(segment=segment)
    last = max(before, key=_n).text if before else ctx.table(Segment).one(segment).text
    if revised.text.key_id != last.key_id or revised.why.key_id != last.key_id:
        raise Refused(f"what is said of {segment} is sealed under the key of its words")
    return _append(ctx, segment, after, change, revised)


def _append(ctx: Context, segment: str, after: int, change: Change, revised: Revised) -> str:
    row = ctx.table(Segment).one(segment)
    revisions = ctx.table(Revision)
    if len(revisions.where(segment=segment)) != after:
        raise Refused(f"{segment} was changed meanwhile: look at it again")
    n = after + 1
    added = Revision(
        id=f"{segment}/{n}",
        call=row.call,
        segment=segment,
        n=n,
        change=change,
        by=revised.by,
        why=revised.why,
        spans=revised.spans,
        text=revised.text,
        at_us=ctx.now,
    )
    revisions.insert(added)
    return added.id


def _n(revision: Revision) -> int:
    return revision.n
