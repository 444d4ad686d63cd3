"""What a run says of its stages, and the free cores that it counts once."""

import io
import re
import time

import pytest

from pellucid import cores
from pellucid.data.wording import wrapped
from pellucid.pipeline.run.context import free_cores
from pellucid.pipeline.run.journal import Journal, RunFolder
from pellucid.pipeline.run.stages import Stages
from pellucid.progress import roughly
from pellucid.settings import Settings
from pellucid.training.hardware import choose_threads


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


def test_a_stage_without_words_in_the_end_says_nothing():
    said = io.StringIO()
    with Stages(said).stage("training svm") as stage:
        stage.words = ""
    assert said.getvalue() == ""


def test_where_nothing_turns_a_stage_that_takes_long_says_so_and_how_far_it_is(monkeypatch):
    monkeypatch.setattr("pellucid.progress.SILENT", 0.05)
    said = io.StringIO()
    with Stages(said).stage("reading") as stage:
        for done in range(1, 9):
            time.sleep(0.04)
            stage.progress(done, 8)
    first, second, *others = said.getvalue().splitlines()
    assert first == "  reading ..."
    found = re.fullmatch(r"  reading  (\d) of 8, (\d+) per second, about 1 s left \.\.\.", second)
    assert 1 <= int(found[1]) < 8
    assert 10 <= int(found[2]) <= 25
    assert len(others) <= 3
    quick = io.StringIO()
    with Stages(quick).stage("reading"):
        pass
    assert len(quick.getvalue().splitlines()) == 1


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (41.4, "41 s"), (200, "3 min"), (4000, "67 min"), (9000, "2 h")]
)
def test_a_duration_that_is_only_known_about_has_no_more_digits(seconds, words):
    assert roughly(seconds) == words


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


def test_chinese_lines_begin_and_end_with_no_punctuation_that_belongs_elsewhere(monkeypatch):
    monkeypatch.setenv("PELLUCID_LANGUAGE", "zh")
    text = "例如手册.csv:5 ('系统管理'), 手册.csv:12（杂项），以及更多，共 68.3 %）2.5 s，手册.csv:268。"
    for columns in range(16, 60):
        lines = wrapped(text, columns)
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")
        assert not [line for line in lines if line[0] in "').，）:%s" or line[-1] in "('（"], columns


@pytest.fixture
def four_cores(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(4)), raising=False)


def _threads(folder, settings, *, resume):
    said = io.StringIO()
    journal = Journal(folder, resume=resume)
    with free_cores(settings, journal, Stages(said)):
        threads = choose_threads(settings)
    journal.begin()
    return threads, said.getvalue()


def test_a_resumed_run_computes_with_the_threads_it_began_with(tmp_path, monkeypatch, four_cores):
    folder = RunFolder(tmp_path / "run")
    monkeypatch.setattr(cores, "free", lambda: 3)
    with folder.opened(resume=False, overwrite=False):
        threads, said = _threads(folder, Settings(), resume=False)
    assert threads == 3
    assert "1 of 4 cores" in said
    assert "--threads 4" in said
    monkeypatch.setattr(cores, "free", lambda: 1)
    with folder.opened(resume=True, overwrite=False):
        assert _threads(folder, Settings(), resume=True)[0] == 3


def test_where_all_are_free_nothing_is_said(tmp_path, monkeypatch, four_cores):
    monkeypatch.setattr(cores, "free", lambda: 4)
    folder = RunFolder(tmp_path / "run")
    with folder.opened(resume=False, overwrite=False):
        assert _threads(folder, Settings(), resume=False) == (4, "")


def test_nothing_is_counted_where_the_user_says_how_many(tmp_path, monkeypatch, four_cores):
    monkeypatch.setattr(cores, "free", lambda: pytest.fail("counted"))
    folder = RunFolder(tmp_path / "run")
    with folder.opened(resume=False, overwrite=False):
        assert _threads(folder, Settings(threads=2), resume=False) == (2, "")
