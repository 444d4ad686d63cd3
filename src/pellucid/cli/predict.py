"""`pellucid predict`: label new images or texts."""

import argparse
import sys
import textwrap
from pathlib import Path
from typing import Any

from pellucid.cli.flags import add_table_flags, counting, settings_from


def add_parser(subparsers: Any) -> None:
    """Add `predict` to the commands."""
    parser = subparsers.add_parser(
        "predict",
        help="label new images or texts with a trained model",
        description="Label images or texts, whichever the model was trained on; one row each, in their "
        "order. Where the model predicts numbers, the column label holds them. An input that cannot be "
        "read gets a row that says why. The column novelty, from 0 to 1, is the share of the model's "
        "validation examples that look less foreign; above 0.95 an answer deserves doubt.",
    )
    parser.add_argument("run_folder", metavar="RUN", help="Run or model folder")
    parser.add_argument(
        "inputs", nargs="+", metavar="INPUT", help="Image or text file, folder of such, or table"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help=".csv, .jsonl or .parquet; default: CSV on standard output"
    )
    parser.add_argument(
        "--probabilities", action="store_true", help="Add a column for each class; not for numbers"
    )
    add_table_flags(parser, ("input_column", "encoding"))
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Label inputs and return exit code 0, also where some could not be read."""
    from pellucid.answering.predict import predict
    from pellucid.arithmetic.rounding import percent
    from pellucid.data.wording import COLUMNS, count_of

    with counting("labelling") as progress:
        done = predict(
            arguments.run_folder,
            arguments.inputs,
            arguments.out,
            settings_from(arguments),
            with_probabilities=arguments.probabilities,
            progress=progress,
        )
    for warning in done.warnings:
        sys.stderr.write(f"{warning}\n")
    sentence = f"{count_of(done.labelled, done.noun)} labelled"
    if done.unreadable:
        sentence += f", {done.unreadable:,} could not be read: see the column error"
    sys.stderr.write(f"{sentence}\n")
    if done.novelty is not None and done.labelled:
        share, expected = percent(done.novelty / done.labelled), f"{100 * done.expected:g} %"
        sys.stderr.write(
            f"{count_of(done.novelty, done.noun)} ({share}) unlike the training data, where {expected} is "
            "expected: see the column novelty\n"
        )
    if done.drift is not None:
        sys.stderr.write(f"{textwrap.fill(done.drift.sentence, COLUMNS, break_on_hyphens=False)}\n")
    return 0
