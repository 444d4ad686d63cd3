"""What every command does of itself at its start and at its end."""

import io
import os
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


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
@pytest.mark.parametrize("buffered", ["", "1"])
@pytest.mark.parametrize(
    ("words", "redirected", "code", "said"),
    [
        ("train --help-all", "> /dev/full", 5, "cannot write: no space left on device"),
        ("inspect none.csv --help", ">&-", 5, "cannot write: it is closed"),
        ("inspect table.csv", "> /dev/full", 5, "error: standard output: cannot write: no space left"),
        ("inspect table.csv", ">&-", 5, "error: standard output: cannot write: it is closed"),
        ("inspect table.csv", "2>&-", 0, ""),
        ("inspect none.csv", "2> /dev/full", 3, ""),
        ("inspect table.csv", ">&- 2>&-", 5, ""),
        ("inspect table.csv", "| true; exit ${PIPESTATUS[0]}", 0, ""),
    ],
)
def test_output_that_nobody_takes(words, redirected, code, said, buffered, tmp_path):
    """FAULTS 50."""
    rows = "".join(f"text number {row},{row % 2}\n" for row in range(40))
    (tmp_path / "table.csv").write_text("text,label\n" + rows)
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m pellucid {words} {redirected}"],
        stderr=subprocess.PIPE, text=True, cwd=tmp_path, env={**os.environ, "PYTHONUNBUFFERED": buffered},
    )  # fmt: skip
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert done.stderr.count("\n") <= 1


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
