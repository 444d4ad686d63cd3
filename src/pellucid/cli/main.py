"""Command `pellucid`: reads the command line, runs one command, turns errors into exit codes."""

import argparse
import atexit
import contextlib
import gc
import os
import sys
import traceback
from collections.abc import Iterator, Sequence

from pellucid import cores
from pellucid.budgets import shortened
from pellucid.cli import compare, demo, evaluate, explain, export, generate, inspect, predict, train
from pellucid.cli.command_line import Parser, say, shown
from pellucid.errors import PellucidError, StorageError

# The flag `--isolate`: files of strangers decoded in child processes.

_COMMANDS = ("inspect", "train", "evaluate", "predict", "explain")
_MEANING = (
    "Decode images in child processes under limits of memory, time and files, as tables always are; a file "
    "that ends such a process is one that cannot be read. Answers are the same"
)


@contextlib.contextmanager
def isolation_of(arguments: argparse.Namespace) -> Iterator[None]:
    """Decode in child processes while a command runs, where it was asked for.

    Raises: `UsageError` where the system cannot do it.
    """
    if not getattr(arguments, "isolate", False):
        yield
        return
    from pellucid.isolation import isolated

    with isolated(lambda sentence: sys.stderr.write(f"{sentence}\n")):
        yield


# At the end all memory is given back at once; to look for cycles among all objects first takes half a second.
atexit.register(gc.freeze)

COMMANDS = (demo, inspect, train, evaluate, predict, explain, compare, generate, export)


def build_parser() -> argparse.ArgumentParser:
    """Parser of every command, whose result has the function `run`; imports nothing heavy."""
    parser = Parser(
        prog="pellucid",
        usage="pellucid COMMAND ...",
        description="Train image and text classifiers on your own machine, and know whether to trust them.",
    )
    parser.add_argument(
        "--version", action="version", help="Show the version and stop", version=f"pellucid {_version()}"
    )
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, prog="pellucid")
    for command in COMMANDS:
        command.add_parser(subparsers)
    # Add the flag to the commands that read what others made.
    for name in _COMMANDS:
        subparsers.choices[name].add_argument("--isolate", action="store_true", help=_MEANING)
    for each in subparsers.choices.values():
        each.add_argument("--debug", action="store_true", help="Show the traceback of an error")
    return parser


def _version() -> str:
    from pellucid import __version__

    return __version__


def main(words: Sequence[str] | None = None) -> int:
    """Run the command of `words`, by default those of `sys.argv`, and return the exit code."""
    # Threads that wait for one another must not spin: that takes cores from other programs, and from us where
    # they are shared. It is heard only where it stands before libgomp is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Loading torch and scikit-learn makes objects by the million, none of them garbage: the old ones are
    # looked through for cycles a tenth as often as by default.
    gc.set_threshold(700, 10, 100)
    cores.watch()
    arguments = build_parser().parse_args(words)
    with shown():
        return _run(arguments)


def _run(arguments: argparse.Namespace) -> int:
    """Run the command that was asked for; errors become one line and an exit code."""
    try:
        with isolation_of(arguments):
            return int(arguments.run(arguments))
    except PellucidError as error:
        _say(error, f"error: {error}", arguments.debug)
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("error: interrupted; nothing was lost that had been written\n")
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MemoryError as error:
        message = "error: this machine has too little memory for that; give it less at a time"
        _say(error, message, arguments.debug)
        return StorageError.exit_code
    except Exception as error:
        message = f"error: {type(error).__name__}: {error}; this is a fault of Pellucid: please report it"
        _say(error, f"{message} with the output of --debug", arguments.debug)
        return 1


def _say(error: Exception, message: str, debug: bool) -> None:
    """Print a message; names from files cannot move the cursor or colour the terminal."""
    if debug:
        traceback.print_exception(error)
    lines = [shortened(line) for line in message.split("\n")]
    if not all(line.isprintable() for line in lines):
        from pellucid.data.wording import visible

        lines = [visible(line) for line in lines]
    say("\n".join(lines))
