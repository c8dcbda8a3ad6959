"""Every table and every reducer of the house, declared by importing what declares them.

A log can be played again only where all of them are known.
"""

import conversation.reducers
import recordings.reducers
import runtime.effects
import sessions.reducers
import telephony.reducers

MODULES = (
    runtime.effects,
    telephony.reducers,
    conversation.reducers,
    recordings.reducers,
    sessions.reducers,
)
