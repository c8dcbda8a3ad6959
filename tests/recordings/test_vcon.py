"""Claims about the vCon of a call: what a reader gets, of each kind of call."""

import json
from dataclasses import replace
from typing import Any

import pytest

from consent.machine import Event
from recordings.heard import Why
from recordings.vcon import building, checking
from recordings.vcon.conversation import GAP_REASONS, Gap, LogProof
from recordings.vcon.values import content_hash, uuid8
from tests.recordings.conversations import (
    BEGIN_US,
    SECOND_US,
    at,
    conversation,
    story,
    track,
    transfer,
    turn,
    words,
)


def built(told: Any = None, **changes: Any) -> dict[str, Any]:
    vcon: dict[str, Any] = json.loads(building.build(told or conversation(**changes)))
    return vcon


def of_purpose(vcon: dict[str, Any], purpose: str) -> list[dict[str, Any]]:
    return [one for one in vcon["attachments"] if one["purpose"] == purpose]


def test_the_agent_is_a_machine_and_the_caller_goes_by_a_number() -> None:
    caller, agent = built()["parties"]
    assert (caller["type"], caller["tel"]) == ("person", "tel:+41790001122")
    assert caller["sip"].startswith("sip:+41790001122@")
    assert agent["type"] == "bot"


@pytest.mark.parametrize("remote", [None, "sip:anonymous@anonymous.invalid", "urn:x"])
def test_who_is_erased_or_hides_is_still_a_party(remote: str | None) -> None:
    caller = built(call={"remote": remote})["parties"][0]
    assert caller["name"] == "anonymous"
    assert not {"tel", "sip"} & caller.keys()


def test_each_leg_is_a_recording_of_its_own_in_one_set() -> None:
    whole, caller, agent = built()["dialog"]
    assert whole["type"] == "recording-set"
    assert (whole["recordings"], whole["duration"]) == ([1, 2], 20)
    assert (caller["parties"], agent["parties"]) == (0, 1)
    assert {one["start"] for one in (caller, agent)} == {"2026-03-01T14:00:05.000000+00:00"}
    assert agent["originator"] == 0
    assert "originator" not in caller


def test_of_a_call_of_ours_we_are_the_originator() -> None:
    dial = {
        "basis": "basis_1",
        "by": "operator",
        "kind": "contract",
        "source": "order 4711",
        "granted_us": at(-90),
        "expires_us": at(9_000),
        "withdrawn_us": None,
    }
    vcon = built(call={"direction": "outbound"}, dial=dial)
    whole, caller, agent = vcon["dialog"]
    assert whole["originator"] == caller["originator"] == 1
    assert "originator" not in agent
    body = of_purpose(vcon, "lawful_basis")[-1]["body"]
    assert body["lawful_basis"] == "contract"
    assert body["expiration"] == "2026-03-01T16:30:00.000000+00:00"
    assert body["purpose_grants"][0]["purpose"] == "outbound_ai_voice"
    assert body["proof_mechanisms"][0]["proof_data"]["source"] == "order 4711"


def test_a_call_that_nobody_answered_is_incomplete_and_says_why() -> None:
    call = {"answered_us": None, "ended_us": at(3), "cause": "busy", "ended_by": "remote"}
    (dialog,) = built(call=call, consent=[], tracks=[])["dialog"]
    assert (dialog["type"], dialog["disposition"]) == ("incomplete", "busy")
    assert not {"body", "url", "recordings"} & dialog.keys()


@pytest.mark.parametrize(
    ("cause", "disposition"),
    [
        ("no_answer", "no-answer"),
        ("cancelled", "hung-up"),
        ("forbidden", "failed"),
        (None, "failed"),
    ],
)
def test_every_cause_has_a_disposition(cause: str | None, disposition: str) -> None:
    call = {"answered_us": None, "cause": cause}
    assert built(call=call, consent=[], tracks=[])["dialog"][0]["disposition"] == disposition


def test_a_consent_names_question_answer_epoch_and_its_place_in_the_call() -> None:
    (attachment,) = of_purpose(built(), "lawful_basis")
    assert attachment["type"] == "lawful_basis"
    assert (attachment["party"], attachment["dialog"]) == (0, 0)
    (proof,) = attachment["body"]["proof_mechanisms"]
    data = proof["proof_data"]
    assert proof["proof_type"] == "external_system"
    assert (data["dialog_reference"], data["time_offset"], data["epoch"]) == (0, 4, 1)
    assert data["method"] == "dtmf:1"
    assert data["wording_hash"] == content_hash(data["confirmation_text"].encode())


