"""`pellucid generate`: make images with a trained generator."""

import argparse
from pathlib import Path
from typing import Any

from pellucid.cli.command_line import say, write_document
from pellucid.language.sentence import Sentence

_EXAMPLES = (
    ("pellucid generate run/ --count 64 --out images/", "all classes"),
    ("pellucid generate run/ --count 64 --class shirt --out images/", "one class"),
)


def add_parser(subparsers: Any) -> None:
    """Add `generate` to the commands."""
    parser = subparsers.add_parser(
        "generate",
        help="make images with a network that was trained to",
        usage="pellucid generate RUN --count N --out DIR [options]",
        examples=_EXAMPLES,
        description="Make images like those that a generator was trained on, of their size: PNG files, a "
        "contact sheet and, where it knows classes, a table of their labels that every command takes as "
        "DATA. The same seed gives the same bytes.",
    )
    parser.add_argument("run_folder", metavar="RUN", help="Run of train --model vae or gan, or model folder")
    parser.add_argument("--count", type=int, required=True, metavar="N", help="How many images")
    parser.add_argument(
        "--class", dest="class_name", metavar="NAME", help="Class of all images; default: all take turns"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="Seed of the draws (default: 0)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="New folder for the images")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Make images and return exit code 0."""
    from pellucid.answering.generated import generate
    from pellucid.data.wording import count_of

    done = generate(
        arguments.run_folder,
        arguments.count,
        arguments.out,
        class_name=arguments.class_name,
        seed=arguments.seed,
    )
    say(Sentence("{images} made by {model}", count_of(done.images, "image"), done.model))
    say(Sentence("contact sheet: {sheet}", done.sheet))
    if arguments.json:
        found = {"model": done.model, "images": done.images, "sheet": done.sheet}
        write_document({"folder": arguments.out, **found})
    return 0
