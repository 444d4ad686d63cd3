import json

import pytest
import torch

from killing import killed_and_resumed
from pellucid.errors import DivergedError, StorageError
from pellucid.strict import read_sealed, sealed
from pellucid.training.state import load_checkpoint, save_checkpoint


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
    whole = begin(epochs=3, **given).run().state_dict()
    resumed = killed_and_resumed(lambda: begin(epochs=3, **given), stop, tmp_path, 2)
    weights = resumed.run().state_dict()
    assert all(torch.equal(whole[name], weights[name]) for name in whole)


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_checkpoint_of_the_very_last_step_still_has_its_epoch_judged(begin, tmp_path, epochs):
    """Killed before the last epoch was validated, a resumed run once kept an earlier epoch for the best."""
    given = {"model": "mlp", "epochs": epochs}
    unbroken = begin(**given)
    whole = unbroken.run().state_dict()
    last = unbroken.state.step
    resumed = killed_and_resumed(lambda: begin(**given), last, tmp_path, last)
    assert (resumed.state.step, len(resumed.state.history)) == (last, epochs - 1)
    weights = resumed.run().state_dict()
    assert all(torch.equal(whole[name], weights[name]) for name in whole)
    assert resumed.state.step == last
    assert len(resumed.state.history) == epochs
    assert resumed.state.best.epoch == unbroken.state.best.epoch


def test_patience_goes_on_counting_where_the_killed_run_stood(begin, tmp_path):
    """Nothing is learnt at this rate: the first epoch stays the best, and the third after it is the last."""
    given = {"epochs": 9, "patience": 3, "learning_rate": 1e-9, "schedule": "constant", "batch_norm": False}
    unbroken = begin(model="mlp", **given)
    unbroken.run()
    assert [len(unbroken.state.history), unbroken.state.epochs_without_gain] == [4, 3]
    resumed = killed_and_resumed(lambda: begin(model="mlp", **given), 25, tmp_path, 25)
    assert [len(resumed.state.history), resumed.state.epochs_without_gain] == [2, 1]
    resumed.run()
    assert [len(resumed.state.history), resumed.state.epochs_without_gain] == [4, 3]


def test_only_the_last_two_are_kept(begin, tmp_path):
    session = begin(epochs=1)
    for step in (1, 2, 3):
        session.state.step = step
        save_checkpoint(tmp_path, session.state, {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000000002", "step-000000003"]


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove", "json"])
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(begin, tmp_path, damage):
    session = begin(epochs=1)
    for step in (1, 2):
        session.state.step = step
        save_checkpoint(tmp_path, session.state, {})
    newest = tmp_path / "step-000000002"
    tensors, document = newest / "state.safetensors", newest / "state.json"
    content = bytearray(tensors.read_bytes())
    content[len(content) // 2] ^= 1
    {
        "flip": lambda: tensors.write_bytes(content),
        "truncate": lambda: tensors.write_bytes(content[:-10]),
        "remove": tensors.unlink,
        "json": lambda: document.write_text(document.read_text()[:-30]),
    }[damage]()
    fresh = begin(epochs=1)
    load_checkpoint(tmp_path, fresh.state)
    assert fresh.state.step == 1


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


def test_a_failed_save_names_the_last_good_checkpoint(begin, tmp_path, monkeypatch):
    session = begin(epochs=1)
    with pytest.raises(StorageError, match="no checkpoint was made yet"):
        save_checkpoint(tmp_path / "missing", session.state, {})
    save_checkpoint(tmp_path, session.state, {})

    def refuse(*arguments):
        raise StorageError("disk full")

    monkeypatch.setattr("pellucid.training.state.write_folder", refuse)
    with pytest.raises(StorageError, match="the last good checkpoint is step-000000000"):
        save_checkpoint(tmp_path, session.state, {})


def test_a_checkpoint_holds_no_clock_in_its_tensors(begin, tmp_path):
    paths = []
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        paths.append(save_checkpoint(folder, begin(epochs=1).state, {}))
    first, second = ((path / "state.safetensors").read_bytes() for path in paths)
    assert first == second
    assert json.loads((paths[0] / "state.json").read_text())["format"] == 1


def edited(path, change):
    """Change the state of a checkpoint and seal it anew, as whoever knows the format would."""
    document = read_sealed(path / "state.json")
    change(document["state"])
    (path / "state.json").write_bytes(sealed(document))


EDITS = {
    "a step beyond the end": (lambda state: state.update(step=10**9), "step 1,000,000,000 of"),
    "a step before the beginning": (lambda state: state.update(step=-1), "step: -1 is no whole number"),
    "a step that is none": (lambda state: state.update(step="1"), "step: 1 is no whole number"),
    "a sum that is no number": (lambda state: state["sums"].update(loss=None), "loss: None is no number"),
    "a best epoch without weights": (
        lambda state: state.update(best={"epoch": 1, "score": 0.5}),
        "of best are",
    ),
    "something more": (lambda state: state.update(more=1), r"unknown keys \['more'\]"),
    "no list of records": (lambda state: state.update(history=[1]), "history: no object"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_checkpoint_is_passed_over_or_named(begin, tmp_path, edit):
    change, reason = EDITS[edit]
    session = begin(epochs=1)
    for step in (1, 2):
        session.state.step = step
        save_checkpoint(tmp_path, session.state, {})
    edited(tmp_path / "step-000000002", change)
    fresh = begin(epochs=1)
    load_checkpoint(tmp_path, fresh.state, 10)
    assert fresh.state.step == 1
    edited(tmp_path / "step-000000001", change)
    fresh = begin(epochs=1)
    with pytest.raises(StorageError, match=rf"step-000000002: this checkpoint cannot be gone on .*{reason}"):
        load_checkpoint(tmp_path, fresh.state, 10)
    assert fresh.state.step == 0


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[1]", "list found, an object expected"),
        (b"[" * 200_000, "nested too deeply"),
        (b"{}", "its checksum does not match"),
        (b"", "Expecting value"),
    ],
)
def test_a_checkpoint_that_is_none(begin, tmp_path, content, reason):
    session = begin(epochs=1)
    path = save_checkpoint(tmp_path, session.state, {})
    (path / "state.json").write_bytes(content)
    with pytest.raises(StorageError, match=rf"{reason}.*put back what stood there, or start again"):
        load_checkpoint(tmp_path, begin(epochs=1).state)


def test_tensors_of_another_training_are_not_taken(begin, tmp_path):
    other = begin(epochs=1, width=8)
    save_checkpoint(tmp_path, other.state, {})
    fresh = begin(epochs=1)
    before = {name: tensor.clone() for name, tensor in fresh.network.state_dict().items()}
    with pytest.raises(StorageError, match=r"network/.* is torch\.float32 .*, not torch\.float32"):
        load_checkpoint(tmp_path, fresh.state)
    assert all(torch.equal(before[name], tensor) for name, tensor in fresh.network.state_dict().items())
