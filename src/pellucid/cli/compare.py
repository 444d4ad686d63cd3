"""`pellucid compare`: train variants over folds and seeds, say which difference is real."""

import argparse
from pathlib import Path
from typing import Any

from pellucid.cli.command_line import add_data, add_settings, settings_given
from pellucid.errors import UsageError

_LEFT_OUT = ("time_limit", "baselines", "learning_curve", "folds", "watch", "log")

_EXAMPLES = (
    ("pellucid compare photos/ --vary activation=relu,tanh --out run/", "2 variants"),
    ("pellucid compare photos/ --vary depth=2,3 --out run/ --seeds 5", "5 seeds"),
    ("pellucid compare mails.csv --vary model=bag,rnn --out run/", "2 networks"),
)
_MAIN = (
    "--vary --out --seeds --folds --resume --overwrite --label-column --input-column --model --preset"
).split()


def add_parser(subparsers: Any) -> None:
    """Add `compare` to the commands."""
    parser = subparsers.add_parser(
        "compare",
        help="train variants and say which difference is real",
        usage="pellucid compare DATA --vary NAME=V1,V2,... --out RUN [options]",
        examples=_EXAMPLES,
        main=_MAIN,
        description="Train variants of a network with several seeds on the same folds of the data, and say "
        "which difference is real. The test split is set aside and not used.",
    )
    add_data(parser)
    parser.add_argument(
        "--vary",
        action="append",
        default=[],
        metavar="NAME=V1,V2,...",
        help="A network or training setting and the values to compare, such as "
        "activation=relu,tanh; given again, every combination is trained",
    )
    parser.add_argument("--out", type=Path, metavar="RUN", help="Folder for everything the comparison leaves")
    parser.add_argument("--seeds", type=int, metavar="N", help="Seeds, 1 to 100 (default: 3)")
    parser.add_argument(
        "--folds", type=int, default=argparse.SUPPRESS, metavar="K", help="Folds, 2 to 50 (default: 3)"
    )
    parser.add_argument("--resume", action="store_true", help="Go on after the trainings that are finished")
    parser.add_argument("--overwrite", action="store_true", help="Replace what a former run left in RUN")
    parser.set_defaults(setting_names=["folds"])
    add_settings(parser, ("data", "network", "training", "run"), _LEFT_OUT)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Compare variants and return exit code 0.

    Raises: `DataError` if DATA is missing; `UsageError` if `--out` is, or flags contradict each other.
    """
    given = settings_given(arguments)
    if arguments.out is None:
        from pellucid.data.reading.dispatch import require_existing

        require_existing(arguments.data)
        raise UsageError("compare: --out RUN is missing; name a folder for the results")
    from pellucid.pipeline.comparing.variants import parse_vary

    vary = parse_vary(arguments.vary)
    from pellucid.pipeline.comparing.compare import compare

    compare(
        arguments.data,
        out=arguments.out,
        vary=vary,
        seeds=arguments.seeds,
        resume=arguments.resume,
        overwrite=arguments.overwrite,
        **given,
    )
    return 0
