from pathlib import Path

import pytest

import recordings.retention
from recordings.retention.policies import Policies, parse, tightened
from recordings.retention.policy_file import PolicyError
from recordings.retention.precedence import Artefact, Terms

LAW = parse((Path(recordings.retention.__file__).parent / "policies.toml").read_text())
TENANT = 'edition = "2026-12-01"\n'


def terms(policies: Policies, *classes: str) -> dict[Artefact, Terms]:
    return {one.artefact: one for one in policies.terms(classes)}


def rule(name: str, artefact: str, bound: str) -> str:
    return f'[[rule]]\nclass = "{name}"\nartefacts = ["{artefact}"]\n{bound}\nsource = "board"\n'


@pytest.mark.parametrize(
    ("classes", "artefact", "years", "source"),
    [
        (("gdpr", "mifid"), Artefact.AUDIO, 5, "MiFID II"),
        (("gdpr", "fca"), Artefact.AUDIO, 5, "SYSC 10A"),
        (("gdpr", "sec"), Artefact.AUDIO, 3, "240.17a-4"),
        (("gdpr", "hipaa"), Artefact.ACCESS_LOG, 6, "164.316"),
        (("gdpr", "outbound"), Artefact.CONSENT_EVIDENCE, 5, "310.5"),
    ],
)
def test_the_statutory_minimums(
    classes: tuple[str, ...], artefact: Artefact, years: int, source: str
) -> None:
    found = terms(LAW, *classes)[artefact]
    # Never a day short, whatever leap years there are.
    assert 365 * years + years // 4 <= found.minimum_days <= 366 * years
    assert source in found.minimum_source


def test_authority_makes_five_years_seven() -> None:
    bound = LAW.authority(("gdpr", "mifid"))
    assert bound is not None and bound.days == 2_557
    assert LAW.authority(("gdpr",)) is None


def test_card_data_is_never_kept_and_logs_at_least_six_months() -> None:
    found = terms(LAW, "gdpr")
    assert found[Artefact.CARD_DATA].maximum_days == 0
    assert found[Artefact.LOG].minimum_days >= 184


def test_consent_evidence_outlives_the_audio() -> None:
    for classes in (("gdpr",), ("gdpr", "outbound"), ("gdpr", "mifid")):
        found = terms(LAW, *classes)
        audio, evidence = found[Artefact.AUDIO], found[Artefact.CONSENT_EVIDENCE]
        assert audio.maximum_days is not None and evidence.maximum_days is not None
        assert evidence.maximum_days >= audio.maximum_days


def test_a_maximum_gives_way_to_a_minimum() -> None:
    found = terms(LAW, "gdpr", "mifid")[Artefact.AUDIO]
    assert found.maximum_days == found.minimum_days == 1_827


def test_a_line_has_its_classes_and_every_call_is_under_the_gdpr() -> None:
    ours = tightened(LAW, TENANT + '[lines]\ntrading = ["mifid", "fca"]\n"*" = ["hipaa"]\n')
    assert ours.classes("trading") == ("gdpr", "mifid", "fca")
    assert ours.classes("sip", outbound=True) == ("gdpr", "outbound", "hipaa")
    assert LAW.classes("sip") == ("gdpr",)
    assert ours.edition == "2026-11-21+2026-12-01"


def test_a_tenant_may_lengthen_a_minimum_and_shorten_a_maximum() -> None:
    text = rule("mifid", "audio", 'minimum = "6y"') + rule("gdpr", "transcript", 'maximum = "30d"')
    ours = tightened(LAW, TENANT + text)
    assert terms(ours, "gdpr", "mifid")[Artefact.AUDIO].minimum_days == 2_192
    assert terms(ours, "gdpr")[Artefact.TRANSCRIPT].maximum_days == 30
    assert terms(ours, "gdpr")[Artefact.TRANSCRIPT].maximum_source == "board"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (rule("mifid", "audio", 'minimum = "4y"'), "below the statutory 1827 days: MiFID II"),
        (rule("mifid", "audio", 'maximum = "1y"'), "below the statutory minimum .* MiFID II"),
        (rule("mifid", "audio", 'authority = "6y"'), "at least 2557 days: MiFID II"),
        (rule("gdpr", "audio", 'maximum = "2y"'), "above the 180 days allowed: GDPR"),
        (rule("gdpr", "card_data", 'minimum = "1d"'), "may not be kept at all: PCI DSS"),
        (rule("gdpr", "log", 'maximum = "90d"'), "below the statutory minimum .* AI Act"),
        (
            '[lines]\ntrading = ["mifid"]\n' + rule("gdpr", "audio", 'maximum = "90d"'),
            "line 'trading' is in mifid: .* below the statutory minimum of 1827 days: MiFID II",
        ),
    ],
)
def test_a_tenant_is_refused_with_the_source(text: str, why: str) -> None:
    with pytest.raises(PolicyError, match=why):
        tightened(LAW, TENANT + text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("edition", "no TOML"),
        ("", "edition is missing"),
        (TENANT + "x = 1", "there is no 'x'"),
        (TENANT + "rule = 3", r"\[\[rule\]\]"),
        (TENANT + rule("none", "audio", 'minimum = "5y"'), "no class 'none'"),
        (TENANT + rule("gdpr", "songs", 'minimum = "5y"'), "no artefact 'songs'"),
        (TENANT + rule("gdpr", "audio", 'maximum = "soon"'), "'soon' is no duration"),
        (TENANT + rule("gdpr", "audio", "maximum = 5"), "5 is no duration"),
        (TENANT + rule("gdpr", "audio", 'minimum = "never"'), "'never' is no duration"),
        (TENANT + rule("gdpr", "audio", ""), "minimum or maximum is missing"),
        (TENANT + '[lines]\nsip = ["mars"]\n', "no class 'mars'"),
        (TENANT + '[lines]\nsip = "mifid"\n', r"write \[lines\]"),
        (TENANT + '[[rule]]\nclass = "gdpr"\nartefacts = ["audio"]\nmaximum = "1d"\n', "source"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(text: str, why: str) -> None:
    with pytest.raises(PolicyError, match=why):
        tightened(LAW, text)
