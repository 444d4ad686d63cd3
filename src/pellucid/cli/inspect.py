"""`pellucid inspect`: read and check the data, train nothing."""

import argparse
import sys
from pathlib import Path
from typing import Any

from pellucid.cli.command_line import (
    add_data,
    add_settings,
    add_table_flags,
    counting,
    say,
    settings_from,
    write_document,
)
from pellucid.errors import UsageError
from pellucid.language.catalogue import translated
from pellucid.language.sentence import Sentence

_EXAMPLES = (
    ("pellucid inspect photos/", "a folder for each class"),
    ("pellucid inspect mails.csv --label-column kind", "a table"),
    ("pellucid inspect photos/ --json", "for programs"),
    ("pellucid inspect photos/ --odd vae-run/", "the oddest images"),
)
_MAIN = "--json --odd --sheet --label-column --input-column --group-column --test --skip-bad".split()


def add_parser(subparsers: Any) -> None:
    """Add `inspect` to the commands."""
    parser = subparsers.add_parser(
        "inspect",
        help="read and check the data, train nothing",
        usage="pellucid inspect DATA [options]",
        examples=_EXAMPLES,
        main=_MAIN,
        description="Read every image or text, look for faults, copies and leaks, and say what training "
        "would use.",
    )
    add_data(parser)
    parser.add_argument(
        "--odd", metavar="RUN", help="Rank the oddest images by a generator, a run of train --model vae"
    )
    parser.add_argument(
        "--sheet", type=Path, metavar="FILE.png", help="With --odd, write the oddest images to one sheet"
    )
    add_table_flags(parser, ("seed",))
    add_settings(parser, ("data",))
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check the data, print the findings and return exit code 0.

    Raises: `UsageError` if `--sheet` is given without `--odd`, or the latter names no generator that looks at
    images.
    """
    settings = settings_from(arguments)
    if arguments.sheet is not None and arguments.odd is None:
        raise UsageError("--sheet: shows the images of --odd RUN; give it, or leave this out")
    odd = None
    with counting("reading"):
        if arguments.odd is not None:
            from pellucid.answering.generated import inspect_odd

            check, odd = inspect_odd(arguments.data, arguments.odd, settings)
        else:
            from pellucid.data import prepare

            _, check = prepare(arguments.data, settings)
    if arguments.json:
        write_document(check.to_json() if odd is None else {**check.to_json(), "odd": odd.to_json()})
    else:
        lines = check.lines() if odd is None else [*check.lines(), "", *odd.lines()]
        text, encoding = "\n".join(map(translated, lines)), sys.stdout.encoding or "utf-8"
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    if odd is not None and arguments.sheet is not None:
        odd.write_sheet(arguments.sheet)
        say(Sentence("oddest images: {sheet}", arguments.sheet))
    return 0
