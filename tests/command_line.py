"""Pellucid's command line for tests: within the process of the tests, or in one of its own."""

import contextlib
import csv
import io
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import spawning
from pellucid.cli.main import main

Ended = subprocess.CompletedProcess[str]


class Command:
    """Runs a command; what it printed is returned."""

    def __init__(self, run: Callable[..., Ended]) -> None:
        self._run = run

    def __call__(self, *words: object, **environment: str) -> Ended:
        return self._run(*words, **environment)

    def succeed(self, *words: object, **environment: str) -> Ended:
        """Run a command that must end well; what it said is shown where it does not."""
        done = self._run(*words, **environment)
        assert done.returncode == 0, done.stderr
        return done


@Command
def within(*words: object) -> Ended:
    """Run a command here, which saves the seconds in which a new process imports torch and scikit-learn."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2)]
    with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
        try:
            code = main([str(word) for word in words])
        except SystemExit as end:  # argparse's way out
            code = int(end.code or 0)
    out, errors = (stream.buffer.getvalue().decode() for stream in streams)
    return subprocess.CompletedProcess(words, code, out, errors)


@Command
def alone(*words: object, **environment: str) -> Ended:
    """Run a command in a process of its own, as a user does."""
    return spawning.run(
        "-m",
        "pellucid",
        *words,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "NO_COLOR": "1", **environment},
    )


def rows_of(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
