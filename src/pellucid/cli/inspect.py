"""`pellucid inspect`: read and check the data, train nothing."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from pellucid.cli.flags import add_settings, settings_from


def add_parser(subparsers: Any) -> None:
    """Add `inspect` to the commands."""
    parser = subparsers.add_parser(
        "inspect",
        help="read and check the data, train nothing",
        description="Read every image or text, look for faults, copies and leaks, and say what training "
        "would use.",
    )
    parser.add_argument(
        "data", metavar="DATA", help="Folder, table, IDX folder, .npz, sample:fashion or sample:spam"
    )
    parser.add_argument("--json", action="store_true", help="Print the findings as one JSON document")
    parser.add_argument("--config", type=Path, metavar="FILE.toml", help="The same settings from a file")
    parser.add_argument(
        "--seed", type=int, default=argparse.SUPPRESS, metavar="INT", help="Seed of the split"
    )
    add_settings(parser, ("data",))
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check the data, print the findings and return exit code 0."""
    settings = settings_from(arguments)
    from pellucid.data import prepare

    counting = _Counting()
    _, check = prepare(arguments.data, settings, progress=counting)
    counting.finish()
    text = json.dumps(check.to_json(), indent=2) if arguments.json else "\n".join(check.lines())
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    return 0


class _Counting:
    """Line on the error stream that counts examples, in a terminal only."""

    def __init__(self) -> None:
        self._shown = False

    def __call__(self, done: int, total: int) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\rreading {done:,} of {total:,}")
            sys.stderr.flush()
            self._shown = True

    def finish(self) -> None:
        """Wipe the line."""
        if self._shown:
            sys.stderr.write("\r\033[K")
