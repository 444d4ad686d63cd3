"""`pellucid evaluate`: score a trained model on labelled images or texts."""

import argparse
import sys
from pathlib import Path
from typing import Any

from pellucid.cli.command_line import add_data, add_table_flags, counting, say, settings_from, write_document
from pellucid.language.sentence import Sentence

_EXAMPLES = (
    ("pellucid evaluate run/ new-photos/", "folders of classes"),
    ("pellucid evaluate run/ mails.csv --label-column kind", "a table"),
    ("pellucid evaluate run/ photos/ --confusion out.csv", "the confusion matrix"),
    ("pellucid evaluate run/ new-photos/ --json", "for programs"),
)
_MAIN = "--json --confusion --max-error --model --label-column --input-column --skip-bad".split()


def add_parser(subparsers: Any) -> None:
    """Add `evaluate` to the commands."""
    parser = subparsers.add_parser(
        "evaluate",
        help="score a trained model on labelled images or texts",
        usage="pellucid evaluate RUN DATA [options]",
        examples=_EXAMPLES,
        main=_MAIN,
        description="Score a model, with 95 % intervals, on the test split of DATA, or on all of it "
        "where it has none.",
    )
    parser.add_argument("run_folder", metavar="RUN", help="Run or model folder")
    add_data(parser)
    parser.add_argument(
        "--max-error",
        type=float,
        metavar="SHARE",
        help="Also measure what predict --max-error does on DATA: the share answered, and its error",
    )
    parser.add_argument(
        "--confusion",
        type=Path,
        metavar="FILE.csv",
        help="Also write how often each class (row) got each answer (column)",
    )
    parser.add_argument("--model", metavar="NAME", help="Model of the run; default: the recommended one")
    columns = "input_column label_column label_from_name class_depth split_column group_column slice_column"
    add_table_flags(
        parser,
        (
            Sentence(
                "{columns} rename threshold label_separator unlabelled encoding delimiter quote "
                "skip_bad seed",
                columns,
            )
        ).split(),
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Score a model and return exit code 0."""
    from pellucid.answering.evaluate import evaluate

    with counting("scoring") as progress:
        done = evaluate(
            arguments.run_folder,
            arguments.data,
            settings_from(arguments),
            max_error=arguments.max_error,
            progress=progress,
            model_name=arguments.model,
            confusion=arguments.confusion,
        )
    for warning in done.warnings:
        say(warning)
    if arguments.json:
        write_document(done.to_json())
    else:
        sys.stdout.write(done.to_text() + "\n")
    return 0
