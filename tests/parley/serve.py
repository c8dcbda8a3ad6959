"""`python -P -m tests.parley.serve DIRECTORY PROGRAM`: a keeper whose children are all PROGRAM."""

import json
import sys
from pathlib import Path

from parley.config import from_json
from parley.keeper import Keeper, KeeperError


def main() -> int:
    data, program, config = sys.argv[1:]
    programs = dict.fromkeys(("node", "media", "speech"), program)
    try:
        return Keeper(from_json(json.loads(config)), Path(data), programs).run()
    except KeeperError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
