"""The oracle: the bank of `tests/runtime/bank.py` again, as plain dictionaries.

It shares no code with the runtime, only what an entry says of chance and time. What it says
after k actions is what the store must hold after k actions.
"""

import base64
import hashlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from runtime.execution import Action
from tests.simulation.model_modules import Modules, No

ATTEMPTS_MAX = 8
BACK_OFF_US = 200_000
BACK_OFF_US_MAX = 30_000_000
STARTS_MAX = 20


class Fate(Enum):
    """What becomes of an action."""

    FRESH = "runs"
    STORED = "is answered from the log"
    REFUSED = "is refused"
    PAUSED = "has to wait"


@dataclass(frozen=True, slots=True)
class Answer:
    """An action's fate and its result."""

    fate: Fate
    result: Any = None


@dataclass(frozen=True, slots=True)
class Due:
    """What an effect's row says."""

    kind: str
    args: dict[str, Any]
    state: str
    due_us: int
    attempts: int = 0
    starts: int = 0


@dataclass
class Model:
    """Everything after `size` actions."""

    size: int = 0
    accounts: dict[str, int] = field(default_factory=dict)
    receipts: dict[str, str] = field(default_factory=dict)
    effects: dict[str, Due] = field(default_factory=dict)
    answers: dict[str, tuple[str, str, Any]] = field(default_factory=dict)
    """Reducer, sender and result by request id."""
    pauses: set[str] = field(default_factory=set)
    modules: Modules = field(default_factory=Modules)
    identities: dict[str, str] = field(default_factory=dict)
    """What state each is in."""

    def foretell(self, action: Action) -> Fate:
        """What would become of the action now; changes nothing."""
        return self._copy().act(action, "", 0).fate

    def act(self, action: Action, seed: str, now: int) -> Answer:
        """Take an action, with the chance and the time (microseconds) of its entry."""
        if action.request in self.answers:
            *asked, result = self.answers[action.request]
            same = asked == [action.reducer, action.sender]
            return Answer(Fate.STORED, result) if same else Answer(Fate.REFUSED)
        if self._is_paused(action):
            return Answer(Fate.PAUSED)
        try:
            self._may_act(action.sender)
            self._may_close(action.closes)
            result = _RULES[action.reducer](self, action, _ids(seed), now)
        except No:
            return Answer(Fate.REFUSED)
        if action.closes is not None:
            self._change(action.closes, state="done")
        self.size += 1
        if action.request is not None:
            self.answers[action.request] = (action.reducer, action.sender, result)
        return Answer(Fate.FRESH, result)

    def open_effects(self) -> list[str]:
        """What is still to be done, by id."""
        return sorted(id for id, due in self.effects.items() if due.state == "open")

    def _copy(self) -> "Model":
        return replace(
            self,
            accounts={**self.accounts},
            receipts={**self.receipts},
            effects={**self.effects},
            answers={**self.answers},
            pauses={*self.pauses},
            modules=self.modules.copy(),
            identities={**self.identities},
        )

    def _is_paused(self, action: Action) -> bool:
        if action.reducer in ("runtime.paused", "runtime.resumed"):
            return False
        return bool({action.scope, action.reducer.partition(".")[0]} & self.pauses)

    def _may_act(self, sender: str) -> None:
        if sender.startswith("id_") and self.identities.get(sender) != "active":
            raise No

    def _may_close(self, effect: str | None) -> None:
        if effect is not None and self._due(effect).state != "open":
            raise No

    def _due(self, effect: str) -> Due:
        if effect not in self.effects:
            raise No
        return self.effects[effect]

    def _change(self, effect: str, **changes: Any) -> None:
        self.effects[effect] = replace(self.effects[effect], **changes)

    # -- the bank --

    def _opened(self, action: Action, ids: Iterator[str], now: int) -> int:
        account: str = action.args["account"]
        if account in self.accounts:
            raise No
        self.accounts[account] = action.args["cents"]
        return self.accounts[account]

    def _paid(self, action: Action, ids: Iterator[str], now: int) -> str:
        source, target = action.args["source"], action.args["target"]
        cents: int = action.args["cents"]
        if {source, target} - self.accounts.keys() or self.accounts[source] < cents:
            raise No
        self.accounts[source] -= cents
        self.accounts[target] += cents
        self.effects[f"effect_{next(ids)}"] = Due("notify", {"account": target}, "open", now)
        return self._receipt(ids, action.sender)

    def _closed(self, action: Action, ids: Iterator[str], now: int) -> int:
        if action.args["account"] not in self.accounts:
            raise No
        return self.accounts.pop(action.args["account"])

    def _notified(self, action: Action, ids: Iterator[str], now: int) -> None:
        self._receipt(ids, f"told {action.args['account']}")

    def _standing_order(self, action: Action, ids: Iterator[str], now: int) -> str:
        order = f"effect_{next(ids)}"
        args = {"account": action.args["account"], "cents": action.args["cents"]}
        later = {"reducer": "tests.paid_in", "args": args}
        self.effects[order] = Due("runtime.fire", later, "open", now + action.args["after_us"])
        return order

    def _order_cancelled(self, action: Action, ids: Iterator[str], now: int) -> bool:
        order = action.args["order"]
        if self._due(order).state != "open":
            return False
        self._change(order, state="cancelled")
        return True

    def _paid_in(self, action: Action, ids: Iterator[str], now: int) -> int:
        if action.args["account"] not in self.accounts:
            raise No
        self.accounts[action.args["account"]] += action.args["cents"]
        return self.accounts[action.args["account"]]

    # -- what becomes of effects --

    def _effect_failed(self, action: Action, ids: Iterator[str], now: int) -> None:
        due = self._due(action.args["effect"])
        if due.state == "open":
            attempts = due.attempts + 1
            self._change(
                action.args["effect"],
                attempts=attempts,
                state="dead" if attempts >= ATTEMPTS_MAX else "open",
                due_us=now + min(BACK_OFF_US * 2**attempts, BACK_OFF_US_MAX),
            )

    def _effect_done(self, action: Action, ids: Iterator[str], now: int) -> None: ...

    def _effect_overtaken(self, action: Action, ids: Iterator[str], now: int) -> None:
        if self._due(action.args["effect"]).state == "open":
            self._change(action.args["effect"], state="done")

    def _effect_revived(self, action: Action, ids: Iterator[str], now: int) -> None:
        if self._due(action.args["effect"]).state != "dead":
            raise No
        self._change(action.args["effect"], state="open", attempts=0, starts=0, due_us=now)

    def _effects_found_open(self, action: Action, ids: Iterator[str], now: int) -> list[str]:
        effects: list[str] = action.args["effects"]
        for effect in effects:
            due = self._due(effect)
            state = "dead" if due.starts + 1 >= STARTS_MAX else due.state
            self._change(effect, starts=due.starts + 1, state=state)
        return [effect for effect in effects if self.effects[effect].starts < STARTS_MAX]

    # -- pauses and modules --

    def _paused(self, action: Action, ids: Iterator[str], now: int) -> None:
        if action.args["what"] == "runtime":
            raise No
        self.pauses.add(action.args["what"])

    def _resumed(self, action: Action, ids: Iterator[str], now: int) -> None:
        if action.args["what"] not in self.pauses:
            raise No
        self.pauses.remove(action.args["what"])

    def _module_deployed(self, action: Action, ids: Iterator[str], now: int) -> str:
        return self.modules.deployed(**action.args)

    def _module_rolled_back(self, action: Action, ids: Iterator[str], now: int) -> str:
        return self.modules.rolled_back()

    def _till_opened(self, action: Action, ids: Iterator[str], now: int) -> str:
        if "till" in self.pauses:
            raise No
        return self.modules.opened(action.scope or "")

    def _rung(self, action: Action, ids: Iterator[str], now: int) -> str:
        return self.modules.rung(action.scope or "", action.args["cents"])

    # -- identities --

    def _identity_registered(self, action: Action, ids: Iterator[str], now: int) -> str:
        identity: str = action.args["name"]  # In the simulation that is its id.
        if identity in self.identities:
            raise No
        self.identities[identity] = "registered"
        return identity

    def _identity_activated(self, action: Action, ids: Iterator[str], now: int) -> None:
        if self.identities.get(action.args["identity"]) != "registered":
            raise No
        self.identities[action.args["identity"]] = "active"

    def _identity_revoked(self, action: Action, ids: Iterator[str], now: int) -> None:
        if self.identities.get(action.args["identity"]) not in ("registered", "active"):
            raise No
        self.identities[action.args["identity"]] = "revoked"

    def _noted(self, action: Action, ids: Iterator[str], now: int) -> str:
        return f"note_{next(ids)}"

    def _receipt(self, ids: Iterator[str], text: str) -> str:
        id = f"receipt_{next(ids)}"
        self.receipts[id] = text
        return id


