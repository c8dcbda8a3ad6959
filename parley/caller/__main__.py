"""`python -m parley.caller` is `parley call`."""

import argparse
import sys

from parley.caller.command import add_arguments, run

parser = argparse.ArgumentParser(prog="parley call")
add_arguments(parser)
sys.exit(run(parser.parse_args()))
