"""The right to process what a party says, made from the committed rows of a call alone.

What recognises speech, and every client of a vendor, asks for a permit; so without one there is
nothing that could be sent anywhere. A permit says what was so when it was made. Each dispatch to
a vendor is an action besides, refused once its scope is closed.
"""

from collections.abc import Iterable

from consent import prompts, story
from consent.permit import ANSWER, MAKER, NotPermitted, Permit
from consent.tables import ConsentEvent


def permit(events: Iterable[ConsentEvent], call: str, scope: str) -> Permit:
    """The permit for a scope that is open. Raises NotPermitted."""
    standing = story.standings(events).get(scope)
    if standing is None or not standing.is_open:
        state = "nothing was agreed" if standing is None else standing.state
        raise NotPermitted(f"{scope} is not open in {call}: {state}")
    return Permit(call, scope, standing.epoch, MAKER)


def answering(events: Iterable[ConsentEvent], call: str) -> Permit:
    """The permit to look for an answer in what follows a question. Raises NotPermitted."""
    if not prompts.is_listening(story.standings(events)):
        raise NotPermitted(f"no question waits for its answer in {call}")
    return Permit(call, ANSWER, 0, MAKER)
