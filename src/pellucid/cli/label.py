"""`pellucid label`: label images or texts by keyboard, on a page of this machine."""

import argparse
from pathlib import Path
from typing import Any

from pellucid.cli.command_line import add_table_flags, say, settings_from, write_document

_EXAMPLES = (
    ("pellucid label photos/ --out l.csv", "images of a folder"),
    ("pellucid label mails.csv --out l.csv --classes ham,spam", "texts"),
    ("pellucid label photos/ --out l.csv --several-labels", "several"),
)


def add_parser(subparsers: Any) -> None:
    """Add `label` to the commands."""
    parser = subparsers.add_parser(
        "label",
        help="label images or texts by keyboard, with an honest running accuracy",
        usage="pellucid label FOLDER|TABLE --out TABLE [options]",
        examples=_EXAMPLES,
        main="--out --port --classes --several-labels --open --task --input-column".split(),
        description="Serve a page on this machine on which images or texts are labelled by keyboard. "
        "Every answer is in the table before the next question is asked. A model that learns meanwhile "
        "chooses what is worth asking; a random part is kept for judging alone. Ctrl-C ends it, and the same "
        "command goes on.",
    )
    parser.add_argument("place", metavar="FOLDER|TABLE", help="Folder of images or .txt files, or table")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="TABLE", help="Table of labels, .csv or .jsonl; added to"
    )
    parser.add_argument(
        "--port", type=int, default=8001, metavar="N", help="Port (default: 8001; 0: any free)"
    )
    parser.add_argument(
        "--classes",
        default="",
        metavar="A,B,...",
        help="Classes to begin with; more can be added on the page",
    )
    parser.add_argument(
        "--several-labels",
        action="store_const",
        dest="answer",
        const="labels",
        default="class",
        help="An example may have several labels, or none of them",
    )
    parser.add_argument("--open", action="store_true", help="Open the page in a browser")
    add_table_flags(parser, ("task", "input_column", "encoding", "delimiter", "quote", "seed"))
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C, and return exit code 0."""
    from pellucid.labelling.server import label
    from pellucid.targets import TARGETS

    label(
        arguments.place,
        arguments.out,
        settings_from(arguments),
        port=arguments.port,
        target=TARGETS[arguments.answer],
        classes=[name.strip() for name in arguments.classes.split(",") if name.strip()],
        say=say,
        opens_browser=arguments.open,
        started=write_document if arguments.json else None,
    )
    return 0
