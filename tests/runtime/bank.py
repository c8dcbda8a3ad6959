"""A small module for the runtime's tests: accounts, and money that must not appear."""

from dataclasses import replace

from runtime import Context, Refused, reducer, table


@table(name="account")
class Account:
    """An account and its cents."""

    id: str
    cents: int


@table(name="receipt", append_only=True)
class Receipt:
    """What can only be added."""

    id: str
    text: str


@reducer
def opened(ctx: Context, account: str, cents: int) -> int:
    """An account was opened."""
    return ctx.table(Account).insert(Account(id=account, cents=cents)).cents


@reducer
def paid(ctx: Context, source: str, target: str, cents: int) -> str:
    """Money went from one account to another, and somebody has to be told."""
    accounts = ctx.table(Account)
    payer = accounts.one(source)
    payee = accounts.one(target)
    accounts.replace(replace(payee, cents=payee.cents + cents))
    if payer.cents < cents:
        raise Refused("not enough money")
    accounts.replace(replace(payer, cents=payer.cents - cents))
    ctx.effect("notify", account=target)
    return ctx.table(Receipt).insert(Receipt(id=ctx.new_id("receipt"), text=ctx.sender)).id


@reducer
def notified(ctx: Context, account: str) -> None:
    """Somebody was told."""
    ctx.table(Receipt).insert(Receipt(id=ctx.new_id("receipt"), text=f"told {account}"))


@reducer
def standing_order(ctx: Context, account: str, cents: int, after_us: int) -> str:
    """Somebody wants money paid in later. Answers the timer's id."""
    return ctx.schedule(paid_in, after_us=after_us, account=account, cents=cents)


@reducer
def order_cancelled(ctx: Context, order: str) -> bool:
    """It is not wanted any more."""
    return ctx.cancel(order)


@reducer
def paid_in(ctx: Context, account: str, cents: int) -> int:
    """Money came in."""
    accounts = ctx.table(Account)
    row = accounts.one(account)
    return accounts.replace(replace(row, cents=row.cents + cents)).cents


@reducer
def closed(ctx: Context, account: str) -> int:
    """An account was closed, and what it held paid out."""
    accounts = ctx.table(Account)
    row = accounts.one(account)
    accounts.delete(row)
    return row.cents


@reducer
def told_in_turn(ctx: Context, account: str) -> None:
    """One after the other: all in one lane."""
    ctx.effect("notify", lane="desk", account=account)
