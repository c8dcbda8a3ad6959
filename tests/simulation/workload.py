"""One generator of work for every tier: what clients of the bank ask for, and ask again."""

from collections.abc import Callable
from random import Random
from typing import Any

from runtime.effects import effect_failed, effect_overtaken, effect_revived, effects_found_open
from runtime.execution import Action
from runtime.writer import action_of
from tests.runtime.bank import closed, notified, opened, order_cancelled, paid, standing_order
from tests.simulation.model import Fate, Model

BATCH_MAX = 6
CENTS_MAX = 100
SENDERS = ("ann", "bob", "eve")


class Workload:
    """Draws actions that fit what a model says; a seed's own weights, some of them nought.

    What is due is closed as well, unless `closes` leaves that to those who do it.
    """

    def __init__(self, rng: Random, closes: bool = True) -> None:
        self._rng = rng
        self._asked: dict[str, Action] = {}
        self._kinds: list[Callable[[Model], Action]] = [
            self._open,
            self._open_again,
            self._pay,
            self._pay_too_much,
            self._close,
            self._order,
            self._cancel,
            self._perform,
            self._perform_again,
            self._fail,
            self._revive,
            self._ask_again,
        ]
        self._weights = [3, *(rng.choice([0, 1, 1, 5]) for _ in self._kinds[1:])]
        if not closes:
            for kind in (self._perform, self._perform_again):
                self._weights[self._kinds.index(kind)] = 0

    def batch(self, model: Model) -> list[Action]:
        """What one commit is asked for."""
        return [self.action(model) for _ in range(self._rng.randint(1, BATCH_MAX))]

    def action(self, model: Model) -> Action:
        """One action; most have a request id, so that they can be asked for again."""
        (kind,) = self._rng.choices(self._kinds, self._weights)
        return kind(model)

    def acknowledged(self, model: Model) -> list[Action]:
        """A few actions whose answer stands in the log, to ask for again."""
        known = [request for request in model.answers if request in self._asked]
        return [self._asked[request] for request in self._rng.sample(known, min(3, len(known)))]

    def performed(self, model: Model, effect: str) -> Action:
        """The action of whoever performed an effect, or found that the rules now refuse it."""
        due = model.effects[effect]
        fires = due.kind == "runtime.fire"
        action = action_of(
            due.args["reducer"] if fires else notified,
            due.args["args"] if fires else due.args,
            sender="timer" if fires else "node",
            request=f"{effect}/closed",
            closes=effect,
        )
        if due.state == "open" and model.foretell(action) is Fate.REFUSED:
            args = {"effect": effect, "reason": "the rules say no"}
            return action_of(effect_overtaken, args, sender="node")
        return action

    def recovered(self, model: Model) -> Action:
        """The action of a performer that starts: what did the last process leave open?"""
        return action_of(effects_found_open, {"effects": model.open_effects()}, sender="node")

    def _open(self, model: Model) -> Action:
        name = f"account{len(self._asked)}-{self._rng.randrange(1_000)}"
        return self._ask(opened, {"account": name, "cents": self._rng.randint(1, CENTS_MAX)})

    def _open_again(self, model: Model) -> Action:
        if not model.accounts:
            return self._open(model)
        args = {"account": self._account(model), "cents": self._rng.randint(1, CENTS_MAX)}
        return self._ask(opened, args)

    def _pay(self, model: Model) -> Action:
        source, target = self._account(model), self._account(model)
        if source == target:
            return self._open(model)
        cents = self._rng.randint(0, model.accounts[source])
        return self._ask(paid, {"source": source, "target": target, "cents": cents})

    def _pay_too_much(self, model: Model) -> Action:
        args = {"source": self._account(model), "target": "nobody", "cents": CENTS_MAX}
        return self._ask(paid, args)

    def _close(self, model: Model) -> Action:
        return self._ask(closed, {"account": self._account(model)})

    def _order(self, model: Model) -> Action:
        args = {"account": self._account(model), "cents": 1, "after_us": self._rng.randrange(10**6)}
        return self._ask(standing_order, args)

    def _cancel(self, model: Model) -> Action:
        orders = sorted(model.effects) or ["nothing"]
        return self._ask(order_cancelled, {"order": self._rng.choice(orders)})

    def _perform(self, model: Model) -> Action:
        effects = model.open_effects()
        return self.performed(model, self._rng.choice(effects)) if effects else self._pay(model)

    def _perform_again(self, model: Model) -> Action:
        effect = self._rng.choice(sorted(model.effects) or ["nothing"])
        return self._ask(notified, {"account": "anybody"}, closes=effect)

    def _fail(self, model: Model) -> Action:
        effect = self._rng.choice(model.open_effects() or ["nothing"])
        return self._ask(effect_failed, {"effect": effect, "reason": "no carrier"})

    def _revive(self, model: Model) -> Action:
        effect = self._rng.choice(sorted(model.effects) or ["nothing"])
        return self._ask(effect_revived, {"effect": effect})

    def _ask_again(self, model: Model) -> Action:
        if not self._asked:
            return self._open(model)
        return self._asked[self._rng.choice(list(self._asked))]

    def _account(self, model: Model) -> str:
        return self._rng.choice(sorted(model.accounts) or ["nobody"])

    def _ask(
        self,
        reducer: Callable[..., Any],
        args: dict[str, Any],
        closes: str | None = None,
    ) -> Action:
        request = None
        if self._rng.random() < 0.8:
            request = f"request{len(self._asked)}-{self._rng.randrange(1_000_000)}"
        sender = self._rng.choice(SENDERS)
        scope = self._rng.choice([None, "north", "south"])
        action = action_of(
            reducer, args, sender=sender, scope=scope, request=request, closes=closes
        )
        if request is not None:
            self._asked[request] = action
        return action
