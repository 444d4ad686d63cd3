import json

import pytest
import torch

from killing import killed_and_resumed
from pellucid.errors import DivergedError, StorageError
from pellucid.safety.strict import read_sealed, sealed
from pellucid.training.state import load_checkpoint, save_checkpoint
from training.sessions import assert_a_resume_ends_alike, same, weights_of


@pytest.mark.parametrize(
    ("given", "stop"),
    [
        ({"dropout": 0.4, "patience": 1, "precision": "bf16"}, 3),
        ({"optimizer": "adam", "schedule": "cosine", "loss": "mse", "model": "lenet"}, 10),
        ({"optimizer": "gd"}, 10),
        ({"optimizer": "nesterov", "threads": 2, "batch_size": 130}, 14),
    ],
)
def test_a_resumed_run_ends_in_the_same_bytes(begin, tmp_path, given, stop):
    assert_a_resume_ends_alike(lambda: begin(epochs=3, **given), stop, tmp_path)


def test_a_checkpoint_of_the_very_last_step_still_has_its_epoch_judged(begin, tmp_path):
    """Killed before the last epoch was validated, a resumed run once kept an earlier epoch for the best."""
    whole, resumed = assert_a_resume_ends_alike(lambda: begin(model="mlp", epochs=2), 20, tmp_path, 20)
    assert resumed.state.step == 20
    assert len(resumed.state.history) == 2
    assert resumed.state.best.epoch == whole.state.best.epoch


def test_patience_goes_on_counting_where_the_killed_run_was(begin, tmp_path):
    """Nothing is learnt at this rate: the first epoch stays the best, and the third after it is the last."""
    given = {"epochs": 9, "patience": 3, "learning_rate": 1e-9, "schedule": "constant", "batch_norm": False}
    resumed = killed_and_resumed(lambda: begin(model="mlp", **given), 25, tmp_path, 25)
    assert [len(resumed.state.history), resumed.state.epochs_without_gain] == [2, 1]
    resumed.run()
    assert [len(resumed.state.history), resumed.state.epochs_without_gain] == [4, 3]


@pytest.fixture
def saved(begin, tmp_path):
    """A folder with the last two of three checkpoints, all of the same weights."""
    session = begin(epochs=1)
    for step in (1, 2, 3):
        session.state.step, session.state.sums.examples = step, 50 * step
        save_checkpoint(tmp_path, session.state, {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000000002", "step-000000003"]
    return tmp_path


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove", "json"])
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(begin, saved, damage):
    tensors, document = (saved / "step-000000003" / name for name in ("state.safetensors", "state.json"))
    content = bytearray(tensors.read_bytes())
    content[len(content) // 2] ^= 1
    {
        "flip": lambda: tensors.write_bytes(content),
        "truncate": lambda: tensors.write_bytes(content[:-10]),
        "remove": tensors.unlink,
        "json": lambda: document.write_text(document.read_text()[:-30]),
    }[damage]()
    fresh = begin(epochs=1)
    load_checkpoint(saved, fresh.state)
    assert fresh.state.step == 2


def test_nothing_to_load_leaves_the_state_alone(begin, tmp_path):
    session = begin(epochs=1)
    assert load_checkpoint(tmp_path / "none", session.state) is None
    assert session.state.step == 0


def test_a_number_that_is_not_finite_is_never_saved(begin, tmp_path):
    session = begin(epochs=1)
    with torch.no_grad():
        next(iter(session.network.parameters())).view(-1)[0] = float("nan")
    with pytest.raises(DivergedError, match=r"step 0: network/.* is not finite; lower --learning-rate"):
        save_checkpoint(tmp_path, session.state, {})
    assert list(tmp_path.iterdir()) == []


def test_a_failed_save_names_the_last_good_checkpoint(begin, saved, monkeypatch):
    session = begin(epochs=1)
    with pytest.raises(StorageError, match="no checkpoint was made yet"):
        save_checkpoint(saved / "missing", session.state, {})

    def refuse(*arguments):
        raise StorageError("disk full")

    monkeypatch.setattr("pellucid.training.state.write_folder", refuse)
    with pytest.raises(StorageError, match="the last good checkpoint is step-000000003"):
        save_checkpoint(saved, session.state, {})


def test_a_checkpoint_holds_no_clock_in_its_tensors(begin, tmp_path):
    paths = [save_checkpoint(tmp_path, begin(epochs=1).state, {})]
    first = (paths[0] / "state.safetensors").read_bytes()
    assert json.loads((paths[0] / "state.json").read_text())["format"] == 1
    again = begin(epochs=1).state
    again.step = 1
    assert (save_checkpoint(tmp_path, again, {}) / "state.safetensors").read_bytes() == first


def edited(path, change):
    """Change the state of a checkpoint and seal it anew, as whoever knows the format would."""
    document = read_sealed(path / "state.json")
    change(document["state"])
    (path / "state.json").write_bytes(sealed(document))


EDITS = {
    "a step beyond the end": (lambda state: state.update(step=10**9), "step 1,000,000,000 of"),
    "a step before its epoch": (
        lambda state: state.update(history=[{"epoch": 1}]),
        "at step 3, and records 1 epoch of 10 steps and 150 ex",
    ),
    "a step without examples": (
        lambda state: state["sums"].update(examples=0),
        "and 0 examples of the next one",
    ),
    "a sum that is no number": (lambda state: state["sums"].update(loss=None), "loss: None is no number"),
    "a best epoch without weights": (
        lambda state: state.update(best={"epoch": 1, "score": 0.5}),
        "of best are",
    ),
    "something more": (lambda state: state.update(more=1), r"unknown keys \['more'\]"),
    "no list of records": (lambda state: state.update(history=[1]), "history: no object"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_checkpoint_is_passed_over_or_named(begin, saved, edit):
    change, reason = EDITS[edit]
    edited(saved / "step-000000003", change)
    fresh = begin(epochs=1)
    load_checkpoint(saved, fresh.state, fresh.batches)
    assert fresh.state.step == 2
    edited(saved / "step-000000002", change)
    fresh = begin(epochs=1)
    said = "step-000000003: training cannot continue from this checkpoint"
    with pytest.raises(StorageError, match=rf"{said}: .*{reason}"):
        load_checkpoint(saved, fresh.state, fresh.batches)
    assert fresh.state.step == 0


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[1]", "list found, an object expected"),
        (b"{}", "its checksum does not match"),
        (b"", "Expecting value"),
    ],
)
def test_a_checkpoint_that_is_none(begin, tmp_path, content, reason):
    path = save_checkpoint(tmp_path, begin(epochs=1).state, {})
    (path / "state.json").write_bytes(content)
    with pytest.raises(StorageError, match=rf"{reason}.*put back what stood there, or start again"):
        load_checkpoint(tmp_path, begin(epochs=1).state)


def test_tensors_of_another_training_are_not_taken(begin, tmp_path):
    save_checkpoint(tmp_path, begin(epochs=1, width=8).state, {})
    fresh = begin(epochs=1)
    before = weights_of(fresh.network)
    with pytest.raises(StorageError, match=r"network/.* is torch\.float32 .*, not torch\.float32"):
        load_checkpoint(tmp_path, fresh.state)
    assert same(before, fresh.network.state_dict())
