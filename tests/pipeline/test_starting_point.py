"""RUN of `--from`: which network is found, and what is refused."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import pellucid
from every_model import average, classical_model, network_model
from pellucid.bundle import ImageModel, TextModel, save
from pellucid.errors import ModelFileError, PellucidError, StorageError, UsageError
from pellucid.pipeline.continual.starting_point import read_earlier, restored, starting_point
from pellucid.safety.files import sha256
from pellucid.safety.strict import read_sealed, sealed
from pellucid.targets import CLASSIFICATION
from runs_to_continue import old_images, old_texts, write_npz
from small_models import digits

PIXELS = digits()[0]


def test_the_network_of_a_run():
    start = starting_point(str(old_images()))
    assert isinstance(start.model, ImageModel)
    assert start.sha256 == sha256(old_images() / "model" / "weights.safetensors")
    assert start.config is not None
    assert start.config["plan"]["model"] == "mlp"


def test_a_model_folder_alone_knows_no_run():
    start = starting_point(str(old_texts() / "models" / "text-cnn"))
    assert isinstance(start.model, TextModel)
    assert start.config is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"data": 1, "settings": {}}'])
def test_a_run_whose_configuration_cannot_be_read_is_refused(tmp_path, content):
    shutil.copytree(old_images() / "model", tmp_path / "model")
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(StorageError, match=r"config\.json: .*; put back what stood there"):
        starting_point(str(tmp_path))


@pytest.mark.parametrize("kind", ["network", "text network"])
def test_a_model_on_a_network_gives_its_network(tmp_path, kind):
    save(classical_model("logistic-regression", kind), tmp_path / "model", {})
    start = starting_point(str(tmp_path))
    expected = network_model(kind, CLASSIFICATION)
    assert start.model.classes == expected.classes
    inputs = PIXELS[:20] if kind == "network" else ["I read a number here"]
    np.testing.assert_allclose(start.model.predict_proba(inputs), expected.predict_proba(inputs), atol=1e-6)


def test_an_average_gives_the_network_among_its_members(tmp_path):
    save(average({"svm": 3, "svm-on-cnn": 2, "cnn": 1}), tmp_path / "network", {})
    assert isinstance(starting_point(str(tmp_path / "network")).model, ImageModel)
    save(average({"svm": 2, "majority": 1}), tmp_path / "classical", {})
    with pytest.raises(UsageError, match="holds a classical model alone"):
        starting_point(str(tmp_path / "classical"))


def test_where_a_classical_model_is_recommended_the_network_beside_it_goes_on(tmp_path):
    shutil.copytree(old_images(), tmp_path / "run")
    save(classical_model("majority"), tmp_path / "run" / "model", {})
    start = starting_point(str(tmp_path / "run"))
    assert start.sha256 == sha256(old_images() / "models" / "mlp" / "weights.safetensors")


def test_a_classical_model_alone_is_refused(tmp_path):
    data = write_npz(tmp_path / "data.npz", range(3), slice(0, 200), slice(200, 300))
    run = pellucid.train(data, out=tmp_path / "run", model="majority", quiet=True)
    for place in (run.folder, run.folder / "model"):
        with pytest.raises(
            UsageError, match=r"--from: .* holds a classical model alone, which cannot continue training"
        ):
            starting_point(str(place))


def test_damaged_and_foreign_files_are_refused(tmp_path):
    shutil.copytree(old_images() / "model", tmp_path / "model")
    weights = tmp_path / "model" / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.unlink()
    weights.write_bytes(content)
    with pytest.raises(ModelFileError, match="its checksum does not match"):
        starting_point(str(tmp_path))
    with pytest.raises(ModelFileError, match="there is no such folder"):
        starting_point(str(tmp_path / "nowhere"))


def test_a_copy_beside_the_checkpoints_outlives_the_run(tmp_path):
    shutil.copytree(old_images(), tmp_path / "run")
    start = starting_point(str(tmp_path / "run"))
    (tmp_path / "checkpoints").mkdir()
    start.keep(tmp_path / "checkpoints")
    start.keep(tmp_path / "checkpoints")  # once is enough
    shutil.rmtree(tmp_path / "run")
    again = restored(str(tmp_path / "run"), start.sha256, tmp_path / "checkpoints")
    assert again.sha256 == start.sha256
    assert again.config is None
    assert again.model.temperature == start.model.temperature


def test_without_a_copy_the_run_must_be_what_it_was(tmp_path):
    place = str(old_images())
    digest = starting_point(place).sha256
    assert restored(place, digest, tmp_path).sha256 == digest
    with pytest.raises(
        UsageError, match=r"--resume: the weights of .* are not those that the run was started"
    ):
        restored(place, "0" * 64, tmp_path)


def _with_config(tmp_path, change):
    """A copy of a run whose `config.json` somebody changed, its seal written anew."""
    run = Path(shutil.copytree(old_images(), tmp_path / "run"))
    document = read_sealed(run / "config.json")
    change(document)
    (run / "config.json").write_bytes(sealed(document))
    return run


def test_a_configuration_that_was_edited_is_refused(tmp_path):
    run = Path(shutil.copytree(old_images(), tmp_path / "run"))
    text = (run / "config.json").read_text()
    (run / "config.json").write_text(text.replace('"seed": 0', '"seed": 1', 1))
    assert (run / "config.json").read_text() != text
    with pytest.raises(StorageError, match=r"config\.json: .*; put back what stood there, or give .*model"):
        starting_point(str(run))
    start = starting_point(str(run / "model"))  # what the message advises
    assert start.config is not None or start.records == []


@pytest.mark.parametrize("value", [None, 7, "text", [3], {"place": 3}, {"earlier": [7], "old_classes": 5}])
@pytest.mark.parametrize("name", ["data", "settings", "plan", "continual"])
def test_a_configuration_of_other_values_is_refused_or_says_nothing(tmp_path, name, value):
    """Whoever changes a run on purpose writes its seal anew."""
    run = _with_config(tmp_path, lambda document: document.update({name: value}))
    try:
        records = starting_point(str(run)).records
    except PellucidError as error:
        assert error.exit_code in (4, 5)  # noqa: PT017  # or nothing is raised
        return
    found = [read_earlier(each) for each in records]
    assert all(each.dataset is not None or each.reason for each in found)


@pytest.mark.parametrize("key", ["place", "classes", "preprocessing", "train", "fingerprint"])
@pytest.mark.parametrize("value", [None, 7, "text", [3], {"a": 1}])
def test_a_record_of_data_that_means_nothing_is_data_that_is_not_at_hand(tmp_path, key, value):
    run = _with_config(tmp_path, lambda document: document["data"].update({key: value}))
    (record,) = starting_point(str(run)).records
    for known in (None, ["a", "b"], [3]):
        found = read_earlier({**record, "known": known})
        assert found.dataset is not None or found.reason
