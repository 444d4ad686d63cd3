"""How much effort a network from scratch gets beside a backbone."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from pellucid.pipeline import learning
from pellucid.pipeline.judging import effort
from pellucid.pipeline.judging.effort import Effort, decide_effort, epochs_of_few, with_fitting_effort
from pellucid.pipeline.run.context import TimeBudget
from pellucid.pipeline.train import train
from pellucid.settings import Settings
from photographs import class_folders

LITE0 = "efficientnet-lite0"


@pytest.mark.parametrize(
    ("shorter", "short", "learnt", "leader", "is_enough"),
    [
        (0.4, 0.5, 0.8, 0.8, True),
        (0.1, 0.6, 1.0, 0.9, False),
        (0.6, 0.5, 1.0, 0.7, True),
        (0.8, 0.9, 1.0, 0.8, False),
        (0.1, 0.1, 0.7, 0.8, False),
    ],
    ids=["far", "it-rises-fast", "it-falls", "it-leads", "it-has-not-begun-to-learn"],
)
def test_what_is_out_of_reach_by_its_course(shorter, short, learnt, leader, is_enough):
    each = np.ones(40)
    rivals = {"svm": 0.3 * each, "best": leader * each}
    found = decide_effort(16, shorter * each, short * each, learnt, rivals)
    assert (found.leader, found.is_enough) == ("best", is_enough)


def test_chance_keeps_a_lead_open():
    """Half of the examples are right where the leader is right about three in four."""
    short, leader = np.tile([0.0, 0.0, 1.0, 1.0], 5), np.tile([0.0, 1.0, 1.0, 1.0], 5)
    found = decide_effort(16, short, short, 1.0, {"best": leader})
    assert found.could_reach == pytest.approx(0.5 + 2 * np.sqrt(0.75 * 0.25 / 20))
    assert found.is_enough
    assert not decide_effort(16, short[:8], short[:8], 1.0, {"best": leader[:8]}).is_enough


@pytest.mark.parametrize(
    ("preset", "images", "batch", "epochs", "given"),
    [
        ("standard", 200, 16, 253, 85),  # 900 + 208 steps of 13 in an epoch
        ("standard", 2_000, 64, 80, None),
        ("best", 200, 16, 949, 320),
        ("quick", 48, 16, 160, 158),
    ],
)
def test_epochs_of_few_images(preset, images, batch, epochs, given):
    recipe = SimpleNamespace(batch_size=batch, epochs=epochs)
    assert epochs_of_few(recipe, -(-images // batch), Settings(preset=preset)) == given


@pytest.mark.slow
def test_few_images_beside_a_backbone_get_a_short_course_without_a_trial(beside_a_backbone, monkeypatch):
    monkeypatch.setattr(effort, "_STEPS_OF_FEW", 0)
    monkeypatch.setattr(effort, "decide_effort", None)
    config, metrics, _ = beside_a_backbone("few")
    assert config["effort"] == {"epochs": config["plan"]["recipe"]["epochs"], "is_enough": True}
    assert config["plan"]["recipe"]["epochs"] < 160
    (said,) = [each for each in metrics["notes"] if "was trained for" in each]
    assert "of 160 epochs, because the images are few and models on a pretrained backbone are" in said


def decided(*, is_enough):
    return Effort(20, 0.5, 0.6, 1.0, "svm", 0.9, is_enough)


@pytest.fixture
def beside_a_backbone(tmp_path, monkeypatch):
    """Function that trains a small network and the models on a backbone that is considered."""
    monkeypatch.delenv("PELLUCID_BACKBONES")
    monkeypatch.setattr(effort, "_WORTH", 0.0)
    data = class_folders(tmp_path / "data", count=16, side=40)

    def run(name, **given):
        own = {"preset": "quick", "width": 8, "depth": 1, "baselines": False, "threads": 1, "folds": 2}
        train(str(data), out=tmp_path / name, quiet=True, **own, **given)
        config = json.loads((tmp_path / name / "config.json").read_text())
        metrics = json.loads((tmp_path / name / "metrics.json").read_text())
        return config, metrics, (tmp_path / name / "models" / "cnn" / "weights.safetensors").read_bytes()

    return run


@pytest.mark.slow
def test_out_of_reach_it_keeps_a_short_course_also_after_a_kill(beside_a_backbone, monkeypatch):
    monkeypatch.setattr(effort, "decide_effort", lambda *_: decided(is_enough=True))
    config, metrics, weights = beside_a_backbone("unbroken")
    assert config["effort"]["is_enough"]
    assert config["plan"]["recipe"]["epochs"] == config["effort"]["epochs"] == 20
    (said,) = [each for each in metrics["notes"] if "was trained for" in each]
    assert said.startswith("cnn was trained for 20 of 160 epochs: on held-out examples ")
    assert said.endswith("--backbone none trains it in full.")

    with monkeypatch.context() as broken:
        broken.setattr(learning, "within_limit", lambda *_: (_ for _ in ()).throw(RuntimeError("killed")))
        with pytest.raises(RuntimeError, match="killed"):
            beside_a_backbone("killed")
    monkeypatch.setattr(effort, "decide_effort", None)  # it is not decided once more
    again, metrics, resumed = beside_a_backbone("killed", resume=True)
    assert resumed == weights
    assert again["effort"] == config["effort"]
    assert said in metrics["notes"]


@pytest.mark.slow
def test_within_reach_it_has_its_whole_course(beside_a_backbone, monkeypatch):
    monkeypatch.setattr(effort, "decide_effort", lambda *_: decided(is_enough=False))
    config, metrics, _ = beside_a_backbone("whole")
    assert not config["effort"]["is_enough"]
    assert config["plan"]["recipe"]["epochs"] == 160
    assert not any("was trained for" in each for each in metrics["notes"])


@pytest.mark.parametrize(
    ("given", "seconds"), [({"epochs": 2}, None), ({}, 60.0)], ids=["epochs", "time-limit"]
)
def test_epochs_or_a_time_limit_that_were_given_decide(given, seconds):
    journal = SimpleNamespace(content={})
    context = SimpleNamespace(
        settings=Settings(**given), journal=journal, stages=None, time=TimeBudget(seconds)
    )
    network = SimpleNamespace(seconds=1e9)
    assert with_fitting_effort(network, ["a backbone"], None, context) is network
