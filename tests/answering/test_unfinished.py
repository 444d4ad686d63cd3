"""Answers that were left unfinished: what is gone on with, what is refused, and what stays on the disk."""

import errno
import json
import os

import pytest
from pyarrow import parquet

from models_with_detectors import with_detector
from pellucid.answering import resumable_output
from pellucid.answering.decisions import PredictOptions
from pellucid.answering.predict import Listener, predict
from pellucid.bundle import save
from pellucid.data.sources import blocks
from pellucid.errors import DataError, RunLockedError, StorageError, UsageError
from pellucid.safety.files import Draft, locked
from pellucid.settings import Settings
from small_models import trained_model, untrained_model, write_digits


class Killed(BaseException):
    """Ends a predict as a kill would, as far as one process can."""


@pytest.fixture
def run(tmp_path):
    save(with_detector(trained_model(), train=1000, validation=300), tmp_path / "model", {})
    write_digits(tmp_path / "images", range(40))
    (tmp_path / "images" / "0003.png").write_bytes(b"")
    return tmp_path / "model"


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(blocks, "_MOST_IN_BLOCK", 8)
    monkeypatch.setattr(resumable_output, "_SECONDS_BETWEEN", 0.0)


def ask(run, out, *, kill_after=None, resume=False, places=("images",), **more):
    """Predict, and after some inputs end as a kill would."""

    def progress(done, total):
        if kill_after is not None and done >= kill_after:
            raise Killed

    places = [str(run.parent / place) for place in places]
    return predict(run, places, out, Settings(), resume=resume, listener=Listener(progress=progress), **more)


def killed(run, out, after=20, **more):
    with pytest.raises(Killed):
        ask(run, out, kill_after=after, **more)


def state_of(out):
    return json.loads((resumable_output.folder_of(out) / "state.json").read_text())


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_going_on_gives_the_bytes_of_an_unbroken_one(ending, run, tmp_path, monkeypatch):
    whole, out = tmp_path / f"whole.{ending}", tmp_path / f"out.{ending}"
    expected = ask(run, whole, options=PredictOptions(probabilities=True))
    killed(run, out, options=PredictOptions(probabilities=True))
    assert not out.exists()
    assert state_of(out)["inputs"] == 24
    answered = []
    answer = type(trained_model()).answer
    monkeypatch.setattr(
        type(trained_model()), "answer", lambda self, x: answered.append(len(x)) or answer(self, x)
    )
    done = ask(run, out, resume=True, options=PredictOptions(probabilities=True))
    assert out.read_bytes() == whole.read_bytes()
    assert sum(answered) == 16
    assert done == expected
    assert not resumable_output.folder_of(out).exists()


def test_rows_behind_the_last_state_are_cut_off(run, tmp_path):
    whole, out = tmp_path / "whole.csv", tmp_path / "out.csv"
    ask(run, whole)
    killed(run, out)
    with (resumable_output.folder_of(out) / "rows").open("ab") as file:
        file.write(b"half a ro")
    ask(run, out, resume=True)
    assert out.read_bytes() == whole.read_bytes()


def test_without_resume_it_begins_afresh(run, tmp_path):
    out = tmp_path / "out.csv"
    killed(run, out)
    ask(run, out, places=["images/0000.png"])
    assert out.read_text().count("\n") == 2
    assert not resumable_output.folder_of(out).exists()


def test_resume_with_nothing_there_begins_afresh(run, tmp_path):
    out = tmp_path / "out.csv"
    assert ask(run, out, resume=True).labelled == 39
    first = out.read_bytes()
    assert ask(run, out, resume=True).labelled == 39
    assert out.read_bytes() == first


