"""Reducers that would give another result in another process; the guard refuses each.

They are never registered, and never run. `REFUSED` says which words of the message name the
reason.
"""
# Wrong on purpose: that is what these are for.
# ruff: noqa: B006, B024, C416, E731, PLC0208, PLC0415, PLC3002, PLW0108, RUF012, UP031
# pyright: basic, reportAttributeAccessIssue=false, reportIndexIssue=false
# mypy: ignore-errors

import functools
import os
import random
import time
import uuid
from abc import ABCMeta
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from time import time as now
from typing import Any

from runtime import Context
from tests.runtime.bank import Account

REFUSED: dict[Callable[..., Any], str] = {}


def refused(why: str) -> Callable[[Any], Any]:
    def note(function: Any) -> Any:
        REFUSED[function] = why
        return function

    return note


# Clocks, chance, the machine.


@refused("time is not in the list")
def reads_a_clock(ctx: Context) -> float:
    return time.time()


@refused("time is not in the list")
def reads_a_clock_by_another_name(ctx: Context) -> float:
    return now()


@refused("monotonic is not in the list")
def reads_the_monotonic_clock(ctx: Context) -> float:
    return time.monotonic()


@refused("datetime is not in the list of pure types")
def asks_for_the_date(ctx: Context) -> str:
    return datetime.now().isoformat()


@refused("a draw that is a float")
def draws_a_number(ctx: Context) -> float:
    return random.random()


@refused("uuid.uuid4 is not ours")
def draws_an_id(ctx: Context) -> str:
    return str(uuid.uuid4())


@refused("a draw that is a float")
def draws_a_float(ctx: Context) -> int:
    rng = ctx.rng
    return int(rng.gauss(3, 4))


@refused("the seed comes from the entry")
def seeds_from_the_machine(ctx: Context) -> int:
    ctx.rng.seed()
    return ctx.rng.randrange(10)


@refused("a _Environ from outside")
def asks_the_environment(ctx: Context) -> str | None:
    return os.environ.get("HOME")


@refused("open is not in the list")
def opens_a_file(ctx: Context) -> str:
    return open("x").read()


@refused("print is not in the list")
def prints(ctx: Context) -> None:
    print("x")


# Sets, hashes, addresses.


@refused("a set")
def iterates_a_set(ctx: Context) -> list[str]:
    return [one for one in {"a", "b"}]


@refused("set is not in the list")
def makes_a_set(ctx: Context, names: list[str]) -> list[str]:
    return list(set(names))


@refused("frozenset is not in the list")
def makes_a_frozen_set(ctx: Context, names: list[str]) -> list[str]:
    return list(frozenset(names))


@refused("keys() and items() make sets")
def combines_keys(ctx: Context, left: dict[str, int], right: dict[str, int]) -> list[str]:
    return [one for one in left.keys() & right.keys()]


@refused("hash is not in the list")
def hashes(ctx: Context, name: str) -> int:
    return hash(name)


@refused("hash is not in the list")
def hashes_all(ctx: Context, names: list[str]) -> list[int]:
    return list(map(hash, names))


@refused("id is not in the list")
def sorts_by_address(ctx: Context, names: list[str]) -> list[str]:
    return sorted(names, key=id)


@refused("repr is not in the list")
def shows_an_address(ctx: Context) -> str:
    return repr(ctx)


@refused("!r may tell an address")
def formats_an_address(ctx: Context) -> str:
    return f"{ctx!r}"


@refused("the text of this object holds its address")
def formats_a_generator(ctx: Context) -> str:
    return f"{(one for one in 'ab')}"


@refused("% makes text")
def formats_with_percent(ctx: Context, cents: int) -> str:
    return "%f" % cents


@refused("str.format reaches into objects")
def reaches_with_format(ctx: Context, template: str) -> str:
    return template.format(ctx)


@refused("the text of an exception differs")
def tells_an_exception(ctx: Context, text: str) -> str:
    try:
        return str(int(text))
    except ValueError as error:
        return str(error)


# Floats and the locale.


@refused("true division")
def divides(ctx: Context, cents: int) -> float:
    return cents / 2


@refused("true division")
def divides_in_place(ctx: Context, cents: int) -> float:
    cents /= 2
    return cents


@refused("a float")
def has_a_float(ctx: Context) -> int:
    return int(0.1)


@refused("float is not in the list")
def makes_a_float(ctx: Context, text: str) -> int:
    return int(float(text))


@refused("negative exponent")
def raises_to_a_negative_power(ctx: Context, cents: int, power: int) -> int:
    return int(cents**power)


