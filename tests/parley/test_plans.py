"""What a live call is owed by the policy that is configured: never less than the law."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from consent.filed import ConsentOnFile, consent_filed, consent_revoked, tag
from consent.policy.plan import Start
from consent.policy.shipped import law
from consent.policy.tables import PolicyKind, PolicyRelease, PolicyText
from consent.policy.terms import Line, OnNo, Role, When
from consent.tables import BasisKind
from consent.terms import QUESTION, Term, ask_terms, never_terms
from consent.wordings import WORDINGS
from parley import cli, simulating
from parley.config import ConfigError, parse
from parley.config.sections import LINES
from parley.plans import LEARNS, NO_AGREEMENT, PlanError, Plans, checked, plans_of
from runtime import Context, reducer
from runtime.query import Reads
from runtime.sealed import Sealed
from runtime.store import Store
from sessions.plans import Facts

pytestmark = pytest.mark.anyio

NOW_US = 1_795_306_000_000_000
SECRET = b"s" * 32
WHO: Sealed[str] = Sealed("key_c", b"box", b"commitment")
BERLIN, CALIFORNIA, TEXAS = "+4930123456", "+14155550123", "+15125550123"


@pytest.fixture
async def store(tmp_path: Path, entropy: Callable[[int], bytes]) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path / "parley.db", lambda: NOW_US, entropy)
    yield opened
    await opened.close()


def plans(rows: Reads, toml: str = "", notes: list[dict[str, Any]] | None = None) -> Plans:
    written = (
        toml if "[consent]" in toml else f'[consent]\npolicy = "law"\nplace = "Dublin"\n{toml}'
    )

    def note(what: str, **facts: Any) -> None:
        if notes is not None:
            notes.append(facts)

    return plans_of(
        parse(written, {}),
        rows=rows,
        secret=SECRET,
        clock=lambda: NOW_US,
        note=note,
    )


def inbound(number: str, **changes: Any) -> Facts:
    fields: dict[str, Any] = {
        "call": "c1",
        "remote": f"sip:{number}@carrier.example",
        "role": Role.CALLER,
        "is_ours": False,
        "is_verified": True,
    }
    return Facts(**(fields | changes))


def owed(terms: Sequence[Term], scope: str) -> Term:
    return next(term for term in terms if term.scope == scope)


async def test_the_caller_is_where_their_number_is(store: Store) -> None:
    of = plans(store.reader)

    german = owed(await of.terms_for(inbound(BERLIN)), "recording")
    texan = owed(await of.terms_for(inbound(TEXAS)), "recording")

    assert german.wording == "recording-and-transcript-ask-de-1"
    assert (german.language, texan.language) == ("de", "en")
    assert german.policy == (law().version,) and german.rules


@pytest.mark.parametrize(
    "remote",
    ["", "sip:anonymous@anonymous.invalid", "sip:alice@example.com", "nonsense", "sip:+1@x"],
)
async def test_who_is_nowhere_known_is_owed_the_strictest(store: Store, remote: str) -> None:
    terms = await plans(store.reader).terms_for(inbound("", remote=remote))

    assert owed(terms, "recording").start is Start.ASK_DUE
    assert owed(terms, "ai_interaction").start is Start.NOTICE_DUE
    assert owed(terms, "live_stt").start is Start.NOTICE_DUE
    assert any(rule.startswith("ZZ/") for rule in owed(terms, "recording").rules)


async def test_the_strictest_of_both_ends_counts(store: Store) -> None:
    """A Texan who calls an operator nobody has placed: the operator's end is the strict one."""
    nowhere = plans(store.reader, '[consent]\npolicy = "law"\n')
    here = plans(store.reader, '[consent]\npolicy = "law"\nplace = "Texas"\n')

    assert owed(await nowhere.terms_for(inbound(TEXAS)), "recording").start is Start.ASK_DUE
    assert owed(await here.terms_for(inbound(TEXAS)), "recording").start is not Start.ASK_DUE


