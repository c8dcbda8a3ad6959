"""What the law asks where the parties are, as dated data; a plan of what is played and asked."""

from consent.policy.errors import PolicyError
from consent.policy.plan import Plan, Requirement, Rule, Start, Step
from consent.policy.query import Party, Query
from consent.policy.resolver import resolve

__all__ = [
    "Party",
    "Plan",
    "PolicyError",
    "Query",
    "Requirement",
    "Rule",
    "Start",
    "Step",
    "resolve",
]
