"""`pellucid compare`: train variants over folds and seeds, or compare two runs on the same data."""

import argparse
import sys
from pathlib import Path
from typing import Any

from pellucid.cli.command_line import (
    add_run_flags,
    add_settings,
    counting,
    require_out,
    say,
    settings_given,
    write_document,
    write_run,
)
from pellucid.errors import UsageError

_LEFT_OUT = ("time_limit", "baselines", "learning_curve", "folds", "watch", "log")

_EXAMPLES = (
    ("pellucid compare photos/ --vary activation=relu,tanh --out run/", "2 variants"),
    ("pellucid compare photos/ --vary depth=2,3 --out run/ --seeds 5", "5 seeds"),
    ("pellucid compare run1/ run2/ photos/", "two runs"),
    ("pellucid compare run1/ run2/ photos/ --out changes.html", "as a page"),
)
_MAIN = ("--vary --out --seeds --folds --resume --corrections --changes --json").split()


def add_parser(subparsers: Any) -> None:
    """Add `compare` to the commands."""
    parser = subparsers.add_parser(
        "compare",
        help="train variants, or take two runs, and say which difference is real",
        usage="pellucid compare DATA --vary NAME=V1,V2,... --out RUN [options]\n"
        "       pellucid compare RUN1 RUN2 DATA [options]",
        examples=_EXAMPLES,
        main=_MAIN,
        description="Train variants of a network with several seeds on the same folds of the data, without "
        "its test split. Or compare two runs on the same labelled data: what is newly right and newly wrong.",
    )
    places = "Folder, table, IDX folder, .npz or sample:fashion; before it two runs, or none"
    parser.add_argument("places", nargs="+", metavar="DATA", help=places)
    parser.add_argument(
        "--vary",
        action="append",
        default=[],
        metavar="NAME=V1,V2,...",
        help="A network or training setting and the values to compare, such as "
        "activation=relu,tanh; given again, every combination is trained",
    )
    add_run_flags(
        parser,
        "Folder for everything it leaves; of two runs, FILE.html for a page",
        "Go on after the trainings that are finished",
    )
    parser.add_argument("--seeds", type=int, metavar="N", help="Seeds, 1 to 100 (default: 3)")
    parser.add_argument(
        "--folds", type=int, default=argparse.SUPPRESS, metavar="K", help="Folds, 2 to 50 (default: 3)"
    )
    parser.add_argument(
        "--changes", type=Path, metavar="FILE.csv", help="Of two runs: every example newly right or wrong"
    )
    parser.set_defaults(setting_names=["folds"])
    add_settings(parser, ("data", "network", "training", "run"), _LEFT_OUT)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Compare variants, or two runs, and return exit code 0.

    Raises: `DataError` if DATA is missing; `UsageError` if `--out` is, or words or flags contradict each
    other.
    """
    given = settings_given(arguments)
    places = arguments.places
    if len(places) == 3 and not arguments.vary:
        return _compare_runs(arguments, given)
    if len(places) != 1:
        raise UsageError(
            "compare: {count} places are given; --vary trains variants on one DATA, without runs"
            if arguments.vary
            else "compare: {count} places are given; give RUN1 RUN2 DATA, or one DATA with --vary",
            len(places),
        )
    if arguments.changes is not None:
        raise UsageError("--changes: belongs to the comparison of two runs, RUN1 RUN2 DATA; leave it out")
    require_out(arguments, "compare", places[0])
    from pellucid.pipeline.comparing.variants import parse_vary

    vary = parse_vary(arguments.vary)
    from pellucid.pipeline.comparing.compare import compare

    folder = compare(
        places[0],
        out=arguments.out,
        vary=vary,
        seeds=arguments.seeds,
        resume=arguments.resume,
        overwrite=arguments.overwrite,
        **given,
    )
    if arguments.json:
        write_run(folder)
    return 0


def _compare_runs(arguments: argparse.Namespace, given: dict[str, Any]) -> int:
    """Compare two runs on the same data, print the outcome, and write what is asked for."""
    first, second, place = arguments.places
    for flag, value in (
        ("--seeds", arguments.seeds),
        ("--resume", arguments.resume),
        ("--overwrite", arguments.overwrite),
    ):
        if value:
            raise UsageError(
                "{flag}: belongs to training, and runs are compared as they are; leave it out", flag
            )
    for flag, path, ending in (("--out", arguments.out, ".html"), ("--changes", arguments.changes, ".csv")):
        if path is not None and path.suffix.lower() != ending:
            raise UsageError(
                "{flag} {path}: of two runs it writes a {ending} file; name one", flag, path, ending
            )
    from pellucid.answering.compare_runs import compare_runs, page_of, write_changes

    with counting("reading"):
        found = compare_runs(first, second, place, given)
    if arguments.out is not None:
        page_of(found, arguments.out, arguments.places, given)
    if arguments.changes is not None:
        write_changes(found, arguments.changes)
    for warning in found.warnings:
        say(warning)
    if arguments.json:
        write_document(found.to_json())
    else:
        sys.stdout.write(found.to_text() + "\n")
    return 0
