"""The recorders of others that the configuration names, as calls look at them."""

from collections.abc import Iterator

from parley.config import Config
from sessions.siprec.recorder import Recorder
from telephony.sdp import Srtp


def recorders_of(config: Config) -> tuple[Recorder, ...]:
    """Every [[recorder]]."""
    return tuple(
        Recorder(
            name=one.name,
            uri=one.uri,
            trunk=one.trunk,
            srtp=Srtp(one.srtp),
            codecs=one.codecs,
            when_closed=one.when_closed,
        )
        for one in config.recorder
    )


def complaints(config: Config) -> Iterator[str]:
    """What does not go together, and what to write instead."""
    known = {trunk.name: trunk for trunk in config.trunk}
    for one in config.recorder:
        if one.trunk and one.trunk not in known:
            yield f"The recorder {one.name!r} names no [[trunk]] that there is: {one.trunk!r}."
        elif one.trunk and not (known[one.trunk].proxy or known[one.trunk].registrar):
            yield f"The trunk {one.trunk!r} leads nowhere: the recorder {one.name!r} needs a proxy."