def test_a_refused_call_has_a_dialog_a_refusal_and_no_audio() -> None:
    said = story((Event.NO, "voice:an engine", 4))
    vcon = built(call={"forgotten": True}, consent=said, tracks=[])
    (whole,) = vcon["dialog"]
    assert (whole["type"], whole["recordings"]) == ("recording-set", [])
    body = of_purpose(vcon, "lawful_basis")[0]["body"]
    assert body["purpose_grants"][0]["granted"] is False
    assert body["proof_mechanisms"][0]["proof_type"] == "verbal_confirmation"


def test_what_was_granted_and_withdrawn_is_told_in_its_order() -> None:
    said = story((Event.YES_KEY, "dtmf:1", 4), (Event.WITHDRAWN, "voice:an engine", 9))
    body = of_purpose(built(consent=said), "lawful_basis")[0]["body"]
    assert [one["granted"] for one in body["purpose_grants"]] == [True, False]
    assert body["metadata"]["epoch"] == 2


def history(vcon: dict[str, Any]) -> list[tuple[int, str, str | None]]:
    events = vcon["dialog"][0]["party_history"]
    return [(one["party"], one["event"], one.get("button")) for one in events]


def test_keys_and_pauses_stand_in_the_history() -> None:
    holds = [
        {"by": "agent", "asked_us": at(6), "since_us": at(6), "until_us": at(8)},
        {"by": "agent", "asked_us": at(9), "since_us": None, "until_us": at(9)},
        {"by": "caller", "asked_us": at(10), "since_us": at(10), "until_us": None},
    ]
    assert history(built(holds=holds, turns=[turn("dtmf:5", 12), turn("heard", 13)])) == [
        (0, "join", None),
        (1, "join", None),
        (0, "keydown", "1"),
        (0, "keyup", "1"),
        (0, "hold", None),
        (0, "unhold", None),
        (1, "hold", None),
        (0, "keydown", "5"),
        (0, "keyup", "5"),
        (1, "unhold", None),
        (0, "drop", None),
        (1, "drop", None),
    ]


def test_keys_of_words_that_were_forgotten_are_hidden() -> None:
    vcon = built(call={"forgotten": True}, turns=[turn("dtmf:5", 12)], tracks=[])
    assert {button for _, _, button in history(vcon)} == {None, "*"}
    assert "dtmf:5" not in json.dumps(vcon)


def test_keys_of_words_that_were_erased_are_hidden() -> None:
    told = replace(conversation(turns=[turn("dtmf:5", 12)]), are_words_gone=True)
    assert {button for _, _, button in history(built(told))} == {None, "*"}


def test_who_joined_is_a_party_without_a_number() -> None:
    member = {"part": "talks", "coached": None, "joined_us": at(6), "left_us": None, "since_us": 0}
    us, them = member | {"call": "call_1"}, member | {"call": "call_2"}
    bridge = {"id": "b", "call": "call_1", "members": [us, them]}
    vcon = built(bridges=[bridge])
    assert [party["type"] for party in vcon["parties"]] == ["person", "bot", "person"]
    assert vcon["parties"][2].keys() == {"type", "uuid"}
    assert vcon["dialog"][0]["parties"] == [0, 1, 2]
    assert (2, "join", None) in history(vcon)
    assert vcon["parties"][2]["uuid"] == built(call={"id": "call_2"})["parties"][0]["uuid"]


def test_a_transfer_names_its_three_parties() -> None:
    vcon = built(actions=[transfer("tel:+41449998877", 15), transfer(None, 16)])
    dialog = vcon["dialog"][-1]
    assert dialog["type"] == "transfer"
    assert (dialog["transferee"], dialog["transferor"], dialog["transfer_target"]) == (0, 1, 2)
    assert vcon["parties"][2] == {"tel": "tel:+41449998877"}
    assert sum(one["type"] == "transfer" for one in vcon["dialog"]) == 1


