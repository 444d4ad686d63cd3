"""The flag `--isolate`: files of strangers decoded in child processes."""

import argparse
import contextlib
import sys
from collections.abc import Iterator, Mapping

_COMMANDS = ("inspect", "train", "evaluate", "predict", "explain")
_MEANING = (
    "Decode images, Parquet and Arrow files in child processes under limits of memory, time and files; a "
    "file that ends such a process is one that cannot be read. Answers are the same"
)


def add_isolate(choices: Mapping[str, argparse.ArgumentParser]) -> None:
    """Add the flag to the commands that read what others made."""
    for name in _COMMANDS:
        choices[name].add_argument("--isolate", action="store_true", help=_MEANING)


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
