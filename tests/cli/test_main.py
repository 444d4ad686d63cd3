"""What every command does of itself at its start and at its end."""

import io
import subprocess
import sys

import pytest

from pellucid.cli.main import main

AT_THE_END = """
import atexit, gc, os
def tell():
    print(gc.get_freeze_count() > 10_000, gc.get_threshold(), os.environ["OMP_WAIT_POLICY"])
atexit.register(tell)
from pellucid.cli.main import main
main(["inspect", "sample:fashion"])
print("before", gc.get_freeze_count())
"""


def test_it_ends_without_looking_through_every_object():
    done = subprocess.run(
        [sys.executable, "-c", AT_THE_END], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.splitlines()[-2:] == ["before 0", "True (700, 10, 100) PASSIVE"]
    assert done.stderr == ""


class _Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("columns", [40, 80, 120])
@pytest.mark.parametrize("words", [["train", "x", "--model", "cnnn"], ["train", "x" * 30 + " y" * 80]])
def test_a_message_has_the_width_of_the_terminal_and_breaks_no_word(words, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))

    def said(stream):
        monkeypatch.setattr(sys, "stderr", stream)
        try:
            main(words)
        except SystemExit:  # argparse's way out
            pass
        return stream.getvalue()

    piped, shown = said(io.StringIO()), said(_Terminal())
    assert piped.count("\n") == 1
    assert max(map(len, shown.splitlines())) <= columns
    assert shown.split() == piped.split()
    assert len(shown.splitlines()) > 1