async def test_a_colleague_is_asked_by_the_law_of_the_caller_too(store: Store) -> None:
    of = plans(store.reader, '[consent]\npolicy = "law"\nplace = "Texas"\n')
    colleague = inbound(TEXAS, role=Role.HUMAN, is_ours=True)
    about = inbound(
        TEXAS, role=Role.HUMAN, is_ours=True, with_others=((Role.CALLER, f"tel:{CALIFORNIA}"),)
    )

    assert owed(await of.terms_for(colleague), "recording").start is not Start.ASK_DUE
    assert owed(await of.terms_for(about), "recording").start is Start.ASK_DUE


async def test_a_call_of_ours_is_an_outbound_call(store: Store) -> None:
    of = plans(store.reader)
    agreed = inbound(CALIFORNIA, is_ours=True, basis=BasisKind.CONSENT)
    not_agreed = inbound(CALIFORNIA, is_ours=True, basis=BasisKind.CONTRACT)

    voice = owed(await of.terms_for(agreed), "outbound_ai_voice")
    assert (voice.start, voice.on_file) == (Start.OPEN, "c1")
    assert voice.when is When.BEFORE_CALL and voice.wording == ""
    assert owed(await of.terms_for(not_agreed), "outbound_ai_voice").start is Start.DISABLED


async def test_the_named_policies_are_the_same_for_all(store: Store) -> None:
    ask = plans(store.reader, "[consent]\n")
    never = plans(store.reader, '[consent]\npolicy = "never"\n')

    assert await ask.terms_for(inbound(BERLIN)) == ask_terms()
    assert await never.terms_for(inbound(BERLIN)) == never_terms()


async def test_under_ask_one_question_decides_what_is_kept(store: Store) -> None:
    asked = [term for term in ask_terms() if term.start is Start.ASK_DUE]

    assert [term.scope for term in asked] == ["recording", "transcript_retention"]
    assert {term.wording for term in asked} == {QUESTION}
    assert {term.scope for term in ask_terms() if term.start is Start.OPEN} >= {
        "ai_interaction",
        "live_stt",
    }


