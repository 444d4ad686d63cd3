"""`pellucid inspect`: read and check the data, train nothing."""

import argparse
import json
import sys
from typing import Any

from pellucid.cli.flags import add_data, add_settings, add_table_flags, counting, settings_from


def add_parser(subparsers: Any) -> None:
    """Add `inspect` to the commands."""
    parser = subparsers.add_parser(
        "inspect",
        help="read and check the data, train nothing",
        description="Read every image or text, look for faults, copies and leaks, and say what training "
        "would use.",
    )
    add_data(parser)
    parser.add_argument("--json", action="store_true", help="Print the findings as one JSON document")
    add_table_flags(parser, ("seed",))
    add_settings(parser, ("data",))
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check the data, print the findings and return exit code 0."""
    settings = settings_from(arguments)
    from pellucid.data import prepare

    with counting("reading") as progress:
        _, check = prepare(arguments.data, settings, progress=progress)
    text = json.dumps(check.to_json(), indent=2) if arguments.json else "\n".join(check.lines())
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    return 0
