"""Runs every try of the textbook, one after the other: `python examples/run_all.py [NAME ...]`.

Then fills docs/textbook.md, where records were written into this repository. Takes: under an hour on two
cores; one core is used, unless `--threads` asks for more.
"""

import sys

from page import NAMES, PAGE, filled, script
from trying import ROOT, options_of, parser, run


def main() -> int:
    """Run the tries."""
    flags = parser("Run the tries of the textbook.")
    flags.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(NAMES)}; default: all")
    arguments = flags.parse_args()
    if unknown := set(arguments.names) - set(NAMES):
        flags.error(f"unknown {', '.join(sorted(unknown))}; known are {', '.join(NAMES)}")
    for name in arguments.names or NAMES:
        run(script(name), options_of(arguments), arguments.out)
    if arguments.out == ROOT:
        PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
