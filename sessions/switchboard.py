"""Who is told of what: events of the line and of the media find their call."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from consent.rules import ASKING, LISTENING, PLAYING, State
from conversation.agent import ChatMessage
from conversation.speech.engines import Grammar
from conversation.tables import ActionState, Utterance, UtteranceState
from media.recorder import Track
from recordings.reducers import SAMPLE_US, chunk_sealed, gate_reopened
from recordings.tables import Chunk, Recording, RecordingState
from runtime.errors import Refused
from runtime.outbox import Effect
from runtime.performer import Closing
from runtime.values import typed_row
from runtime.writer import Committed
from sessions.asking import Asking
from sessions.house import CALLS_MAX, House
from sessions.lines import Lines, end
from sessions.live import LiveCall, Played
from sessions.reducers import call_offered, caller_acted
from sessions.sealing import Sealing
from sessions.tables import Call, CallState, Leg
from sessions.turns import Turns
from sessions.voice import Voice, played, progressed
from telephony import dtmf_info, sip
from telephony.sip import DialogState
from transcripts.tables import Segment

AWAY_S = 30.0
"""A caller who says nothing for so long is asked whether they are still there."""

Header = dict[str, Any]
