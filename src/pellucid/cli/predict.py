"""`pellucid predict`: label new images or texts."""

import argparse
import contextlib
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.cli.command_line import add_table_flags, counting, say, settings_from, write_document
from pellucid.errors import DataError, UsageError
from pellucid.language.sentence import Sentence

if TYPE_CHECKING:
    from pellucid.answering.predict import Predicted

_EXAMPLES = (
    ("pellucid predict run/ photo.jpg", "one image"),
    ("pellucid predict run/ photos/ --out labels.csv", "all in a folder"),
    ('pellucid predict run/ --text "Free money now"', "a text itself"),
    ("pellucid predict run/ photos/ --max-error 0.05", "it may abstain"),
)
_MAIN = "--text --out --probabilities --max-error --model --input-column".split()


def add_parser(subparsers: Any) -> None:
    """Add `predict` to the commands."""
    parser = subparsers.add_parser(
        "predict",
        help="label new images or texts with a trained model",
        usage="pellucid predict RUN INPUT... [options]",
        examples=_EXAMPLES,
        main=_MAIN,
        description="Label images or texts, whichever the model was trained on; one row each, in their "
        "order. Where the model predicts numbers, the column label holds them. An input that cannot be "
        "read gets a row that says why. The column novelty, from 0 to 1, is the share of the model's "
        "validation examples that look less foreign; above 0.95 an answer deserves doubt. It may say that it "
        "does not know: --max-error. What is promised holds for inputs from the same source and period as "
        "the model's data.",
    )
    run_folder = parser.add_argument("run_folder", metavar="RUN", help="Run or model folder")
    run_folder.required = False  # with --merge there is none
    inputs = parser.add_argument(
        "inputs",
        nargs="+",
        default=[],
        metavar="INPUT",
        help="Image or text file, folder of such, glob, table, archive (.zip, .tar, .tar.gz), row of a "
        "table as FILE:ROW, or - for standard input: paths of images or one image, or a text a line",
    )
    inputs.required = False  # `nargs="*"` would take nothing where an option stands between RUN and INPUT
    parser.add_argument(
        "--text",
        action="append",
        default=[],
        metavar="TEXT",
        help="A text itself, in place of INPUT or behind it; may be given several times",
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help=".csv, .jsonl or .parquet; default: CSV on standard output"
    )
    parser.add_argument(
        "--probabilities", action="store_true", help="Add a column for each class; not for numbers"
    )
    parser.add_argument(
        "--max-error",
        type=float,
        metavar="SHARE",
        help=(
            "Abstain so that, with 95 % confidence, at most SHARE of the answers are wrong; abstained inputs "
            "are marked in the column abstained"
        ).replace("%", "%%"),
    )
    parser.add_argument(
        "--costs",
        type=Path,
        metavar="FILE",
        help="CSV of costs, a row for each true class and a column for each answer; the answer of least "
        "expected cost is given",
    )
    parser.add_argument(
        "--sets",
        type=float,
        metavar="SHARE",
        help="Add a column set: the classes, or for numbers the ends of an interval, that hold the truth of "
        "this share of the inputs",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="Go on with what an earlier predict left unfinished; no row is lost or written twice",
    )
    parser.add_argument(
        "--shard",
        metavar="I/N",
        help="Label the I-th of N parts of the inputs, into a part file such as labels.3-of-8.csv; processes "
        "anywhere may share the work",
    )
    parser.add_argument(
        "--merge",
        type=Path,
        metavar="FILE",
        help="Write FILE from its parts, the same bytes as without --shard; takes neither RUN nor INPUT",
    )
    parser.add_argument("--model", metavar="NAME", help="Model of the run; default: the recommended one")
    add_table_flags(parser, ("input_column", "encoding", "delimiter", "quote", "threshold"))
    parser.set_defaults(run=run, parser=parser)


