"""What a run says of its stages while they last and once they are over."""

import io
import re

import pytest

from pellucid.data.wording import wrapped
from pellucid.pipeline.run.stages import Stages


def test_a_stage_that_is_over_has_the_words_that_came_up_or_those_for_its_end():
    said = io.StringIO()
    stages = Stages(said)
    with stages.stage("writing", "wrote"):
        pass
    with stages.stage("writing", "wrote") as stage:
        stage.words = "wrote three files"
    with stages.stage("planning"):
        pass
    lines = re.sub(r"\d+\.\d s", "0.0 s", said.getvalue()).splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == [
        "wrote  0.0 s",
        "wrote three files  0.0 s",
        "planning  0.0 s",
    ]


class _Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


def said_in(columns, monkeypatch, **environment):
    for name in ("NO_COLOR", "COLUMNS", "TERM", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm", "COLUMNS": str(columns), **environment}.items():
        monkeypatch.setenv(name, value)
    terminal = _Terminal()
    Stages(terminal).verdict("cnn is the best " * 20)
    return terminal.getvalue()


def test_the_verdict_is_bold_on_a_terminal_alone_below_an_empty_line(monkeypatch):
    assert said_in(80, monkeypatch).startswith("\n")
    assert "\x1b[1mcnn is" in said_in(80, monkeypatch)
    for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\x1b" not in said_in(80, monkeypatch, **environment)
    piped = io.StringIO()
    Stages(piped).verdict("cnn is the best")
    assert piped.getvalue() == "\n  cnn is the best\n"


@pytest.mark.parametrize(("columns", "widest"), [(60, 60), (80, 80), (100, 100), (200, 120)])
def test_lines_have_the_width_of_the_terminal(monkeypatch, columns, widest):
    lines = said_in(columns, monkeypatch, NO_COLOR="1").splitlines()
    assert widest - 15 <= max(map(len, lines)) <= widest


def test_no_word_is_alone_in_the_last_line():
    text = "one two three four five six"
    assert wrapped(text, 24) == ["one two three", "four five six"]
    assert wrapped(f"{text} seven eight", 24) == ["one two three four five", "six seven eight"]
    assert wrapped("one", 24) == ["one"]
    assert wrapped("", 24) == []
    assert wrapped("see https://example.org/a-very-long-address now", 20, "  ")[1].endswith("-long-address")
