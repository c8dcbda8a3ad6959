"""The life of an identity, every change in every state."""

import itertools

import pytest

from runtime.errors import NotAllowed, Refused
from runtime.identities import rules
from runtime.identities.rules import Change, State

ALLOWED = {
    (State.REGISTERED, Change.ACTIVATED): State.ACTIVE,
    (State.ACTIVE, Change.SUSPENDED): State.SUSPENDED,
    (State.SUSPENDED, Change.RESUMED): State.ACTIVE,
    (State.REGISTERED, Change.REVOKED): State.REVOKED,
    (State.ACTIVE, Change.REVOKED): State.REVOKED,
    (State.SUSPENDED, Change.REVOKED): State.REVOKED,
}


@pytest.mark.parametrize(("state", "change"), list(itertools.product(State, Change)))
def test_a_change_leads_where_the_table_says_or_is_refused(state: State, change: Change) -> None:
    if (state, change) in ALLOWED:
        assert rules.next_state(state, change) is ALLOWED[state, change]
    else:
        with pytest.raises(Refused, match=f"that is {state} can be"):
            rules.next_state(state, change)


@pytest.mark.parametrize("state", State)
def test_only_an_active_identity_may_act(state: State) -> None:
    if state is State.ACTIVE:
        rules.check_state("id_a", state, "")
    else:
        with pytest.raises(NotAllowed, match="id_a"):
            rules.check_state("id_a", state, "")


@pytest.mark.parametrize(
    ("by", "roles", "allowed"),
    [
        ((), (), False),
        ((), ("*",), False),
        ((), ("operator",), False),
        (("*",), (), True),
        (("operator",), ("operator",), True),
        (("operator", "supervisor"), ("clerk", "supervisor"), True),
        (("operator",), ("supervisor",), False),
        (("operator",), (), False),
    ],
)
def test_a_role_that_is_asked_for_is_needed(
    by: tuple[str, ...], roles: tuple[str, ...], allowed: bool
) -> None:
    if allowed:
        rules.check_roles("x.y", by, roles)
    else:
        with pytest.raises(NotAllowed, match=r"x\.y is"):
            rules.check_roles("x.y", by, roles)


@pytest.mark.parametrize("role", ["", "*", "two words", "1st", "röle", "a" * 129])
def test_a_role_is_a_plain_word(role: str) -> None:
    with pytest.raises(Refused, match="no role"):
        rules.check_words("Ann", "", (role,))


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(Refused, match="32 bytes, not 31"):
        rules.id_of(bytes(31))
