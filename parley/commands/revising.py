"""What `parley correct` and `parley redact` share: a segment, and its next text, sealed."""

import argparse
import secrets
from dataclasses import dataclass

from parley import operating, transcript
from parley.commands import No, finding, looks, place
from parley.commands.place import Place
from parley.plain import Plain
from recordings.access import Looked
from runtime.keystore import KeyDestroyed
from runtime.sealed import seal, to_json
from sessions.tables import Call

SEGMENT_HELP = "its id, or its place in `parley transcript`, from 1"


@dataclass(frozen=True, slots=True)
class Subject:
    """A segment as it is shown now, and how to seal its next text."""

    here: Place
    call: Call
    segment: Plain

    @property
    def words(self) -> list[str]:
        text: str = self.segment["text"]
        return text.split()

    def revise(self, change: str, why: str, spans: list[str], text: str) -> str:
        """Have it committed; answers the id of the revision. Raises No."""
        key = self.here.keystore().key(self.call.words_key)
        sealed = {
            name: to_json(seal(value, self.call.words_key, key, secrets.token_bytes))
            for name, value in (("why", why), ("text", text))
        }
        found = operating.perform(
            self.here,
            "transcript.revise",
            change=change,
            segment=self.segment["id"],
            after=len(self.segment["revisions"]),
            by=looks.operator(),
            spans=spans,
            **sealed,
        )
        revision: str = found["revision"]
        return revision


def add_arguments(parser: argparse.ArgumentParser) -> None:
    place.add_arguments(parser)
    finding.add_call(parser)
    looks.add_officer(parser)
    parser.add_argument("--why", required=True, metavar="TEXT", help="kept sealed with the words")


def subjects(args: argparse.Namespace) -> list[Subject]:
    """Every segment of the call. Raises No where its words are erased."""
    here = place.place_of(args)
    with place.reading(here) as rows:
        call = finding.call_of(rows, args.call)
        key = here.keystore().key
        try:
            key(call.words_key)
        except KeyDestroyed as error:
            raise No(f"the words of {call.id} are erased: there is nothing to change") from error
        looks.enter(here, rows, Looked.REDACTED, call.id, "transcript", officer=args.as_officer)
        shown = transcript.segments(rows, key, call.id)
    return [Subject(here, call, segment) for segment in shown if segment["text"] is not None]


def subject(args: argparse.Namespace) -> Subject:
    """The segment that is named. Raises No, saying which there are."""
    found = subjects(args)
    wanted: str = args.segment
    if wanted.isascii() and wanted.isdigit() and 0 < int(wanted) <= len(found):
        return found[int(wanted) - 1]
    same = [one for one in found if one.segment["id"] == wanted]
    if len(same) != 1:
        raise No(f"there is no segment {wanted!r}: the transcript has 1 to {len(found)}")
    return same[0]
