"""`python -m pellucid.runtime`: label images or texts with an exported model, as `pellucid predict` does."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from pellucid.errors import PellucidError, StorageError
from pellucid.language.catalogue import translated
from pellucid.language.sentence import Sentence
from pellucid.runtime import stand_in_for_jaxtyping
from pellucid.runtime.help import Formatter


class _Parser(argparse.ArgumentParser):
    """Argparse with our form of message."""

    def error(self, message: str) -> NoReturn:
        """End with exit code 2."""
        self.exit(2, translated(Sentence("error: {message}; see {prog} --help", message, self.prog)) + "\n")


def main(words: Sequence[str] | None = None) -> int:
    """Run the command of `words`, by default those of `sys.argv`, and return the exit code."""
    if sys.stdout is None:  # it was closed: a stream that refuses whatever is printed there
        sys.stdout = open(os.devnull)
    arguments = _parser().parse_args(words)
    try:
        code = _run(arguments)
        sys.stdout.flush()
        return code
    except PellucidError as error:
        _say(Sentence("error: {error}", error))
        return error.exit_code
    except ImportError as error:
        _say(
            Sentence(
                "error: {value}: is needed for this and not installed; pip install it", error.name or error
            )
        )
        return 2
    except KeyboardInterrupt:
        return 130
    except OSError as error:  # of standard output, since files are refused by name
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # the interpreter flushes it at its end
        if isinstance(error, BrokenPipeError):
            return 0
        reason = (error.strerror or "it is closed").lower()
        _say(Sentence("error: standard output: cannot write: {reason}; send it somewhere else", reason))
        return StorageError.exit_code


def _say(message: str) -> None:
    """Write a line in the language of the user, in which no name can move the cursor."""
    from pellucid.data.wording import visible

    line = translated(message)
    sys.stderr.write(f"{line if line.isprintable() else visible(line)}\n")


def _parser() -> argparse.ArgumentParser:
    """Parser of the command's words."""
    parser = _Parser(
        prog="python -m pellucid.runtime",
        formatter_class=Formatter,
        description="Label images or texts with a model that `pellucid export` wrote.",
    )
    parser.add_argument("model", help="the .onnx file")
    inputs = parser.add_argument(
        "inputs",
        metavar="INPUT",
        nargs="+",
        default=[],
        help="files, folders, globs, tables, archives (.zip, .tar, .tar.gz), or - for standard input",
    )
    inputs.required = False  # `nargs="*"` would take nothing where an option stands before INPUT
    parser.add_argument(
        "--text", action="append", default=[], help="a text itself, behind INPUT or in its place; repeatable"
    )
    parser.add_argument(
        "--out", type=Path, help="file to write, .csv, .jsonl or .parquet; default: CSV on standard output"
    )
    parser.add_argument("--probabilities", action="store_true", help="add a column for each class")
    parser.add_argument(
        "--max-error",
        type=float,
        metavar="SHARE",
        help="abstain where more than this share of the answered would be wrong, with 95 %% confidence",
    )
    parser.add_argument(
        "--costs", type=Path, metavar="FILE", help="CSV of costs, true classes by answers; least cost answers"
    )
    parser.add_argument(
        "--sets",
        type=float,
        metavar="SHARE",
        help="add sets or intervals that hold the truth of this share",
    )
    parser.add_argument("--input-column", help="column of a table that holds the inputs")
    parser.add_argument("--encoding", help="encoding of tables and texts")
    parser.add_argument("--delimiter", help="what separates the fields of a table")
    parser.add_argument("--quote", help="quotes around fields of a table")
    parser.add_argument("--threads", type=int, help="threads of onnxruntime")
    return parser


def _run(arguments: argparse.Namespace) -> int:
    """Answer the inputs and write their rows; return exit code 0."""
    from pellucid.confined.onnx_worker import IsolatedSession

    # Its process starts while this one imports the rest.
    session = IsolatedSession(arguments.model, arguments.threads)
    from pellucid.answering.answers import answers_to, check_ending, columns_of, rows_of
    from pellucid.answering.decisions import Decisions, PredictOptions
    from pellucid.answering.incoming import WARNINGS_SHOWN, ahead, first_few, incoming, require_input
    from pellucid.runtime.exported import loaded
    from pellucid.settings import Settings

    require_input(arguments.inputs, arguments.text)
    check_ending(arguments.out)
    model = loaded(session)
    options = PredictOptions(
        max_error=arguments.max_error,
        costs=arguments.costs,
        sets=arguments.sets,
        probabilities=arguments.probabilities,
    )
    decisions = Decisions(model, options, arguments.model)
    for sentence in decisions.announcement():
        _say(sentence)
    given = {name: getattr(arguments, name) for name in ("input_column", "encoding", "delimiter", "quote")}
    settings = Settings(**{k: v for k, v in given.items() if v is not None})
    asked = incoming(model, arguments.inputs, settings, may_pipe=True, typed=arguments.text)
    warnings: list[str] = []
    count = 0
    classes = model.classes if arguments.probabilities else ()
    columns = columns_of(classes, decisions.columns, model.target.cell)
    with answers_to(arguments.out, columns) as write:
        for block in ahead(asked.blocks):
            write(rows_of(decisions, block).rows)
            count += len(block.warnings)
            warnings += block.warnings[: WARNINGS_SHOWN - len(warnings)]
    for warning in (*asked.warnings, *first_few(warnings, model.input_kind.noun, count)):
        _say(warning)
    return 0


stand_in_for_jaxtyping()


if __name__ == "__main__":
    sys.exit(main())
