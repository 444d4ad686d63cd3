"""Command `pellucid`: reads the command line, runs one command, turns errors into exit codes."""

import argparse
import atexit
import contextlib
import gc
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Any, TextIO

from pellucid import __version__, cores
from pellucid.cli import (
    compare,
    demo,
    evaluate,
    explain,
    export,
    generate,
    inspect,
    label,
    play,
    predict,
    schema,
    serve,
    train,
    tune,
)
from pellucid.cli.command_line import Parser, say, shown, write_document, write_lines
from pellucid.errors import InterruptedRun, PellucidError, StorageError, UsageError
from pellucid.language.catalogue import LANGUAGES, set_language, translated
from pellucid.language.codes import parts_of
from pellucid.language.sentence import Sentence, plain
from pellucid.safety.budgets import shortened

# At the end all memory is given back at once; to look for cycles among all objects first takes half a second.
atexit.register(gc.freeze)

COMMANDS = (
    demo, inspect, train, evaluate, predict, explain, compare, tune, generate, export, play, serve, label,
    schema,
)  # fmt: skip

# Commands that read what others made, and their flag for it.
_ISOLATED = ("inspect", "train", "evaluate", "predict", "explain", "play", "label")
_ISOLATE = (
    "Decode images in child processes under limits of memory, time and files, as tables always are; a file "
    "that ends such a process is one that cannot be read. Answers are the same"
)


def build_parser() -> argparse.ArgumentParser:
    """Parser of every command, whose result has the function `run`; imports nothing heavy."""
    parser = Parser(
        prog="pellucid",
        usage="pellucid COMMAND ...",
        description="Train image and text classifiers on your own machine, and know whether to trust them.",
    )
    parser.add_argument(
        "--version", action="version", help="Show the version and stop", version=f"pellucid {__version__}"
    )
    _add_language(parser)
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, prog="pellucid")
    for command in COMMANDS:
        command.add_parser(subparsers)
    for name in _ISOLATED:
        subparsers.choices[name].add_argument("--isolate", action="store_true", help=_ISOLATE)
    for each in subparsers.choices.values():
        _add_language(each)
        each.add_argument("--json", action="store_true", help="Print the outcome as one JSON document")
        each.add_argument("--debug", action="store_true", help="Show the traceback of an error")
    return parser


def _add_language(parser: Parser) -> None:
    """Add `--language`, which `main` has read before: it may come before the command or after it."""
    text = "Language of what is printed and written for people (default: that of the locale)"
    parser.add_argument("--language", choices=LANGUAGES, type=_language, help=text)


def _language(name: str) -> str:
    """The language of a name such as `zh`; another name as it is."""
    return next((each for each in LANGUAGES if name and each.startswith(name.lower())), name)


def main(words: Sequence[str] | None = None) -> int:
    """Run the command of `words`, by default those of `sys.argv`, and return the exit code."""
    # Threads that wait for one another must not spin: that takes cores from other programs, and from us where
    # they are shared. It works only where it is set before libgomp is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Loading torch and scikit-learn makes objects by the million, none of them garbage: the old ones are
    # searched for cycles a tenth as often as by default.
    gc.set_threshold(700, 10, 100)
    cores.watch()
    if sys.stderr is None:  # it was closed: nobody reads what is printed there
        sys.stderr = open(os.devnull, "w")
    if sys.stdout is None:  # a stream that refuses whatever is printed there
        sys.stdout = open(os.devnull)
    given = sys.argv[1:] if words is None else words
    _choose_language(given)
    with shown():
        try:
            arguments = build_parser().parse_args(given)
        except UsageError as error:
            known = argparse.Namespace(debug=False, json="--json" in given)
            raise SystemExit(_refused(error, known)) from None
        except SystemExit as end:
            raise SystemExit(_ended(end.code)) from None
        except OSError as refused:  # of the help
            return _report_refused(refused)
        return int(_ended(_run(arguments)))


def _choose_language(words: Sequence[str]) -> None:
    """Take the language from the words before they are parsed: help and errors of parsing are in it, too."""
    for word, following in zip(words, (*words[1:], ""), strict=False):
        flag, _, value = word.partition("=")
        if flag == "--language" and (name := _language(value or following)) in LANGUAGES:
            set_language(name)


def _run(arguments: argparse.Namespace) -> int:
    """Run the command that was asked for; errors become one line and an exit code."""
    try:
        with contextlib.ExitStack() as stack:
            if getattr(arguments, "isolate", False):
                from pellucid.safety.isolation import isolated

                stack.enter_context(isolated(say))
            return int(arguments.run(arguments))
    except PellucidError as error:
        return _refused(error, arguments)
    except KeyboardInterrupt as error:
        interrupted = InterruptedRun("interrupted; nothing was lost that had been written", signal.SIGINT)
        return _refused(interrupted.with_traceback(error.__traceback__), arguments)
    except BrokenPipeError as error:
        return _report_refused(error)
    except MemoryError as error:
        small = StorageError("this machine has too little memory for that; give it less at a time")
        return _refused(small.with_traceback(error.__traceback__), arguments)
    except Exception as error:
        refused = _output_error("\n") if isinstance(error, OSError) else None
        if refused is not None:
            return _report_refused(refused)
        fault = PellucidError(
            "{name}: {error}; this is a fault of Pellucid: please report it with the output of --debug",
            type(error).__name__,
            error,
        )
        return _refused(fault.with_traceback(error.__traceback__), arguments)


def _refused(error: PellucidError, arguments: argparse.Namespace) -> int:
    """Print an error, for people and if asked for programs, and return its exit code."""
    _print(error, Sentence("error: {error}", error), arguments.debug)
    if arguments.json:
        parts = parts_of(error.sentence, error.exit_code)
        texts = {"message": str(error), "place": parts.place, "remedy": parts.remedy}
        about = {"code": parts.code, **{name: plain(text) for name, text in texts.items()}}
        with contextlib.suppress(OSError):  # nobody reads it, but the exit code stays
            write_document({"error": {**about, "exit_code": error.exit_code}})
    return error.exit_code


def _ended(code: Any) -> Any:
    """The exit code once standard output has taken everything, or that of its refusal."""
    refused = _output_error()
    return code if refused is None or code else _report_refused(refused)


def _output_error(probe: str = "") -> OSError | None:
    """Error of standard output where it refuses what was printed, or a `probe`."""
    try:
        if probe:
            sys.stdout.write(probe)
        sys.stdout.flush()
    except OSError as error:
        _send_nowhere(sys.stdout)
        return error
    return None


def _send_nowhere(stream: TextIO) -> None:
    """Let a stream that refuses to be written end silently: the interpreter flushes it, or exits with 120."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _report_refused(refused: OSError) -> int:
    """Exit code of output that nobody takes: 0 where the reader had enough."""
    _send_nowhere(sys.stdout)
    if isinstance(refused, BrokenPipeError):
        return 0
    reason = (refused.strerror or "it is closed").lower()
    _print(
        refused,
        Sentence("error: standard output: cannot write: {reason}; send it somewhere else", reason),
        debug=False,
    )
    return StorageError.exit_code


def _print(error: BaseException, message: str, debug: bool) -> None:
    """Print a message; names from files cannot move the cursor or colour the terminal."""
    lines = [shortened(line) for line in translated(message).split("\n")]
    if not all(line.isprintable() for line in lines):
        from pellucid.data.wording import visible

        lines = [visible(line) for line in lines]
    try:
        if debug:
            traceback.print_exception(error)
        write_lines("\n".join(lines))
        sys.stderr.flush()
    except OSError:  # nobody reads it, but the exit code stays
        _send_nowhere(sys.stderr)
