"""The C interface of eSpeak NG 1.52, as far as it is used: ctypes ends in this file."""

import _ctypes
import ctypes
import importlib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, cast

from conversation.speech.engines import SpeechError

ESPEAK_RATE = 22_050

# Values of speak_lib.h.
_OUTPUT_SYNCHRONOUS = 2
_DO_NOT_EXIT = 0x8000
_POSITION_CHARACTER = 1
_UTF8 = 1
_EVENT_END_OF_LIST = 0
_EVENT_WORD = 1
_RATE, _PITCH, _WORD_GAP = 1, 3, 7
_OK = 0
_GO_ON, _STOP = 0, 1
_SEED = 1


class _EventId(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    )


# Samples, their number, and the events among them: pointers as addresses.
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


class _Loader(Protocol):
    def get_library_path(self) -> str: ...
    def get_data_path(self) -> str: ...


_loader = cast(_Loader, importlib.import_module("espeakng_loader"))


@dataclass(frozen=True, slots=True)
class Mark:
    """A word begins here: index of its first character, and of its first sample."""

    character: int
    sample: int


@dataclass(frozen=True, slots=True)
class Spoken:
    """What the library gave: s16le at ESPEAK_RATE."""

    pcm: bytes
    marks: tuple[Mark, ...]


class Library:
    def __init__(self, c: ctypes.CDLL) -> None:
        self._c = c
        c.espeak_Synth.argtypes = (
            *(ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int),
            *(ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p),
        )

    def initialise(self) -> None:
        where = _loader.get_data_path().encode()
        rate = self._c.espeak_Initialize(_OUTPUT_SYNCHRONOUS, 0, where, _DO_NOT_EXIT)
        if rate != ESPEAK_RATE:
            raise SpeechError(f"espeak-ng did not start (answered {rate})")
        self._c.espeak_ng_SetRandSeed(ctypes.c_long(_SEED))

    def terminate(self) -> None:
        self._c.espeak_Terminate()

    def set_voice(self, name: str) -> None:
        if self._c.espeak_SetVoiceByName(name.encode()) != _OK:
            raise SpeechError(f"espeak-ng has no voice {name!r}")

    def set_rate(self, words_per_minute: int) -> None:
        self._c.espeak_SetParameter(_RATE, words_per_minute, 0)

    def set_pitch(self, percent: int) -> None:
        self._c.espeak_SetParameter(_PITCH, percent, 0)

    def set_word_gap(self, tens_of_ms: int) -> None:
        self._c.espeak_SetParameter(_WORD_GAP, tens_of_ms, 0)

    def synthesise(self, text: str, seconds_max: int) -> Spoken:
        """Neither SSML nor phoneme mnemonics are asked for, so neither is interpreted."""
        taking = _Taking(seconds_max * ESPEAK_RATE * 2)
        callback = _Callback(taking.take)
        self._c.espeak_SetSynthCallback(callback)
        raw = text.encode()
        code = self._c.espeak_Synth(raw, len(raw) + 1, 0, _POSITION_CHARACTER, 0, _UTF8, None, None)
        if code != _OK:
            raise SpeechError(f"espeak-ng could not speak (answered {code})")
        if taking.overflowed:
            raise SpeechError(f"speech is longer than {seconds_max} seconds")
        return Spoken(bytes(taking.pcm), tuple(taking.marks))


class _Taking:
    """What the synthesis callback has been given so far."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self.pcm = bytearray()
        self.marks: list[Mark] = []
        self.overflowed = False

    def take(self, wave: int | None, count: int, events: int) -> int:
        if wave is not None and count > 0:
            self.pcm += ctypes.string_at(wave, count * 2)
        while (event := _Event.from_address(events)).type != _EVENT_END_OF_LIST:
            if event.type == _EVENT_WORD:
                self.marks.append(Mark(event.text_position - 1, event.sample))
            events += ctypes.sizeof(_Event)
        self.overflowed = len(self.pcm) > self._bytes_max
        return _STOP if self.overflowed else _GO_ON


@contextmanager
def loaded() -> Generator[Library]:
    """The library with its state as at the first use in a process.

    Phase and flutter of the voice live in global variables which no call resets, so the second
    utterance of a process would differ from the first. Unloaded and loaded again, in 5 ms, the
    same text always gives the same samples.
    """
    c = ctypes.CDLL(_loader.get_library_path())
    library = Library(c)
    try:
        library.initialise()
        yield library
    finally:
        library.terminate()
        _ctypes.dlclose(c._handle)
