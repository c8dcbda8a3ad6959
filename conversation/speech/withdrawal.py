"""Words that stop a recording, and words that want it deleted: two wishes, never taken for one.

Stopping is easy: a clear phrase anywhere in what was said is enough, where an answer to a question
must be the whole of it. A false stop costs a recording; a missed one records who said no.
"""

import re
from typing import Literal

from conversation.speech.engines import ONCE, Grammar

Wish = Literal["withdraw", "erase"]

WISH_CHARS_MAX = 2_000
"""What is said in one breath is shorter; more of it is not looked at."""

WITHDRAW_PHRASES = (
    "stop recording",
    "stop the recording",
    "stop recording me",
    "stop recording this call",
    "please stop recording",
    "please stop the recording",
    "don't record",
    "don't record me",
    "don't record this",
    "please don't record",
    "please don't record me",
    "please do not record",
    "do not record me",
    "do not record this call",
    "turn off the recording",
    "turn the recording off",
    "switch off the recording",
    "no recording",
    "i don't want to be recorded",
    "i do not want to be recorded",
    "i don't want this recorded",
    "i want you to stop recording",
    "i withdraw my consent",
    "i take back my consent",
)
ERASE_PHRASES = (
    "delete the recording",
    "delete my recording",
    "delete this recording",
    "erase the recording",
    "erase my recording",
    "please delete the recording",
    "please erase the recording",
    "i want the recording deleted",
)

WITHDRAW = Grammar(
    "withdraw",
    WITHDRAW_PHRASES + ERASE_PHRASES,
    decoys=(
        *("stop", "stop it", "please stop", "stop calling", "stop that", "record", "recording"),
        *("the recording", "don't", "do not", "please don't", "record me", "i don't want to"),
        *("is this recorded", "are you recording", "delete", "delete it", "turn it off"),
    ),
    agreeing=ONCE,
)
"""Listened for beside the phrases of an agent; what is heard, `withdraws` reads."""

_SOME = r"(?:\s+[^\W\d_']+(?:'[^\W\d_]+)?)"
_RECORD = r"(?:record(?:ing|ings|ed|er)?|tap(?:e|ed|ing))"
_NOT = r"(?:don't|do\s+not|not|never|without|no\s+longer)"
_CONSENT = r"(?:consent|permission|agreement)"

# Who says that it should not be stopped wants neither.
_GO_ON = re.compile(
    rf"\b(?:don't|do\s+not|never|not\s+to|no\s+need\s+to)\s+"
    rf"(?:stop|end|turn\s+off|delete|erase){_SOME}{{0,3}}\s+{_RECORD}\b"
    r"|\bnicht\s+(?:auf(?:zu)?hören|stoppen|löschen)\b"
)
_WITHDRAW = re.compile(
    rf"\b(?:stop|stopping|end|cease|quit|halt|pause|cancel|disable){_SOME}{{0,2}}\s+{_RECORD}\b"
    rf"|\b(?:turn|switch|shut)\s+off{_SOME}{{0,2}}\s+{_RECORD}\b"
    rf"|\b(?:turn|switch|shut){_SOME}{{0,2}}\s+{_RECORD}\s+off\b"
    rf"|\b{_NOT}{_SOME}{{0,5}}\s+{_RECORD}\b"
    rf"|\bno\s+(?:more\s+)?recordings?\b"
    rf"|\b(?:withdraw|revoke|take\s+back|retract){_SOME}{{0,2}}\s+{_CONSENT}\b"
    rf"|\btake{_SOME}{{0,2}}\s+{_CONSENT}\s+back\b"
    rf"|\b(?:object|mind){_SOME}{{0,3}}\s+{_RECORD}\b"
    r"|\b(?:stopp\w*|beend\w*|schalte\w*)(?:\s+\w+){0,3}\s+(?:aufnahme|aufzeichnung)\b"
    r"|\b(?:aufnahme|aufzeichnung)(?:\s+\w+){0,2}\s+(?:stopp\w*|beend\w*|aus\w*|ab\w*)\b"
    r"|\b(?:nicht|keine|ohne)(?:\s+\w+){0,3}\s+(?:auf(?:ge)?nehmen|aufgenommen|aufnahme|"
    r"auf(?:ge)?zeichnen|aufgezeichnet|aufzeichnung|mitschneiden|mitgeschnitten)\b"
    r"|\b(?:hör\w*|hoer\w*)(?:\s+\w+){0,3}\s+(?:aufzunehmen|aufzuzeichnen)\b"
    r"|\b(?:widerruf\w*|zurück\w*)(?:\s+\w+){0,3}\s+(?:einwilligung|zustimmung)\b"
    r"|\b(?:einwilligung|zustimmung)(?:\s+\w+){0,2}\s+(?:widerruf\w*|zurück\w*)\b"
)
_DELETE = r"(?:delet(?:e|ed|ing)|eras(?:e|ed|ing)|destroy(?:ed)?|wipe|remove|throw\s+away)"
_ERASE = re.compile(
    rf"\b{_DELETE}{_SOME}{{0,3}}\s+{_RECORD}\b"
    rf"|\b{_RECORD}{_SOME}{{0,3}}\s+{_DELETE}\b"
    rf"|\bget\s+rid\s+of{_SOME}{{0,2}}\s+{_RECORD}\b"
    r"|\b(?:lösch\w*|vernicht\w*)(?:\s+\w+){0,3}\s+(?:aufnahme|aufzeichnung)\w*\b"
    r"|\b(?:aufnahme|aufzeichnung)\w*(?:\s+\w+){0,3}\s+(?:\w*lösch\w*|\w*vernicht\w*)\b"
)


def withdraws(text: str) -> Wish | None:
    """What somebody wants who says this, in English or German: that it stops, or that it goes.

    Who wants both is first of all not recorded any more; whether to delete is asked then.
    """
    said = re.sub(r"[^\w']+", " ", text[:WISH_CHARS_MAX].lower().replace("\u2019", "'"))
    said = _GO_ON.sub(" ", said)
    if _WITHDRAW.search(said):
        return "withdraw"
    return "erase" if _ERASE.search(said) else None
