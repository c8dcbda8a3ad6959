"""The command line. A command's module is imported when that command is called, not before."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from parley.commands import MISUSE, No, NotLikeThis

INTERRUPTED = 130
"""128 and the number of SIGINT, as shells have it."""


@dataclass(frozen=True, slots=True)
class Command:
    """A module with `add_arguments(parser)` and `run(args) -> exit code`."""

    module: str
    summary: str


COMMANDS = {
    "serve": Command("parley.commands.serve", "the server: SIP, media, web"),
    "demo": Command("parley.commands.demo", "a real call to a server of its own, on this machine"),
    "call": Command("parley.caller", "a test caller: places a SIP call, speaks, presses keys"),
    "basis": Command("parley.commands.basis", "why somebody may be called"),
    "dial": Command("parley.commands.dial", "have the server call somebody who may be called"),
    "supervise": Command("parley.commands.supervise", "call a supervisor into a call that is up"),
    "emergency": Command("parley.commands.emergency", "a life is at stake: record from now on"),
    "calls": Command("parley.commands.calls", "list the calls"),
    "show": Command("parley.commands.show", "one call, at any moment of its life"),
    "transcript": Command("parley.commands.transcript", "what was said in a call"),
    "search": Command("parley.commands.search", "the calls in which something was said"),
    "correct": Command("parley.commands.correct", "correct what is written of what was said"),
    "redact": Command("parley.commands.redact", "hide words of a call from readers"),
    "index": Command("parley.commands.index", "what `parley search` looks in, built anew"),
    "replay": Command("parley.commands.replay", "run the log again and compare every change"),
    "export": Command("parley.commands.export", "one call: to be verified, passed on, heard"),
    "verify": Command(
        "parley.commands.verify", "verify an evidence pack or a certificate, offline"
    ),
    "vcon": Command("parley.commands.vcon", "verify, read and import a vCon of others"),
    "hold": Command("parley.commands.hold", "legal holds: nothing of these calls is destroyed"),
    "erase": Command("parley.commands.erase", "destroy what is kept of a call or of a caller"),
    "approve": Command("parley.commands.approve", "say yes or no at a gate, or see what waits"),
    "retention": Command(
        "parley.commands.retention", "what expires when, and the proof it is gone"
    ),
    "subject": Command("parley.commands.subject", "what is known of one caller, for them to have"),
    "notices": Command("parley.commands.notices", "who else got data, and is told of an erasure"),
    "identity": Command("parley.commands.identity", "who may act, and who no longer"),
    "act": Command("parley.commands.act", "sign an action and have a server take it"),
    "proof": Command("parley.commands.proof", "prove an entry of the log, or that it only grew"),
    "backup": Command("parley.commands.backup", "a copy of the store, without what opens it"),
    "keys": Command("parley.commands.keys", "the keys, counted, and the key that wraps them"),
    "restore": Command("parley.commands.restore", "go on from a backup"),
    "module": Command("parley.commands.module", "code that is deployed in versions, with an agent"),
    "consent": Command("parley.commands.consent", "what callers agreed to before they called"),
    "policy": Command("parley.commands.policy", "what the law asks of a call, and why"),
    "check": Command("parley.commands.check", "would the server work here?"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """0: fine, 1: the answer is no, 2: not like this."""
    given = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _run(given)
        sys.stdout.flush()
        return code
    except SystemExit as end:  # argparse has said what there is to say.
        return end.code if isinstance(end.code, int) else MISUSE
    except (No, NotLikeThis) as error:
        print(f"parley: {error}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read this has seen enough; what is still buffered must not complain either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(given: list[str]) -> int:
    name = given[0] if given else ""
    if name and name not in COMMANDS and not name.startswith("-"):
        nearest = get_close_matches(name, COMMANDS, n=1, cutoff=0.0)[0]
        raise NotLikeThis(f"there is no command {name!r}: did you mean `parley {nearest}`?")
    parser = argparse.ArgumentParser(
        prog="parley",
        description="Phone calls with AI agents, recorded only where the caller agreed.",
        epilog="parley COMMAND --help shows an example of each.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for known, command in COMMANDS.items():
        sub = commands.add_parser(
            known, help=command.summary, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        sub.description = f"{command.summary[0].upper()}{command.summary[1:]}."
        if known == name:
            importlib.import_module(command.module).add_arguments(sub)
    options = parser.parse_args(given)
    code: int = importlib.import_module(COMMANDS[name].module).run(options)
    return code


if __name__ == "__main__":
    sys.exit(main())