@pytest.mark.parametrize("damage", ["rows", "state", "no state", "short"])
def test_what_was_damaged_is_begun_afresh(damage, run, tmp_path):
    whole, out = tmp_path / "whole.csv", tmp_path / "out.csv"
    ask(run, whole)
    killed(run, out)
    rows, state = (resumable_output.folder_of(out) / name for name in ("rows", "state.json"))
    if damage == "rows":
        content = bytearray(rows.read_bytes())
        content[100] ^= 1
        rows.write_bytes(content)
    elif damage == "short":
        rows.write_bytes(rows.read_bytes()[:50])
    elif damage == "state":
        state.write_text('{"format": 1, "inputs": []}')
    else:
        state.unlink()
    ask(run, out, resume=True)
    assert out.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(
    ("words", "more"),
    [
        ("the columns", {"options": PredictOptions(probabilities=True)}),
        ("INPUT", {"places": ["images", "images/0001.png"]}),
    ],
)
def test_another_question_is_refused(words, more, run, tmp_path):
    out = tmp_path / "out.csv"
    killed(run, out)
    with pytest.raises(UsageError, match=rf"--resume: {words} is another than when .*out\.csv was begun"):
        ask(run, out, resume=True, **more)
    assert state_of(out)["inputs"] == 24
    ask(run, out, resume=True)


def test_another_model_is_refused(run, tmp_path):
    out = tmp_path / "out.csv"
    killed(run, out)
    save(untrained_model("mlp"), run, {})
    with pytest.raises(UsageError, match="--resume: the model is another than when"):
        ask(run, out, resume=True)


@pytest.mark.parametrize("change", ["changed", "gone", "new", "fewer"])
def test_inputs_that_changed_are_refused(change, run, tmp_path):
    out = tmp_path / "out.csv"
    killed(run, out)
    image = run.parent / "images" / "0002.png"
    if change == "changed":
        os.utime(image, ns=(1, 1))
    elif change == "gone":
        image.unlink()
    elif change == "new":
        (run.parent / "images" / "0000a.png").write_bytes(b"")
    else:
        for number in range(10, 40):
            (run.parent / "images" / f"{number:04}.png").unlink()
    with pytest.raises(DataError, match=r"--resume: .*were answered before.*leave --resume out"):
        ask(run, out, resume=True)
    assert state_of(out)["inputs"] == 24


def test_inputs_further_on_may_change(run, tmp_path):
    out = tmp_path / "out.csv"
    killed(run, out)
    (run.parent / "images" / "9999.png").write_bytes(b"")
    assert ask(run, out, resume=True).unreadable == 2
    assert out.read_text().count("\n") == 42


def test_standard_output_cannot_be_gone_on_with(run):
    with pytest.raises(UsageError, match="--resume: what was written to standard output"):
        ask(run, None, resume=True)


def test_a_full_disk_leaves_what_resume_needs(run, tmp_path, monkeypatch):
    whole, out = tmp_path / "whole.csv", tmp_path / "out.csv"
    ask(run, whole)
    out.write_text("former")
    write = Draft.write

    def fill_up(self, content):
        if self.tell() > 1500:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(self, content)

    with monkeypatch.context() as patched:
        patched.setattr(Draft, "write", fill_up)
        message = (
            r"out\.csv: cannot write: no space left on device; free some space, then run .* with --resume"
        )
        with pytest.raises(StorageError, match=message):
            ask(run, out)
    assert out.read_text() == "former"
    assert 0 < state_of(out)["inputs"] < 40
    ask(run, out, resume=True)
    assert out.read_bytes() == whole.read_bytes()


def test_a_second_process_is_refused(run, tmp_path):
    out = tmp_path / "out.csv"
    folder = resumable_output.folder_of(out)
    folder.mkdir()
    with locked(folder), pytest.raises(RunLockedError, match="is writing here"):
        ask(run, out)


def test_groups_of_parquet_do_not_depend_on_blocks(run, tmp_path, monkeypatch):
    monkeypatch.setattr("pellucid.answering.answers._ROWS_PER_GROUP", 13)
    ask(run, tmp_path / "out.parquet")
    found = parquet.ParquetFile(tmp_path / "out.parquet")
    assert [found.metadata.row_group(n).num_rows for n in range(found.num_row_groups)] == [13, 13, 13, 1]


def test_data_that_break_on_the_way_leave_nothing(run, tmp_path):
    (run.parent / "table.csv").write_text("text,image\nx,images/0001.png\n" * 2000 + 'x,"never closed\n')
    before = sorted(tmp_path.iterdir())
    with pytest.raises(DataError, match="never closes"):
        ask(run, tmp_path / "out.csv", places=["table.csv"])
    assert sorted(tmp_path.iterdir()) == before
