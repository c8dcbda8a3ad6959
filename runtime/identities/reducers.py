"""The life of identities and of their logins, each step an entry of the log.

Trusted code (the operator's control socket) takes these steps, or an identity that is an
operator itself, and then each step is signed.
"""

from dataclasses import replace

from runtime.context import Context
from runtime.errors import NotAllowed, Refused
from runtime.identities import rules
from runtime.identities.rules import Change, Kind, State
from runtime.identities.tables import Identity, Login
from runtime.reducers import ANYONE, reducer

OPERATOR = "operator"
LOGIN_US = 3_600_000_000
"""How long a login lasts: an hour."""
LOGINS_MAX = 16
"""Of one identity at a time."""


@reducer(by=(OPERATOR,), signed=True)
def identity_registered(
    ctx: Context, *, kind: Kind, key: bytes, roles: tuple[str, ...], belongs_to: str, name: str
) -> str:
    """An identity is known, and may not act yet; `belongs_to` is its tenant. Answers its id."""
    rules.check_words(name, belongs_to, roles)
    row = Identity(
        id=rules.id_of(key),
        kind=kind,
        state=State.REGISTERED,
        key=key,
        roles=roles,
        tenant=belongs_to,
        name=name,
        registered_us=ctx.now,
        changed_us=ctx.now,
        why="",
    )
    return ctx.table(Identity).insert(row).id


@reducer(by=(OPERATOR,), signed=True)
def identity_activated(ctx: Context, identity: str) -> None:
    """From now on it may act."""
    _change(ctx, identity, Change.ACTIVATED, "")


@reducer(by=(OPERATOR,), signed=True)
def identity_suspended(ctx: Context, identity: str, why: str = "") -> None:
    """It may not act until it is resumed; its logins are over."""
    _change(ctx, identity, Change.SUSPENDED, why)


@reducer(by=(OPERATOR,), signed=True)
def identity_resumed(ctx: Context, identity: str) -> None:
    """It may act again."""
    _change(ctx, identity, Change.RESUMED, "")


@reducer(by=(OPERATOR,), signed=True)
def identity_revoked(ctx: Context, identity: str, why: str = "") -> None:
    """It never acts again; its logins are over."""
    _change(ctx, identity, Change.REVOKED, why)


@reducer(by=(ANYONE,), signed=True)
def login_opened(ctx: Context, challenge: str) -> str:
    """An identity signed the server's challenge. Answers the id of its login."""
    ctx.table(Identity).one(ctx.sender)
    logins = ctx.table(Login)
    for login in logins.where(identity=ctx.sender):
        # The log keeps what was; the row of a login that is over serves nobody.
        if login.ended is not None or login.expires_us <= ctx.now:
            logins.delete(login)
    if len(logins.where(identity=ctx.sender)) >= LOGINS_MAX:
        raise Refused(f"{ctx.sender} has {LOGINS_MAX} logins: end one of them")
    row = Login(
        id=ctx.new_id("login"),
        identity=ctx.sender,
        opened_us=ctx.now,
        expires_us=ctx.now + LOGIN_US,
        ended=None,
    )
    return logins.insert(row).id


@reducer(by=(ANYONE,))
def login_ended(ctx: Context, login: str) -> None:
    """Its owner logged out."""
    row = ctx.table(Login).one(login)
    if ctx.sender.startswith(rules.PREFIX) and row.identity != ctx.sender:
        raise NotAllowed(f"login {login} is not yours")
    if row.ended is None:
        ctx.table(Login).replace(replace(row, ended="logged out"))


def _change(ctx: Context, identity: str, change: Change, why: str) -> None:
    row = ctx.table(Identity).one(identity)
    state = rules.next_state(row.state, change)
    ctx.table(Identity).replace(
        replace(row, state=state, changed_us=ctx.now, why=rules.check_reason(why))
    )
    if state is State.ACTIVE:
        return
    logins = ctx.table(Login)
    for login in logins.where(identity=identity):
        if login.ended is None:
            logins.replace(replace(login, ended=f"the identity was {state.value}"))