async def test_a_file_tightens_what_the_law_asks(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "ours.toml"
    path.write_text(
        '[[cell]]\njurisdictions = ["*"]\nscopes = ["recording", "transcript_retention"]\n'
        'due = "ask"\nsource = "the board"\nreviewed = 2026-05-03\n'
    )
    of = plans(store.reader, f'[consent]\npolicy = "{path}"\nplace = "Texas"\n')

    term = owed(await of.terms_for(inbound(TEXAS)), "recording")
    assert term.start is Start.ASK_DUE
    assert len(term.policy) == 2


@reducer
def put_policy(ctx: Context, text: PolicyText, release: PolicyRelease) -> None:
    """As the reducers of a policy leave it, without its two approvers."""
    ctx.table(PolicyText).insert(text)
    ctx.table(PolicyRelease).insert(release)


async def publish(store: Store, text: str, under: str | None = None, from_us: int = 0) -> str:
    """As rows, the way the reducers leave them; `under` another version than the text's own."""
    version = under or sha256(text.encode()).hexdigest()
    rows = (
        PolicyText(version, PolicyKind.TENANT, text, 1),
        PolicyRelease(f"r{from_us}", "", version, from_us, from_us),
    )
    await store.act(put_policy, sender="node", text=rows[0], release=rows[1])
    return version


async def test_what_was_published_counts_from_its_time_on(store: Store) -> None:
    of = plans(store.reader, '[consent]\npolicy = "law"\nplace = "Texas"\n')
    text = (
        '[[cell]]\njurisdictions = ["*"]\nscopes = ["recording"]\ndue = "ask"\n'
        'source = "ours"\nreviewed = 2026-05-03\n'
    )
    await publish(store, text, from_us=NOW_US + 1)
    before = owed(await of.terms_for(inbound(TEXAS)), "recording")
    version = await publish(store, text + "#\n", from_us=NOW_US)
    after = owed(await of.terms_for(inbound(TEXAS)), "recording")

    assert before.start is not Start.ASK_DUE
    assert after.start is Start.ASK_DUE and after.policy[-1] == version


async def test_a_published_text_that_is_not_what_it_says_makes_the_plan_the_strictest(
    store: Store,
) -> None:
    await publish(store, "due = [", under="0" * 64)
    of = plans(store.reader, '[consent]\npolicy = "law"\nplace = "Texas"\n')

    assert owed(await of.terms_for(inbound(TEXAS)), "recording").start is Start.ASK_DUE


class Broken:
    """A reader whose store cannot be read."""

    async def sql(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        raise OSError("the disk is gone")

    async def rows(self, cls: type[Any], **equals: Any) -> list[Any]:
        raise OSError("the disk is gone")

    async def close(self) -> None:
        return


async def test_where_the_policy_cannot_be_read_the_strictest_counts_and_somebody_is_told() -> None:
    notes: list[dict[str, Any]] = []
    of = plans(Broken(), '[consent]\npolicy = "law"\nplace = "Texas"\n', notes)

    terms = await of.terms_for(inbound(TEXAS))

    assert owed(terms, "recording").start is Start.ASK_DUE
    assert owed(terms, "training").start is Start.ASK_DUE
    assert owed(terms, "training").when is When.AFTER_CALL
    assert notes[0]["call"] == "c1" and "OSError" in notes[0]["why"]
    assert TEXAS not in str(notes)


async def test_a_trading_line_records_or_does_not_serve(store: Store) -> None:
    of = plans(store.reader, '[consent]\npolicy = "law"\nplace = "Dublin"\nline = "trading"\n')

    term = owed(await of.terms_for(inbound(BERLIN)), "recording")

    assert term.must_record and term.on_no is OnNo.END_WITH_REASON
    assert term.wording == "recording-trading-notice-de-1"


VENDORS = """
[[vendor]]
name = "acme"
agreement = "DPA 2026-04"
[[vendor]]
name = "bolt"
[[vendor]]
name = "cargo"
agreement = "DPA"
training = true
"""


async def test_a_vendor_without_an_agreement_gets_nothing(store: Store) -> None:
    terms = await plans(store.reader, VENDORS).terms_for(inbound(CALIFORNIA))

    assert owed(terms, "vendor:acme").start is Start.ASK_DUE
    for scope, why in (("vendor:bolt", NO_AGREEMENT), ("vendor:cargo", LEARNS)):
        term = owed(terms, scope)
        assert (term.start, term.wording) == (Start.DISABLED, "")
        assert term.rules[-1] == why


async def file(store: Store, **changes: Any) -> str:
    wording = WORDINGS["recording-ask-de-1"]
    fields: dict[str, Any] = {
        "consent": "f1",
        "subject": tag(SECRET, BERLIN),
        "party": WHO,
        "about": "recording",
        "wording": wording.id,
        "wording_sha256": wording.sha256,
        "language": "de",
        "source": WHO,
        "granted_us": NOW_US - 1,
        "expires_us": None,
    }
    filed: str = await store.act(consent_filed, sender="operator", **(fields | changes))
    return filed


async def test_who_agreed_before_hears_a_short_notice(store: Store) -> None:
    await file(store)

    terms = await plans(store.reader).terms_for(inbound(BERLIN))

    recording, words = owed(terms, "recording"), owed(terms, "transcript_retention")
    assert (recording.start, recording.on_file) == (Start.CONFIRM_DUE, "f1")
    assert recording.wording == "recording-standing-de-1"
    assert (words.start, words.on_file) == (Start.ASK_DUE, None)


@pytest.mark.parametrize(
    "changed",
    [
        {"subject": tag(SECRET, CALIFORNIA)},
        {"subject": tag(b"x" * 32, BERLIN)},
        {"about": "training"},
        {"wording_sha256": sha256(b"May we do as we like?").hexdigest()},
        {"expires_us": NOW_US + 1},
    ],
    ids=["another subject", "another secret", "another scope", "other words", "expired"],
)
async def test_what_does_not_hold_now_is_asked(store: Store, changed: dict[str, Any]) -> None:
    await file(store, **changed)
    of = plans_of(
        parse('[consent]\npolicy = "law"\n', {}),
        rows=store.reader,
        secret=SECRET,
        clock=lambda: NOW_US + 1,
        note=lambda *args, **facts: None,
    )

    assert owed(await of.terms_for(inbound(BERLIN)), "recording").start is Start.ASK_DUE


async def test_a_consent_that_was_revoked_is_asked_for(store: Store) -> None:
    filed = await file(store)
    await store.act(consent_revoked, sender="operator", consent=filed)

    terms = await plans(store.reader).terms_for(inbound(BERLIN))
    assert owed(terms, "recording").start is Start.ASK_DUE
    (row,) = await store.reader.rows(ConsentOnFile)
    assert row.revoked_us == NOW_US


async def test_a_number_that_no_trunk_answers_for_brings_no_consent_along(store: Store) -> None:
    await file(store)

    terms = await plans(store.reader).terms_for(inbound(BERLIN, is_verified=False))

    assert owed(terms, "recording").start is Start.ASK_DUE


@pytest.mark.parametrize("line", [Line.GENERAL, Line.HEALTH, Line.TRADING])
@pytest.mark.parametrize("number", [BERLIN, CALIFORNIA, ""])
async def test_what_simulate_prints_is_what_a_live_call_is_owed(
    store: Store, number: str, line: Line, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same plan, by the command that an officer types and by the call that is answered."""
    of = plans(store.reader, f'[consent]\npolicy = "law"\nplace = "Dublin"\nline = "{line}"\n')
    on = "2026-11-21"

    words = f"caller {number or 'withheld'}, agent Dublin, {line} line"
    assert cli.main(["policy", "simulate", words, "--on", on, "--json", "--data", "/nowhere"]) == 0
    printed = json.loads(capsys.readouterr().out)
    terms = await of.terms_for(inbound(number))

    said = [one for one in printed["requirements"] if one["party"] == "caller"]
    assert [(term.scope, str(term.start)) for term in terms] == [
        (one["scope"], one["start"]) for one in said
    ]
    for term, one in zip(terms, said, strict=True):
        assert [name for name in (term.wording, term.closing) if name] == one["wordings"]
        assert (term.language, str(term.on_no)) == (one["language"], one["on_no"])
        assert term.rules == tuple(rule["cell"] for rule in one["rules"])
    assert printed["advice"] == simulating.ADVICE


@pytest.mark.parametrize(
    ("toml", "why"),
    [
        ('[consent]\npolicy = "law"\nplace = "Atlantis"\n', "is no place that is known"),
        ('[consent]\npolicy = "law"\nlanguage = "hr"\n', "no words in it yet"),
        ('[consent]\npolicy = "/nowhere/ours.toml"\n', "cannot be read"),
        ('[[vendor]]\nname = "acme"\n', "tells no caller of vendors"),
    ],
)
def test_what_cannot_be_used_is_said_at_the_start(toml: str, why: str) -> None:
    with pytest.raises(PlanError, match=why):
        checked(parse(toml, {}))


@pytest.mark.parametrize(
    "toml",
    [
        '[consent]\npolicy = "always"\n',
        '[consent]\nline = "hot"\n',
        '[consent]\nlanguage = "German"\n',
        '[consent]\nhuman = "Bob"\n',
        '[[vendor]]\nname = "Acme Inc"\n',
        '[[vendor]]\nkind = "spy"\n',
        '[[vendor]]\nname = "a"\n[[vendor]]\nname = "a"\n',
        '[vendor]\nname = "a"\n',
    ],
)
def test_what_is_no_value_is_an_error(toml: str) -> None:
    with pytest.raises(ConfigError, match=r"consent|vendor"):
        parse(toml, {})


def test_the_configuration_knows_every_line() -> None:
    assert tuple(Line) == LINES
