import io
import json
import os
import re
import signal

import pytest
from rich.console import Console

from pellucid.errors import InterruptedRun
from pellucid.training.observers import (
    BarProgress,
    Checkpointer,
    HistoryFile,
    PlainProgress,
    StopOnSignal,
    signals_to,
)
from training.sessions import After


def test_the_history_file_has_one_line_per_epoch_and_none_twice(begin, tmp_path):
    path = tmp_path / "history.jsonl"
    session = begin(epochs=3)
    session.run([HistoryFile(path)])
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert records == session.state.history


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_training_after_a_checkpoint(begin, tmp_path, number):
    session = begin(epochs=3)
    checkpointer = Checkpointer(tmp_path, {}, session.batches.recipe.total_steps)
    stop = StopOnSignal(checkpointer)
    sender = After(lambda state: os.kill(os.getpid(), number) if state.step == 7 else None)
    before = signal.getsignal(number)
    with stop.listening(), pytest.raises(InterruptedRun, match="after step 7, checkpoint written") as caught:
        session.run([sender, stop])
    assert caught.value.exit_code == 128 + number
    assert (tmp_path / "step-000000007" / "state.json").is_file()
    assert signal.getsignal(number) == before


def test_a_hang_up_that_is_ignored_stays_so():
    """As `nohup` asks for."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals_to(lambda *_: pytest.fail("heard")):
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_checkpoints_are_spaced_in_time_but_the_last_epoch_always_has_one(begin, tmp_path):
    session = begin(epochs=3)
    session.run([Checkpointer(tmp_path, {}, session.batches.recipe.total_steps, seconds=3600)])
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000030"]


def test_long_epochs_have_checkpoints_inside(begin, tmp_path):
    session = begin(epochs=1)
    names = []
    look = After(lambda state: names.extend(path.name for path in tmp_path.iterdir()))
    checkpointer = Checkpointer(tmp_path, {}, session.batches.recipe.total_steps, long_seconds=0.0)
    session.run([checkpointer, look])
    assert "step-000000005" in names


def test_plain_progress_prints_a_line_per_epoch(begin):
    session, lines = begin(epochs=2), []
    session.run([PlainProgress(lines.append, session.batches)])
    assert [line.split("loss")[0].split() for line in lines] == [
        ["epoch", "1", "of", "2"],
        ["epoch", "2", "of", "2"],
    ]
    assert all(len(line) <= 80 for line in lines)


def test_progress_follows_a_recipe_that_gets_longer(begin):
    session, lines = begin(epochs=2), []
    batches = session.batches
    console = Console(file=io.StringIO(), force_terminal=True, width=80)

    def follow(step, recipe):
        return recipe.ending_at(3 * batches.per_epoch, step, batches.per_epoch) if step == 1 else recipe

    with BarProgress(console, batches) as bar:
        session.run([PlainProgress(lines.append, batches), bar], follow=follow)
        (task,) = bar.bar.tasks
    assert [line.split("loss")[0].split()[1:] for line in lines] == [[str(n), "of", "3"] for n in (1, 2, 3)]
    steps = session.state.step
    assert (task.total, task.completed, task.fields["epoch"]) == (steps, steps, "epoch 3 of 3")


def test_training_is_one_live_line_that_goes_away(begin):
    session = begin(epochs=2)
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=80)
    with BarProgress(console, session.batches) as bar:
        session.run([bar])
        bar.bar.refresh()
    shown = re.split(r"\r|\n", re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", stream.getvalue()))
    assert max(map(len, shown)) <= 80
    last = [line for line in shown if "epoch 2 of 2" in line and "0:00:00" in line][-1]
    assert re.search(r"━+ +loss \d.* +validation 0\.\d+ +[\d,]+/s +0:00:00", last)
    assert stream.getvalue().rstrip("\x1b[?25h").endswith("\x1b[2K")  # nothing of it is left