@refused("pow is not in the list")
def calls_pow(ctx: Context, cents: int, power: int) -> int:
    return int(pow(cents, power))


@refused("ask for the locale")
def formats_for_the_locale(ctx: Context, cents: int) -> str:
    return f"{cents:n}"


@refused("ask for the locale")
def formats_as_it_is_told(ctx: Context, cents: int, spec: str) -> str:
    return f"{cents:{spec}}"


# Code and names.


@refused("an import")
def imports(ctx: Context) -> int:
    import math

    return math.floor(1)


@refused("a broad except")
def swallows(ctx: Context) -> None:
    try:
        ctx.new_id("x")
    except Exception:
        return


@refused("a broad except")
def swallows_anything(ctx: Context) -> None:
    try:
        ctx.new_id("x")
    except:  # noqa: E722
        return


ANYTHING = Exception


@refused("Exception is not in the list")
def swallows_by_another_name(ctx: Context) -> None:
    try:
        ctx.new_id("x")
    except ANYTHING:
        return


@refused("RecursionError is not in the list")
def counts_the_stack(ctx: Context) -> int:
    try:
        return 1 + counts_the_stack(ctx)
    except RecursionError:
        return 0


@refused("a private attribute")
def reaches_inside(ctx: Context) -> Any:
    return ctx._connection


@refused("a private attribute")
def matches_inside(ctx: Context) -> Any:
    match ctx:
        case Context(_seed=seed):
            return seed


@refused("a private attribute (gi_frame)")
def climbs_frames(ctx: Context) -> Any:
    return (one for one in "ab").gi_frame


@refused("the deltas are written by the tables alone")
def unwrites(ctx: Context) -> None:
    ctx.deltas.clear()


@refused("the machinery of Python")
def asks_for_builtins(ctx: Context) -> int:
    return __builtins__["hash"]("x")


@refused("the machinery of Python")
def asks_where_it_lies(ctx: Context) -> str:
    return __file__


@refused("async code")
async def waits(ctx: Context) -> None:
    return


@refused("a generator")
def yields(ctx: Context) -> Any:
    yield ctx.now


@refused("the module os is passed on whole")
def passes_a_module(ctx: Context) -> int:
    machine = os
    return machine.getpid()


@refused("getattr is not in the list")
def gets_attributes(ctx: Context) -> Any:
    return getattr(ctx, "_seed")  # noqa: B009


@refused("hash is not in the list")
def hides_a_name_behind_a_lambda(ctx: Context, name: str) -> int:
    (lambda hash: 0)(1)
    return hash(name)


@refused("time is not in the list")
def hides_it_in_a_helper(ctx: Context) -> float:
    return reads_a_clock(ctx)


@refused("time is not in the list")
def hides_it_below(ctx: Context) -> float:
    return below(ctx)


@refused("time is not in the list")
def hides_it_in_an_annotation(ctx: Context) -> str:
    def inner(x: now()) -> int:
        return 1

    return str(inner(1))


@refused("With is not among")
def opens_a_context(ctx: Context, one: Account) -> None:
    with one:
        return


@refused("nobody is not defined")
def names_nobody(ctx: Context) -> Any:
    return nobody  # noqa: F821


# State that outlives a call.

SEEN: list[str] = []
COUNTS: dict[str, list[int]] = {"all": []}
NAMES = frozenset(["a", "b"])
TOOLS = (hash, id)
SHARE = 0.5


@refused("a list that any call may change")
def remembers(ctx: Context, name: str) -> int:
    SEEN.append(name)
    return len(SEEN)


@refused("a list that any call may change")
def remembers_deeper(ctx: Context) -> int:
    COUNTS["all"].append(1)
    return len(COUNTS["all"])


@refused("a frozenset whose order depends")
def iterates_a_constant(ctx: Context) -> list[str]:
    return [one for one in NAMES]


@refused("hash is not in the list")
def aliases_through_a_tuple(ctx: Context, name: str) -> int:
    return TOOLS[0](name)


@refused("a float")
def has_a_share(ctx: Context, cents: int) -> int:
    return int(cents * SHARE)


@refused("a list that any call may change")
def remembers_in_a_default(ctx: Context, seen: list[int] = []) -> int:
    seen.append(1)
    return len(seen)


@refused("computed once per process")
def looks_at_the_clock_once(ctx: Context, at: int = int(time.time())) -> int:
    return at


@refused("an attribute is set")
def remembers_on_itself(ctx: Context) -> int:
    remembers_on_itself.calls = 1
    return 1


