"""FAULTS 38: a run under way that somebody edited goes on from an earlier checkpoint, or is refused."""

import os
import shutil
import signal

import pytest

import spawning
from killing import KILL_IN_SAVE
from pellucid.safety.strict import read_sealed, sealed

pytestmark = pytest.mark.slow


def _words(data, out):
    return (
        "train", data, "--out", out, "--epochs", "3", "--width", "8", "--threads", "1", "--no-baselines",
        "--folds", "0", "--no-learning-curve",
    )  # fmt: skip


@pytest.fixture(scope="module")
def killed(digits_npz, tmp_path_factory):
    """A run that was killed when it had two checkpoints."""
    run = tmp_path_factory.mktemp("killed") / "run"
    words = map(str, _words(digits_npz, run))
    done = spawning.run("-c", KILL_IN_SAVE, "40", *words, capture_output=True)
    assert done.returncode == -signal.SIGKILL
    assert len(list((run / "checkpoints").glob("step-*"))) == 2
    return run


@pytest.fixture
def run(killed, tmp_path):
    return shutil.copytree(killed, tmp_path / "run")


def _edit(path, change):
    document = read_sealed(path)
    change(document)
    path.write_bytes(sealed(document))


def test_a_step_beyond_the_end_does_not_end_a_training(pellucid, digits_npz, run, tmp_path):
    """It once ended with success and an under-trained model."""
    newest = max((run / "checkpoints").glob("step-*"))
    _edit(newest / "state.json", lambda document: document["state"].update(step=10**9))
    pellucid.succeed(*_words(digits_npz, run), "--resume")
    pellucid.succeed(*_words(digits_npz, tmp_path / "whole"))
    weights = [folder / "models" / "cnn" / "weights.safetensors" for folder in (run, tmp_path / "whole")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


@pytest.mark.parametrize("name", ["state.json", "state.safetensors"])
def test_checkpoints_that_were_all_edited_are_refused(pellucid, digits_npz, run, name):
    for path in (run / "checkpoints").glob(f"step-*/{name}"):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    done = pellucid(*_words(digits_npz, run), "--resume")
    assert done.returncode == 5, done.stderr
    assert "training cannot continue from this checkpoint" in done.stderr
    assert "start again with --overwrite" in done.stderr


def _pipe(path):
    path.unlink()
    os.mkfifo(path)


def _digit(path):
    text = path.read_text()
    path.write_text(text.replace('"epochs": 3', '"epochs": 1'))
    assert path.read_text() != text


@pytest.mark.parametrize("change", [_pipe, _digit])
def test_an_edited_journal_is_refused(pellucid, digits_npz, run, change):
    change(run / "config.json")
    done = pellucid(*_words(digits_npz, run), "--resume")
    assert done.returncode == 5, done.stderr
    assert f"error: {run / 'config.json'}: " in done.stderr


@pytest.mark.parametrize("name", ["checkpoints", "models", "checkpoints/kept"])
def test_a_folder_of_a_run_that_is_a_link_is_never_followed(pellucid, digits_npz, run, tmp_path, name):
    """FAULTS 45: a run once wrote and pruned in the folder that a link pointed to."""
    mine = tmp_path / "mine"
    (mine / "step-000000001").mkdir(parents=True)
    (mine / ".draft.tmp").write_text("mine")
    shutil.rmtree(run / name, ignore_errors=True)
    (run / name).symlink_to(mine)
    done = pellucid(*_words(digits_npz, run), "--resume")
    assert done.returncode == 5, done.stderr
    assert f"{run / name}: a link, where a run has a folder of its own" in done.stderr
    pellucid.succeed(*_words(digits_npz, run), "--overwrite")
    assert sorted(entry.name for entry in mine.iterdir()) == [".draft.tmp", "step-000000001"]
    assert not (run / name).is_symlink()


def test_a_lock_that_points_elsewhere_empties_nothing(pellucid, digits_npz, run, tmp_path):
    precious = tmp_path / "precious.txt"
    precious.write_text("mine")
    (run / ".lock").unlink()
    (run / ".lock").symlink_to(precious)
    for flag in ("--resume", "--overwrite"):
        done = pellucid(*_words(digits_npz, run), flag)
        assert done.returncode == 5, done.stderr
        assert f"{run / '.lock'}: cannot write: it is a link; remove it" in done.stderr
        assert precious.read_text() == "mine"


def test_a_checkpoint_of_far_too_many_bytes_is_not_read(pellucid, digits_npz, run):
    """FAULTS 49: 64 GB that take no room on the disk."""
    for path in (run / "checkpoints").glob("step-*/state.safetensors"):
        with path.open("r+b") as file:
            file.truncate(64 << 30)
    done = pellucid(*_words(digits_npz, run), "--resume")
    assert done.returncode == 5, done.stderr
    assert "larger than" in done.stderr
