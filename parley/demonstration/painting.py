"""The timeline on a terminal, in colour where that is wanted."""

from collections.abc import Mapping
from typing import TextIO

from parley.timeline import Happening

COLOURS = {
    "call": "1",
    "consent": "33",
    "caller": "36",
    "agent": "32",
    "tool": "35",
    "recording": "34",
    "crash": "1;31",
    "ok": "32",
    "not so": "1;31",
}


class Painter:
    """Writes lines. Times count from the first happening it is told of."""

    def __init__(self, stream: TextIO, environ: Mapping[str, str]) -> None:
        self._stream = stream
        # no-color.org: any value that is not empty means no colour.
        self._coloured = stream.isatty() and not environ.get("NO_COLOR")
        self._zero_us: int | None = None

    def tell(self, happening: Happening) -> None:
        """One row of the log."""
        if self._zero_us is None:
            self._zero_us = happening.at_us
        after_s = (happening.at_us - self._zero_us) / 1e6
        self._line(f"{happening.seq:>5}", f"{after_s:6.1f}s", happening.who, happening.text)

    def crash(self, text: str) -> None:
        """What no row tells."""
        self._line(" " * 5, " " * 7, "crash", text)

    def plain(self, text: str) -> None:
        self._write(text)

    def mark(self, holds: bool, text: str) -> None:
        """Something that holds, or does not."""
        word = "ok" if holds else "not so"
        self._write(f"{self._paint(word, word)}: {text}")

    def _line(self, seq: str, after: str, who: str, text: str) -> None:
        self._write(f"{seq} {after}  {self._paint(who, f'{who:<9}')}  {text}")

    def _paint(self, who: str, text: str) -> str:
        return f"\x1b[{COLOURS[who]}m{text}\x1b[0m" if self._coloured else text

    def _write(self, text: str) -> None:
        self._stream.write(f"{text}\n")
        self._stream.flush()
