"""The recorders of others, as the configuration names them."""

import pytest

from parley.config import from_json, parse
from parley.forking import complaints, recorders_of
from telephony.sdp import Srtp

VAULT = """
[[recorder]]
name = "vault"
uri = "sips:srs@[2001:db8::7]:5061;transport=tls"
srtp = "required"
when_closed = "inactive"
"""


def test_a_recorder_is_read_and_handed_on_to_the_node() -> None:
    config = parse(VAULT, {})
    assert from_json(config.to_json()) == config
    (recorder,) = recorders_of(config)
    assert (recorder.name, recorder.srtp, recorder.when_closed) == (
        "vault",
        Srtp.REQUIRED,
        "inactive",
    )
    assert list(complaints(config)) == []


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("", "names no [[trunk]] that there is"),
        ('[[trunk]]\nname = "inside"\npeers = ["203.0.113.0/24"]\n', "leads nowhere"),
    ],
)
def test_a_recorder_on_a_trunk_that_leads_nowhere_is_found(more: str, said: str) -> None:
    config = parse(f'{VAULT}trunk = "inside"\n{more}', {})
    (complaint,) = complaints(config)
    assert said in complaint