def run(arguments: argparse.Namespace) -> int:
    """Label inputs and return exit code 0, also where some could not be; 3 where the only one could not."""
    if arguments.merge is not None:
        return _merge(arguments)
    if arguments.run_folder is None:
        arguments.parser.error("the following arguments are required: RUN")
    from pellucid.answering.decisions import PredictOptions
    from pellucid.answering.predict import Listener, predict
    from pellucid.answering.shards import shard_of

    shard = None if arguments.shard is None else shard_of(arguments.shard)
    with contextlib.ExitStack() as stack:
        progress, out = stack.enter_context(counting("labelling")), arguments.out
        if arguments.json and out is None:  # the rows become a part of the document
            out = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "answers.jsonl"
        done = predict(
            arguments.run_folder,
            arguments.inputs,
            out,
            settings_from(arguments),
            options=PredictOptions(
                max_error=arguments.max_error,
                costs=arguments.costs,
                sets=arguments.sets,
                probabilities=arguments.probabilities,
                model=arguments.model,
            ),
            resume=arguments.resume,
            listener=Listener(_say_at_length, progress),
            typed=arguments.text,
            shard=shard,
        )
        answers = _rows(out) if arguments.json and arguments.out is None else None
    _say_outcome(done)
    if arguments.json:
        found = {name: value for name, value in done._asdict().items() if name not in ("noun", "drift")}
        rows = {"out": arguments.out} if answers is None else {"answers": answers}
        write_document({**found, "drift": done.drift and done.drift.sentence, **rows})
    is_lone = (done.labelled, done.unanswered, done.unreadable) == (0, 0, 1)
    return DataError.exit_code if is_lone else 0


def _say_outcome(done: "Predicted") -> None:
    """Say how many inputs were labelled, and what to know of them."""
    from pellucid.arithmetic.rounding import percent
    from pellucid.data.wording import count_of

    for warning in done.warnings:
        say(warning)
    say(Sentence("{labelled} labelled by {model}", count_of(done.labelled, done.noun), done.model))
    if done.unreadable:
        say(Sentence("{unreadable:,} could not be read: see the column error", done.unreadable))
    if done.unanswered:
        say(Sentence("{unanswered:,} got no finite answer: see the column error", done.unanswered))
    if done.abstained is not None and done.labelled:
        answered = done.labelled - done.abstained
        say(
            Sentence(
                "{answered} ({answered2}) answered, {abstained:,} abstained: see the column abstained",
                count_of(answered, done.noun),
                percent(answered / done.labelled),
                done.abstained,
            )
        )
    if done.novelty is not None and done.labelled:
        share, expected = percent(done.novelty / done.labelled), f"{100 * done.expected:g} %"
        say(
            Sentence(
                "{novelty} ({share}) unlike the training data, where {expected} is "
                "expected: see the column novelty",
                count_of(done.novelty, done.noun),
                share,
                expected,
            )
        )
    if done.drift is not None:
        _say_at_length(done.drift.sentence)


def _rows(path: Path) -> list[Any]:
    """Answers in a file of JSON lines."""
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _merge(arguments: argparse.Namespace) -> int:
    """Merge the parts of a file."""
    from pellucid.answering.shards import merge
    from pellucid.data.wording import count_of

    default = arguments.parser.get_default
    beside = vars(arguments).keys() - {"run", "parser", "merge", "debug", "json", "language"}
    if any(getattr(arguments, name) != default(name) for name in beside):
        raise UsageError(
            "--merge: takes nothing but the file whose parts are to be merged; leave the rest out"
        )
    merged = merge(arguments.merge)
    rows, parts = count_of(merged.rows, "row"), count_of(merged.parts, "part")
    say(
        Sentence(
            "{rows} of {parts} merged into {merge}; the parts are no longer needed",
            rows,
            parts,
            arguments.merge,
        )
    )
    if arguments.json:
        write_document({"file": arguments.merge, "rows": merged.rows, "parts": merged.parts})
    return 0


def _say_at_length(sentence: str) -> None:
    """Write a long sentence, in lines that fit a terminal wherever it goes."""
    from pellucid.data.wording import COLUMNS

    say(sentence, piped=COLUMNS)
