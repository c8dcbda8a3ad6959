"""`python -P -m tests.parley.serve DIRECTORY PROGRAM`: a keeper whose children are all PROGRAM.

With `node=PROGRAM` only the node is; the others are what they always are.
"""

import json
import sys
from pathlib import Path

from parley.config import from_json
from parley.keeper import PROGRAMS, Keeper, KeeperError


def main() -> int:
    data, program, config = sys.argv[1:]
    node = program.removeprefix("node=")
    others = PROGRAMS if node != program else dict.fromkeys(("media", "speech"), program)
    programs = {**others, "node": node}
    try:
        given = from_json(json.loads(config))
        if node != program:
            given = given.in_directory(Path(data))
        return Keeper(given, Path(data), programs).run()
    except KeeperError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
