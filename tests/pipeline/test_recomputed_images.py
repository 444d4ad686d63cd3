"""Every entry of a small run of images, computed anew from its saved models and the data."""

import json

import numpy as np
import pytest
from sklearn.datasets import load_digits

import pellucid
from pellucid.arithmetic.draws import Purpose, generator
from pellucid.data import folds, prepare
from pellucid.settings import Settings
from recomputed import Classified, Recomputed

pytestmark = pytest.mark.core

NETWORK = {"model": "mlp", "depth": 1, "width": 16, "epochs": 4, "threads": 1}
TINY = {**NETWORK, "quiet": True}
ON_NETWORK = [["mlp", "logistic-regression-on-mlp", "svm-on-mlp"]]
FOLDS = 3
CLASSES = 5
SIZES = {"train": 240, "val": 150, "test": 160}
COPIES = 6  # test examples that stand in training too


def noisy_digits() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Digits under noise in three splits; some labels to judge are wrong, some test images are copies."""
    draws, bunch = np.random.default_rng(0), load_digits()
    chosen = np.flatnonzero(bunch.target < CLASSES)[: sum(SIZES.values())]
    pixels = np.clip(bunch.images[chosen] * 15 + draws.normal(0, 45, (len(chosen), 8, 8)), 0, 255)
    pixels, labels = pixels.astype(np.uint8)[..., None], bunch.target[chosen].astype(np.int64)
    edges = np.cumsum([0, *SIZES.values()])
    found = {
        name: (pixels[low:high], labels[low:high])
        for name, low, high in zip(SIZES, edges[:-1], edges[1:], strict=True)
    }
    for name in ("val", "test"):
        wrong = draws.permutation(SIZES[name] - COPIES)[:12] + COPIES
        found[name][1][wrong] = (found[name][1][wrong] + draws.integers(1, CLASSES, 12)) % CLASSES
    for part in (0, 1):
        found["test"][part][:COPIES] = found["train"][part][:COPIES]
    return found


class Digits(Classified):
    """A run of digits."""

    def outliers(self):
        images = self.splits["test"][0]
        draws = generator(self.seed, Purpose.SYNTHETIC_OUTLIERS)
        images = images[np.sort(draws.permutation(len(images)))]
        noise = draws.integers(0, 256, images.shape, dtype=np.uint8)
        shuffled = np.empty_like(images)
        for image, made in zip(images, shuffled, strict=True):
            pieces = image.reshape(4, 2, 4, 2).swapaxes(1, 2).reshape(16, 2, 2)[draws.permutation(16)]
            made[..., 0] = pieces.reshape(4, 4, 2, 2).swapaxes(1, 2).reshape(8, 8)
        return {"noise": noise, "shuffled_pieces": shuffled, "inverted": 255 - images}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    data = noisy_digits()
    np.savez(
        folder / "digits.npz",
        **{f"x_{name}": pixels for name, (pixels, _) in data.items()},
        **{f"y_{name}": labels.astype(str) for name, (_, labels) in data.items()},
    )
    made = pellucid.train(folder / "digits.npz", out=folder / "run", folds=0, **TINY)
    splits = {"validation" if name == "val" else name: each for name, each in data.items()}
    found = Digits(made.folder, splits, ON_NETWORK)
    found.sources_held_out = [
        f"{folder / 'digits.npz'}:x_{name}:{row + 1}"
        for name in ("val", "test")
        for row in range(SIZES[name])
    ]
    return found


@pytest.fixture(scope="module")
def run_by_folds(tmp_path_factory):
    """The same digits, judged on three folds of all that is not for the test."""
    folder, data = tmp_path_factory.mktemp("folds"), noisy_digits()
    pixels, labels = (np.concatenate([data["train"][part][:100], data["val"][part]]) for part in (0, 1))
    images, asked = data["test"]
    place = folder / "digits.npz"
    np.savez(place, x_train=pixels, y_train=labels.astype(str), x_test=images, y_test=asked.astype(str))
    made = pellucid.train(place, out=folder / "run", folds=FOLDS, **TINY)
    pool = (pixels, labels)
    found = Digits(made.folder, {"train": pool, "validation": pool, "test": data["test"]}, ON_NETWORK)
    found.sources_held_out = [
        f"{place}:x_{name}:{row + 1}"
        for name, each in (("train", labels), ("test", asked))
        for row in range(len(each))
    ]
    found.parts = [part.test for part in folds(prepare(str(place), Settings(**NETWORK))[0], FOLDS, 0)]
    return found


def check_all_but_folds(run, data: dict[str, int], judged: np.ndarray | None = None) -> None:
    equals = run.checked.equals
    equals("format", 2)
    equals("task", "image-classification")
    equals("seed", 0)
    equals("classes", [str(code) for code in range(CLASSES)])
    for name, value in data.items():
        equals(f"data/{name}", value)
    for key in ("skipped", "near_duplicates", "siblings", "test_siblings"):
        equals(f"data/{key}", 0)
    for key in ("duplicates", "leaked"):
        equals(f"data/{key}", COPIES)
    equals("data/groups/given", False)
    equals("data/groups/matter", False)
    equals("data/groups/test", SIZES["test"])
    equals("data/groups/several/test", {"sets": COPIES, "examples": COPIES})
    rules = ("near_copies", "turned_copies", "near_turned_copies")
    equals("data/siblings_by_rule", {rule: {"sets": 0, "examples": 0} for rule in rules})
    run.check_models(leaked=np.arange(COPIES))
    run.check_choice()
    equals("giveaways", [])
    run.check_label_issues()
    run.check_curve(judged)
    run.check_findings()
    run.checked.left_out(
        "models/*/train_seconds", "models/*/features", "models/*/configurations*", "label_issues/method"
    )


def test_every_entry_of_metrics_json(run):
    checked, equals = run.checked, run.checked.equals
    check_all_but_folds(run, {"train": 240, "validation": 150, "test": 160})
    for name, sets in (("train", COPIES), ("validation", 0)):
        equals(f"data/groups/{name}", run.metrics["data"][name])
        equals(f"data/groups/several/{name}", {"sets": sets, "examples": sets})
    equals("judged_on_folds", None)
    equals("folds", None)
    checked.left_out("label_issues/judges/1/*")  # of models trained anew for each fold of the training split
    checked.finish()


@pytest.mark.slow
def test_every_entry_where_folds_judge(run_by_folds):
    run, checked = run_by_folds, run_by_folds.checked
    data, pool = run.metrics["data"], len(run.splits["train"][1])
    assert sorted(np.concatenate(run.parts)) == [*range(pool)]
    assert data["train"] + data["validation"] == pool
    check_all_but_folds(run, {"test": SIZES["test"]}, run.parts[0])
    checked.left_out("data/train", "data/validation")
    for name in ("train", "validation"):  # each has its part of the images of which the test has a copy
        checked.equals(f"data/groups/{name}", data[name])
    several = data["groups"]["several"]
    assert sum(several[name]["sets"] for name in ("train", "validation")) == COPIES
    checked.left_out("data/groups/several/train/*", "data/groups/several/validation/*")
    own = ("majority", "logistic-regression", "svm", "random-forest", "mlp")
    checked.equals("judged_on_folds", dict.fromkeys(own, FOLDS))
    run.check_folds(run.parts)
    checked.finish()


def test_folds_are_judged_by_models_that_learned_from_the_others(run_by_folds):
    """The dummy answers with the shares of classes among its training examples: those of the other folds."""
    labels = run_by_folds.splits["train"][1]
    said = run_by_folds.held_out["majority"]
    for part in run_by_folds.parts:
        others = np.bincount(np.delete(labels, part), minlength=CLASSES)
        assert (np.argsort(-said[part], kind="stable") == np.argsort(-others, kind="stable")).all()


def test_the_other_files(run):
    run.check_test_file(run.sources_held_out[SIZES["val"] :])
    ledger = [json.loads(line) for line in (run.folder / "data.jsonl").read_text().splitlines()]
    assert [each["split"] for each in ledger] == [
        name for name in ("train", "validation", "test") for _ in run.splits[name][1]
    ]
    labels = np.concatenate([run.splits[name][1] for name in ("train", "validation", "test")])
    assert [each["label"] for each in ledger] == [str(code) for code in labels]


def test_an_entry_that_nobody_computes_anew_is_found():
    checked = Recomputed({"old": 1.0, "models": {"svm": {"scores": [0.5, 0.25], "new": {}}}})
    checked.equals("old", 1.0)
    checked.equals("models/svm/scores", [0.5, 0.25])
    with pytest.raises(AssertionError, match=r"anew: \['models/svm/new'\]"):
        checked.finish()
    with pytest.raises(AssertionError, match="models/svm/scores/1"):
        checked.equals("models/svm/scores", [0.5, 0.3])
    with pytest.raises(AssertionError, match="no entry is left for times"):
        checked.left_out("times*")
    checked.left_out("models/*/new")
    checked.finish()
