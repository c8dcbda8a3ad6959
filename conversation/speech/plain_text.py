"""Make text from anywhere safe to be spoken: only what can be read out is left."""

import unicodedata

# Control characters carry commands to some synthesisers; the rest has no sound.
_SILENT = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
# Other symbols from here on are arrows, boxes and emoji. Below are the likes of the degree sign.
_PICTURES_FROM = "\u2190"


def plain(text: str) -> str:
    """NFC, single spaces, no control characters, no emoji. Empty if there is nothing to say."""
    composed = unicodedata.normalize("NFC", text)
    kept = "".join(" " if _has_no_sound(character) else character for character in composed)
    return " ".join(kept.split()) if any(map(str.isalnum, kept)) else ""


def _has_no_sound(character: str) -> bool:
    category = unicodedata.category(character)
    return category in _SILENT or (category == "So" and character >= _PICTURES_FROM)
