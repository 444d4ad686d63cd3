"""`pellucid train`: check, split, train, recommend, test once, report."""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from pellucid.cli.command_line import (
    add_data,
    add_run_flags,
    add_settings,
    counting,
    require_out,
    settings_given,
    write_document,
    write_run,
)
from pellucid.language.catalogue import translated

_EXAMPLES = (
    ("pellucid train photos/ --out run/", "folders of classes"),
    ("pellucid train mails.csv --label-column kind --out run/", "a table of texts"),
    ("pellucid train photos/ --preset quick --out run/", "a first look"),
    ("pellucid train photos/ --time-limit 10m --out run/", "within ten minutes"),
)
_MAIN = (
    "--out --resume --overwrite --dry-run --label-column --input-column --test --model --preset --time-limit"
).split()


def add_parser(subparsers: Any) -> None:
    """Add `train` to the commands."""
    parser = subparsers.add_parser(
        "train",
        help="train a network and its baselines on labelled images or texts",
        usage="pellucid train DATA --out RUN [options]",
        examples=_EXAMPLES,
        main=_MAIN,
        description="Check the data, split it, train a network and its classical baselines, recommend one by "
        "the validation data, test each once and write a report.",
    )
    add_data(parser)
    add_run_flags(parser, "Folder for everything the run leaves", "Go on from the last checkpoint in RUN")
    parser.add_argument(
        "--describe", action="store_true", help="Print the network's layers and stop; needs no --out"
    )
    parser.add_argument(
        "--dry-run",
        type=Path,
        metavar="FILE.html",
        help="Show the first examples of each split as a network will see them on one page, say how long "
        "training would take, and stop; needs no --out",
    )
    add_settings(parser, ("data", "network", "training", "run"))
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Train, or describe, and return exit code 0.

    Raises: `DataError` if DATA is missing; `UsageError` if `--out` is, or flags contradict each other.
    """
    began = time.monotonic()
    given = settings_given(arguments)
    if arguments.describe:
        from pellucid.pipeline.train import describe_network

        network = describe_network(arguments.data, given)
        if arguments.json:
            write_document({"network": network})
        else:
            sys.stdout.write(network + "\n")
        return 0
    if arguments.dry_run is not None:
        from pellucid.pipeline.train import preview

        with counting("reading"):
            sentences = preview(arguments.data, given, arguments.dry_run)
        sys.stderr.write("\n".join(map(translated, sentences)) + "\n")
        if arguments.json:
            write_document({"page": arguments.dry_run, "sentences": sentences})
        else:
            sys.stdout.write(f"{arguments.dry_run}\n")
        return 0
    require_out(arguments, "train", arguments.data)
    from pellucid.pipeline.train import train

    done = train(
        arguments.data,
        out=arguments.out,
        resume=arguments.resume,
        overwrite=arguments.overwrite,
        began=began,
        **given,
    )
    if arguments.json:
        write_run(done.folder)
    return 0