def test_the_transcript_leaves_out_what_was_erased() -> None:
    vcon = built(transcript=[words("caller", "hello", 6), words("agent", None, 8)])
    (body,) = [one["body"] for one in vcon["analysis"] if one["type"] == "transcript"]
    assert body["transcript"]["text"] == "caller: hello"
    (segment,) = body["segments"]
    assert (segment["start"], segment["end"], segment["confidence"]) == (6, 7, 0.8)
    assert "wtf_transcription" in vcon["extensions"]


def test_words_have_times_where_the_engine_told_them() -> None:
    timed = {"words": [["good", 0, 300, 900], ["day", 400, 700, None]]}
    spoken = [words("caller", "hello", 6), words("agent", "good day", 8) | timed]
    (analysis, _) = built(transcript=spoken)["analysis"]
    assert [one["words"] for one in analysis["body"]["segments"]] == [[], [0, 1]]
    _, day = analysis["body"]["words"]
    assert day == {
        "id": 1,
        "text": "day",
        "start": 8.4,
        "end": 8.7,
        "confidence": 0.8,
        "speaker": "agent",
    }


def test_the_trace_has_turns_words_tool_calls_and_results() -> None:
    spoken = [words("caller", "hello", 6), words("agent", "good day", 8)]
    vcon = built(transcript=spoken, turns=[turn("heard", 7)], actions=[transfer("sip:a@b", 9)])
    (body,) = [one["body"] for one in vcon["analysis"] if one["type"] == "agent_trace"]
    entries = body["session"]["entries"]
    kinds = [entry["type"] for entry in entries]
    assert kinds == ["user", "system-event", "assistant", "tool-call", "tool-result"]
    assert entries[3]["call-id"] == entries[4]["call-id"]


def test_gaps_say_why_they_are_silent() -> None:
    gap = Gap("caller", at(6), SECOND_US // 2, "gate_closed")
    (attachment,) = of_purpose(built(gaps=[gap]), "recording_gaps")
    (told,) = attachment["body"]
    assert (told["party"], told["duration"], told["reason"]) == (0, 0.5, "gate_closed")


def test_every_silence_has_its_words() -> None:
    assert {*Why} <= GAP_REASONS.keys()


def test_the_proof_of_the_log_and_its_stamp_go_with_it() -> None:
    vcon = built(proof=LogProof("c2sp.org/tlog-proof@v1\n", "log+1+key", b"\x30\x03"))
    (proof,) = of_purpose(vcon, "tlog_proof")
    (token,) = of_purpose(vcon, "rfc3161_token")
    assert proof["body"].startswith("c2sp.org/tlog-proof@v1")
    assert (token["encoding"], token["body"]) == ("base64url", "MAM")
    assert "parley_evidence" in vcon["extensions"]
    assert "critical" not in vcon


def test_audio_may_lie_elsewhere_under_its_hash() -> None:
    elsewhere = [
        track("caller", url="https://a.example/c.wav"),
        track("agent", url="https://a.example/a.wav"),
    ]
    dialog = built(tracks=elsewhere)["dialog"][1]
    assert dialog["url"] == "https://a.example/c.wav"
    assert dialog["content_hash"].startswith("sha512-")
    assert not {"body", "encoding"} & dialog.keys()


def test_a_passport_goes_with_its_caller_unless_that_was_erased() -> None:
    told = replace(conversation(), passport="aa.bb.cc")
    assert built(told)["parties"][0]["stir"] == "aa.bb.cc"
    erased = replace(conversation(call={"remote": None}), passport="aa.bb.cc")
    assert "stir" not in built(erased)["parties"][0]


def test_the_uuid_is_of_version_8_and_ends_with_its_domain() -> None:
    one, other = uuid8(BEGIN_US, 1, "a.example"), uuid8(BEGIN_US + 1_000, 2, "a.example")
    assert one[14] == "8"
    assert one != other
    assert one[20:] == other[20:]
    assert one[20:] != uuid8(BEGIN_US, 1, "b.example")[20:]


def test_what_does_not_hold_is_never_written() -> None:
    late = replace(track("caller"), start_us=at(500))
    with pytest.raises(AssertionError, match="not within the time of its set"):
        building.build(conversation(tracks=[late]))


def test_what_we_write_has_no_problems() -> None:
    assert checking.problems(built()) == []
