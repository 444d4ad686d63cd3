"""`pellucid play`: write a page on which one trains a small network oneself."""

import argparse
from pathlib import Path
from typing import Any

from pellucid.cli.command_line import add_data, add_settings, counting, say, settings_from, write_document
from pellucid.language.sentence import Sentence

_EXAMPLES = (
    ("pellucid play --out play.html", "points, clothes, e-mails"),
    ("pellucid play photos/ --out play.html", "your own photographs"),
    ("pellucid play reviews.csv --out play.html", "your own texts"),
)
_MAIN = "--out --examples --title --label-column --input-column --min-examples --skip-bad --json".split()


def add_parser(subparsers: Any) -> None:
    """Add `play` to the commands."""
    parser = subparsers.add_parser(
        "play",
        help="write a page on which one trains a small network oneself",
        usage="pellucid play [DATA] --out FILE.html [options]",
        examples=_EXAMPLES,
        main=_MAIN,
        description="Write one HTML file in which a perceptron, a network of dense layers, a small "
        "convolutional network or a bag of words learns before one's eyes, on points, and on DATA or the "
        "bundled samples, which are packed into the file: images at 28 x 28 pixels, texts by their first 400 "
        "characters. It needs no network and no server. A file of that name is replaced.",
    )
    add_data(parser, is_needed=False)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.html", help="The page")
    parser.add_argument(
        "--examples",
        type=int,
        default=2000,
        metavar="N",
        help="Images or texts of DATA that the page holds at most, 50 to 4000 (default: 2000); whoever gets "
        "the page has them",
    )
    parser.add_argument("--title", help="Heading of the page")
    add_settings(parser, ("data",), left_out=("image_size",))
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the page and return exit code 0."""
    from pellucid.export.play.playing import play

    settings = settings_from(arguments)
    with counting("reading"):
        done = play(arguments.data, arguments.out, settings, arguments.examples, arguments.title)
    for sentence in done.sentences:
        say(sentence)
    say(Sentence("page: {out} ({bytes:.1f} MB); open it in a browser", arguments.out, done.bytes / 1e6))
    if arguments.json:
        write_document({"page": arguments.out, "bytes": done.bytes, "data": done.data})
    return 0
