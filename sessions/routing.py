"""Which way a call of ours takes: where it is sent, by which trunk, as whom."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from runtime.errors import Refused
from sessions.siprec.recorder import Recorder
from telephony.flow import Hop
from telephony.sip.dialog import contact_hop
from telephony.sip.headers import Lines
from telephony.sip.redirect import REDIRECTS_MAX
from telephony.sip.ways import WayOut
from telephony.trunks import NoTrunk, TrunkLines

NOBODY = "sip:anonymous@anonymous.invalid"


@dataclass(frozen=True, slots=True)
class Route:
    """`hops` are tried in their order; `from_uri` is who we say we are.

    `uri` is how the trunk wants to be asked for who is called, where it is not by their own URI.
    """

    hops: tuple[Hop, ...]
    from_uri: str
    headers: Lines = ()
    trunk: str = ""
    redirects_max: int = REDIRECTS_MAX
    uri: str = ""
    otherwise: tuple[WayOut, ...] = ()
    """By which other trunks, where this one has no room or does not answer."""


Routing = Callable[[str], Awaitable[Route]]
"""The route to a URI. Raises Refused where no way leads there."""


def directly(from_uri: str = NOBODY) -> Routing:
    """Straight to the address that a URI names: nothing is resolved, no trunk is asked."""

    async def route(uri: str) -> Route:
        hop = contact_hop([], uri)
        if hop is None:
            raise Refused("no way leads to who is called: the URI names no IP address")
        return Route((hop,), from_uri)

    return route


RecorderRouting = Callable[[Recorder], Awaitable[Route]]
"""The route to a recorder of others. Raises Refused where no way leads there."""


def straight(from_uri: str = NOBODY) -> RecorderRouting:
    """As `directly`."""
    return lambda recorder: directly(from_uri)(recorder.uri)


def by_named_trunk(lines: TrunkLines, from_uri: str) -> RecorderRouting:
    """By the trunk that a recorder names; without one, where its URI leads."""

    async def route(recorder: Recorder) -> Route:
        try:
            way = await lines.way_by(recorder.trunk, recorder.uri, from_uri)
        except NoTrunk as why:
            raise Refused(str(why)) from why
        return Route(way.hops, way.from_uri, way.headers, way.trunk, uri=way.target_uri)

    return route


def by_trunks(lines: TrunkLines, from_uri: str) -> Routing:
    """As the trunks say; without any, where the URI leads, as `from_uri`."""

    async def route(uri: str) -> Route:
        try:
            first, *others = await lines.ways(uri, from_uri)
        except NoTrunk as why:
            raise Refused(str(why)) from why
        return Route(
            first.hops,
            first.from_uri,
            first.headers,
            first.trunk,
            uri=first.target_uri,
            otherwise=tuple(others),
        )

    return route
