"""Progress of long work: who hears it, how fast it gets on, and how often it is said where nothing turns."""

import io
import threading

import pytest

from pellucid.cli.command_line import counting
from pellucid.pipeline.run.stages import Stages
from pellucid.progress import Pace, counted, report, reporting_to


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that only a test moves."""
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def test_a_loop_is_heard_in_its_own_thread_alone(clock: list[float]) -> None:
    said: list[tuple[str, int, int | None]] = []
    assert list(counted(range(3), "unheard")) == [0, 1, 2]
    report("unheard", 1)
    with reporting_to(lambda *each: said.append(each)):
        for _ in counted(range(4), "counting", 40, each=10):
            clock[0] += 0.06
        with reporting_to(lambda *_: None):
            report("elsewhere", 1)
        other = threading.Thread(target=report, args=("in another thread", 1))
        other.start()
        other.join()
        report("here", 2, 3)
    report("unheard", 1)
    assert said == [("counting", 0, 40), ("counting", 20, 40), ("here", 2, 3)]


def test_pace_and_time_left_are_of_the_part_under_way(clock: list[float]) -> None:
    pace = Pace()
    assert pace.sentence("reading", 500, 1000) == ""
    clock[0] += 2
    assert pace.sentence("reading", 700, 1000) == "700 of 1,000, 100 per second, about 3 s left"
    assert pace.sentence("reading", 1000, 1000) == ""
    assert pace.sentence("searching", 10, None) == ""
    clock[0] += 4
    assert pace.sentence("searching", 30, None) == "30, 5 per second"
    assert pace.sentence("searching", 0, None) == ""  # begins again
    clock[0] += 4
    assert pace.sentence("searching", 8, None) == "8, 2 per second"


def test_lines_come_less_and_less_often(clock: list[float]) -> None:
    pace, due = Pace(), []
    for second in range(200):
        clock[0] = 100.0 + second
        due += [second] * pace.is_due()
    assert due == [2, 6, 14, 30, 60, 90, 120, 150, 180]


def test_a_command_writes_lines_where_nothing_turns(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with counting("labelling") as show:
        for done in range(100):
            report("listing files", done)
            clock[0] += 0.125
        for done in range(0, 2_000, 10):
            show(done, 2_000)
            clock[0] += 0.125
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "  listing files: 16, 8 per second ..."
    assert "  labelling: 1,400 of 2,000, 80 per second, about 8 s left ..." in lines
    assert len(lines) == 4
    with counting("labelling") as show:
        show(1, 5_000)
    assert capsys.readouterr().err == ""


def test_a_stage_shows_its_parts(clock: list[float]) -> None:
    said = io.StringIO()
    with Stages(said).stage("reading and checking x"):
        for done in range(60):
            report("decoding images", done, 600)
            clock[0] += 0.125
    lines = said.getvalue().splitlines()
    assert lines[0].startswith(
        "  reading and checking x  decoding images: 16 of 600, 8 per second, about 73 s left ..."
    )
    silent = io.StringIO()
    with Stages(silent, quiet=True).stage("reading"):
        for done in range(60):
            report("decoding images", done, 600)
            clock[0] += 0.125
    assert silent.getvalue() == ""
