"""Who looked: every time that words or sound of calls are shown to somebody, as a row.

The name is that of the operator, in clear: a trail whose names could be destroyed would be none.
"""

from enum import StrEnum

from runtime import Context, Refused, Sealed, reducer, table


class Looked(StrEnum):
    SHOWN = "shown"
    TRANSCRIPT = "transcript"
    EXPORTED = "exported"
    SEARCHED = "searched"
    REDACTED = "redacted"
    REPLAYED = "replayed"


@table(name="access", index=(("call",), ("who",)), append_only=True)
class Access:
    """Somebody saw something. `call` is empty where they searched in all."""

    id: str
    who: str
    looked: Looked
    call: str
    what: tuple[str, ...]
    """Artefacts: "transcript", "audio", "actions_pii", "original" and such."""
    from_us: int | None
    """The range of the call that was seen; none for all of it."""
    until_us: int | None
    query: Sealed[str] | None
    """What was looked for; of a restricted call, why it was looked at."""
    hits: int
    at_us: int


WHAT_MAX = 16
NAME_MAX = 200


@reducer
def media_disclosed(
    ctx: Context,
    *,
    who: str,
    looked: Looked,
    call: str,
    what: tuple[str, ...],
    from_us: int | None = None,
    until_us: int | None = None,
    query: Sealed[str] | None = None,
    hits: int = 0,
) -> str:
    """Somebody is about to see this. Answers the id of the row."""
    if not 0 < len(who) <= NAME_MAX:
        raise Refused(f"who looks is named, in at most {NAME_MAX} letters")
    if len(what) > WHAT_MAX:
        raise Refused(f"at most {WHAT_MAX} artefacts are looked at in one go")
    row = Access(
        id=ctx.new_id("access"),
        who=who,
        looked=looked,
        call=call,
        what=what,
        from_us=from_us,
        until_us=until_us,
        query=query,
        hits=hits,
        at_us=ctx.now,
    )
    ctx.table(Access).insert(row)
    return row.id
