"""What goes to whom: each time something of a call is sent to a vendor it is a row first."""

from consent import reducers as consent
from consent.permit import VENDOR
from runtime import Context, Refused, reducer, table
from sessions.retention.tables import Disclosure
from sessions.tables import Call, CallState

WORDS_CHARS_MAX = 200


@table(name="vendor_dispatch", index=(("call",),), append_only=True)
class VendorDispatch:
    """`size` bytes of a call went to a vendor under a permit of this `epoch`."""

    id: str
    call: str
    vendor: str
    what: str
    model: str
    region: str
    size: int
    epoch: int
    at_us: int


@reducer
def vendor_dispatched(
    ctx: Context, *, call: str, vendor: str, what: str, model: str, region: str, size: int
) -> int:
    """Something is about to be sent. Answers the epoch of the permit; Refused where there is
    none."""
    if ctx.table(Call).one(call).state is not CallState.ANSWERED:
        raise Refused(f"{call} is not answered: nothing of it goes anywhere")
    for text in (vendor, what, model, region):
        if len(text) > WORDS_CHARS_MAX:
            raise Refused(f"a name of a vendor, model or region has {WORDS_CHARS_MAX} letters")
    scope = f"{VENDOR}{vendor}"
    standing = consent.standings_of(ctx, call).get(scope)
    if standing is None or not standing.is_open:
        raise Refused(f"{scope} is not open in {call}: nobody agreed that {vendor} gets anything")
    rows = ctx.table(VendorDispatch)
    sent = rows.where(call=call)
    name = f"{call}/dispatch/{len(sent) + 1:06}"
    about = (call, vendor, what, model, region, size, standing.epoch, ctx.now)
    rows.insert(VendorDispatch(name, *about))
    # Who got something is told when it is erased: once is enough to know of them.
    if all(row.vendor != vendor for row in sent):
        ctx.table(Disclosure).insert(
            Disclosure(
                id=ctx.new_id("disclosure"),
                call=call,
                recipient=vendor,
                artefacts=(what,),
                purpose="processing during the call",
                at_us=ctx.now,
            )
        )
    return standing.epoch
