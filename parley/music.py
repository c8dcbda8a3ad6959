"""What callers on hold hear: the operator's file, or a quiet loop of our own."""

from media.music import hold_music
from media.units import pcm
from parley.caller import wav
from parley.caller.script import CallError
from parley.config import Config


class MusicError(Exception):
    """The file of [media] hold_music cannot be played; the message says what to do."""


def music_of(config: Config) -> bytes:
    """s16le, 8 kHz. Raises MusicError."""
    if not config.media.hold_music:
        return pcm(hold_music())
    try:
        return wav.read(config.media.hold_music).audio
    except CallError as error:
        raise MusicError(f"[media] hold_music: {error}") from error
