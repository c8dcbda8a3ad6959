"""Rows of a transcript: only ever added, one after the other, under the key of the words."""

import pytest

from runtime import Refused, Sealed, reducer
from runtime.context import Context
from runtime.store import Store
from transcripts.effective import effective, revised
from transcripts.reducers import add, transcript_corrected, transcript_redacted
from transcripts.tables import Change, Revised, Revision, Segment

pytestmark = pytest.mark.anyio


def sealed(text: str, key: str = "key_w") -> Sealed[str]:
    return Sealed(key, text.encode(), b"commitment")


def change(text: str, key: str = "key_w") -> Revised:
    return Revised("ann", sealed("why", key), ("iban:1-2",), sealed(text, key))


SEGMENT = Segment("s1", "c1", "caller", sealed("as heard"), 0, 1, "e", "dictation", 900)


@reducer
def transcript_heard(ctx: Context, segment: Segment, redacted: Revised | None) -> None:
    """As a session has it added."""
    add(ctx, segment, redacted)


async def heard(store: Store, redacted: Revised | None = None) -> None:
    await store.act(transcript_heard, sender="node", scope="c1", segment=SEGMENT, redacted=redacted)


async def shown(store: Store) -> Sealed[str]:
    changes = revised(await store.reader.rows(Revision)).get("s1", [])
    return effective(SEGMENT, changes)


async def test_the_last_change_is_what_counts(store: Store) -> None:
    await heard(store)
    assert await store.reader.rows(Segment) == [SEGMENT]
    assert await shown(store) == SEGMENT.text
    for after, (action, text) in enumerate(
        ((transcript_corrected, "better"), (transcript_redacted, "less"))
    ):
        done = {"segment": "s1", "after": after, "revised": change(text)}
        assert await store.act(action, sender="operator", scope="c1", **done) == f"s1/{after + 1}"
    assert await shown(store) == sealed("less")
    rows = await store.reader.rows(Revision)
    assert [(row.n, row.change) for row in rows] == [(1, Change.CORRECTED), (2, Change.REDACTED)]


async def test_what_is_hidden_at_once_was_never_shown(store: Store) -> None:
    await heard(store, change("hidden"))
    assert await shown(store) == sealed("hidden")


async def test_a_change_of_what_has_changed_meanwhile_is_refused(store: Store) -> None:
    await heard(store, change("hidden"))
    with pytest.raises(Refused, match="changed meanwhile"):
        await store.act(
            transcript_corrected, sender="operator", segment="s1", after=0, revised=change("x")
        )


async def test_a_change_is_sealed_under_the_key_of_the_words(store: Store) -> None:
    await heard(store)
    with pytest.raises(Refused, match="sealed under the key of its words"):
        await store.act(
            transcript_redacted,
            sender="operator",
            segment="s1",
            after=0,
            revised=change("x", "another"),
        )
    assert await store.reader.rows(Revision) == []
