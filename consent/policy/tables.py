"""Policies as rows: the texts, and which of them is in force from when. Only ever added."""

from enum import StrEnum

from runtime import table


class PolicyKind(StrEnum):
    """Whose text it is."""

    LAW = "law"
    """What shipped with Parley: the data that a tenant's file was checked against."""
    TENANT = "tenant"
    """A file that tightens it."""


@table(name="policy_text", append_only=True)
class PolicyText:
    """A text as it was published. `id` is its SHA-256, in hex."""

    id: str
    kind: PolicyKind
    text: str
    added_us: int


@table(name="policy_proposal", append_only=True)
class PolicyProposal:
    """Somebody wants a tenant's calls to go by `policy` as well as by the law.

    `tenant` is "" for all tenants; `law` the version of the data it was checked against;
    `from_us` None for as soon as it is released; `gate` where two others decide.
    """

    id: str
    tenant: str
    policy: str
    law: str
    from_us: int | None
    proposer: str
    gate: str
    proposed_us: int


@table(name="policy_release", index=(("tenant",),), append_only=True)
class PolicyRelease:
    """They agreed: in force from `from_us` on. `id` is that of the proposal.

    Of a tenant's releases the one with the latest `from_us` that has come is in force, of two
    with the same the one released later.
    """

    id: str
    tenant: str
    policy: str
    from_us: int
    released_us: int