def _ids(seed: str) -> Iterator[str]:
    """The letters of the ids an action draws, one after the other."""
    for n in itertools.count(1):
        digest = hashlib.sha256(f"{seed}/{n}".encode()).digest()
        yield base64.b32encode(digest[:10]).decode().lower()


_RULES: dict[str, Callable[[Model, Action, Iterator[str], int], Any]] = {
    "tests.opened": Model._opened,
    "tests.paid": Model._paid,
    "tests.closed": Model._closed,
    "tests.notified": Model._notified,
    "tests.standing_order": Model._standing_order,
    "tests.order_cancelled": Model._order_cancelled,
    "tests.paid_in": Model._paid_in,
    "runtime.effect_done": Model._effect_done,
    "runtime.effect_failed": Model._effect_failed,
    "runtime.effect_overtaken": Model._effect_overtaken,
    "runtime.effect_revived": Model._effect_revived,
    "runtime.effects_found_open": Model._effects_found_open,
    "runtime.paused": Model._paused,
    "runtime.resumed": Model._resumed,
    "runtime.module_deployed": Model._module_deployed,
    "runtime.module_rolled_back": Model._module_rolled_back,
    "tests.till_opened": Model._till_opened,
    "till.rung": Model._rung,
    "runtime.identity_registered": Model._identity_registered,
    "runtime.identity_activated": Model._identity_activated,
    "runtime.identity_revoked": Model._identity_revoked,
    "tests.noted": Model._noted,
}
