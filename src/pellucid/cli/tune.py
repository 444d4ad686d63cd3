"""`pellucid tune`: search the settings of a network, and say whether that gained anything."""

import argparse
import time
from typing import Any

from pellucid.cli.command_line import (
    add_data,
    add_run_flags,
    add_settings,
    require_out,
    settings_given,
    write_run,
)

_LEFT_OUT = (
    "baselines",
    "learning_curve",
    "folds",
    "from_",
    "rehearse",
    "backbone",
    "weights",
    "watch",
    "log",
)

_EXAMPLES = (
    ("pellucid tune photos/ --out run/", "30 trials"),
    ("pellucid tune mails.csv --out run/ --time-limit 2h", "within two hours"),
    ("pellucid tune photos/ --vary depth=2,3,4 --out run/", "a setting more"),
    ("pellucid tune photos/ --out run/ --storage URL", "many machines"),
)
_MAIN = "--out --trials --time-limit --storage --vary --model".split()


def add_parser(subparsers: Any) -> None:
    """Add `tune` to the commands."""
    parser = subparsers.add_parser(
        "tune",
        help="search the settings of a network, and say whether that gained anything",
        usage="pellucid tune DATA --out RUN [options]",
        examples=_EXAMPLES,
        main=_MAIN,
        description="Train a network by trials with other settings, and compare the best with the default "
        "recipe on test data that no trial saw. The same command goes on after a kill, or shares the trials.",
    )
    add_data(parser)
    add_run_flags(
        parser,
        "Folder for everything the study leaves",
        "Go on with the study in RUN, as without it, too",
    )
    parser.add_argument(
        "--trials", type=int, metavar="N", help="Trials in all, over every process (default: 30)"
    )
    parser.add_argument(
        "--storage",
        metavar="URL",
        help="Database that processes and machines share, such as postgresql://user@host/database "
        "(default: study.db in RUN)",
    )
    parser.add_argument(
        "--vary",
        action="append",
        default=[],
        metavar="NAME=V1,V2,...",
        help="A further setting to vary, or other values of one that is; may be given again",
    )
    add_settings(parser, ("data", "network", "training", "run"), _LEFT_OUT)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Search settings and return exit code 0.

    Raises: `DataError` if DATA is missing; `UsageError` if `--out` is, or flags contradict each other.
    """
    began = time.monotonic()
    given = settings_given(arguments)
    require_out(arguments, "tune", arguments.data)
    from pellucid.pipeline.comparing.variants import parse_vary

    vary = parse_vary(arguments.vary)
    from pellucid.pipeline.tuning.tune import tune

    folder = tune(
        arguments.data,
        out=arguments.out,
        trials=arguments.trials,
        storage=arguments.storage,
        vary=vary,
        resume=arguments.resume,
        overwrite=arguments.overwrite,
        began=began,
        **given,
    )
    if arguments.json:
        write_run(folder)
    return 0