@refused("shared between calls")
def remembers_between(ctx: Context) -> Any:
    count = 0

    def add() -> None:
        nonlocal count
        count += 1

    return add()


@refused("a variable shared")
def sets_a_global(ctx: Context) -> None:
    global SHARE
    SHARE = 1


@refused("a _lru_cache_wrapper from outside")
def uses_a_cache(ctx: Context, name: str) -> int:
    return cached(name)


@refused("carries values along")
def is_decorated(ctx: Context) -> int:
    return timed(1)


@refused("carries values along, or has no name")
def calls_a_lambda(ctx: Context) -> Any:
    return unnamed()


@refused("a partial from outside")
def calls_a_partial(ctx: Context) -> Any:
    return partly()


# Classes.


@dataclass(frozen=True)
class Stamped:
    at: float = field(default_factory=time.time)


@dataclass(frozen=True)
class Judged:
    cents: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "cents", time.time())


@dataclass(frozen=True)
class Aged:
    since: int

    @property
    def age(self) -> int:
        return int(time.time()) - self.since

    def __lt__(self, other: Any) -> bool:
        return id(self) < id(other)


@dataclass(frozen=True)
class Older:
    since: int

    @property
    def years(self) -> int:
        return int(time.time()) - self.since


@dataclass(frozen=True)
class Holder:
    older: Older


@dataclass(frozen=True)
class Lazy:
    since: int

    @functools.cached_property
    def age(self) -> int:
        return 1


@dataclass(frozen=True)
class Finalized:
    since: int

    def __del__(self) -> None:
        return


@dataclass(frozen=True)
class Counting:
    since: int
    seen = []


class Meta(type):
    def __instancecheck__(cls, one: object) -> bool:
        return id(one) % 2 == 0


@dataclass(frozen=True)
class Hooked(metaclass=Meta):
    cents: int


class Abstract(metaclass=ABCMeta):
    pass


class Kind(StrEnum):
    A = "a"

    @classmethod
    def _missing_(cls, value: object) -> Any:
        return cls.A

    def stamp(self) -> float:
        return time.time()


class Plain:
    pass


@refused("time is not in the list")
def makes_a_stamp(ctx: Context) -> Any:
    return Stamped()


@refused("a private attribute")
def runs_a_post_init(ctx: Context) -> Any:
    return Judged(1)


@refused("a private attribute")
def takes_one_with_a_post_init(ctx: Context, one: Judged) -> Any:
    return one.cents


@refused("is not in the list")
def asks_a_property(ctx: Context) -> Any:
    return Aged(1).age


@refused("id is not in the list")
def sorts_by_its_order(ctx: Context, some: list[Aged]) -> Any:
    return sorted(some)


@refused("time is not in the list")
def asks_one_within(ctx: Context, holder: Holder) -> Any:
    return holder.older.years


@refused("time is not in the list")
def matches_a_property(ctx: Context, older: Older) -> Any:
    match older:
        case Older(years=age):
            return age


@refused("is shared between calls")
def asks_a_cached_property(ctx: Context) -> Any:
    return Lazy(1).age


@refused("a finalizer")
def has_a_finalizer(ctx: Context) -> Any:
    return Finalized(1).since


@refused("a list that any call may change")
def remembers_in_a_class(ctx: Context) -> Any:
    return Counting(1).since


@refused("a metaclass")
def asks_an_instance_hook(ctx: Context, cents: int) -> bool:
    return isinstance(cents, Hooked)


@refused("a metaclass")
def asks_an_abstract_class(ctx: Context, cents: int) -> bool:
    return isinstance(cents, Abstract)


@refused("time is not in the list")
def asks_an_enumeration(ctx: Context) -> Any:
    return Kind.A.stamp()


@refused("neither a dataclass, an enumeration nor an error")
def makes_something(ctx: Context) -> Any:
    return Plain()


@refused("an attribute is set")
def patches_a_class(ctx: Context) -> None:
    Account.id = "x"


@refused("say its type")
def takes_anything(ctx: Context, what: Any) -> None:
    return


@refused("say its type")
def takes_anything_within(ctx: Context, what: dict[str, Any]) -> None:
    return


def below(ctx: Context) -> float:
    return time.time()


@functools.cache
def cached(name: str) -> int:
    return 1


def timing(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return function(*args) + time.time()

    return wrapper


@timing
def timed(one: int) -> int:
    return one


unnamed = lambda: time.time()
partly = functools.partial(below, None)
