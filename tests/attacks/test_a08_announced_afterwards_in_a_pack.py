"""A8: "this call was recorded", said afterwards. Audio of before the grant verifies nowhere."""

from pathlib import Path

import pytest

from tests.recordings.call import BEGIN_US, GRANTED_US, SECOND_US, Call, granted
from tests.recordings.test_verify import broken


@pytest.mark.parametrize("early_us", [1, SECOND_US // 2, SECOND_US])
def test_audio_of_before_the_grant_is_refused_by_both_verifiers(
    tmp_path: Path, early_us: int
) -> None:
    call = granted()
    captured_us = GRANTED_US - early_us
    call.record("caller", 1, 0, captured_us, captured_us + SECOND_US + early_us)
    assert broken(call.write(tmp_path)) == {"birth", "open"}


def test_a_grant_that_is_dated_back_is_refused(tmp_path: Path) -> None:
    call = Call()
    call.ask(BEGIN_US)
    event = call.step(11, "yes_key", "granted") | {"at_us": BEGIN_US}
    call.add(GRANTED_US, "sessions.consent_answered", ("consent_event", event))
    assert broken(call.write(tmp_path)) == {"grant"}
