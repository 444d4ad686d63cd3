r"""Likely label errors: precision and recall of several rules where labels were flipped.

    python benchmarks/label_issues.py [fashion spam r8 photos] [--photos FOLDER] [--most 2500] [--aum] \
        [--judges logistic-regression with-discriminant]

For each data set 3 % of the labels are flipped at random, then none. Logistic regression, of images its mean
with linear discriminant analysis, and a support vector machine answer out of fold as in a run
(`pipeline/judging/label_issues.py`), where that mean judges images and logistic regression texts: on
histograms of oriented gradients of Fashion-MNIST, on TF-IDF of texts, on the features of EfficientNet-Lite0
of photographs. The same answers are then read by several rules:

- `fitted`: the rule of a run, the share of wrong labels and the temperature fitted together;
- `joint`: confident learning, off the diagonal of the confident joint (Northcutt, Jiang and Chuang 2021);
- `joint, least`: as many labels of each class as the joint counts there, those of least self-confidence;
- `below 1 %`: self-confidence below 0.01, at the temperature that fits the answers.

With `--aum` the network of the data set is trained too, twice with a class of threshold samples, and labels
whose area under the margin lies below the 99th percentile of theirs are listed (Pleiss et al. 2020).

`spam` and `fashion` are bundled, `r8` is fetched from a registry, `photos` needs `--photos FOLDER` with a
folder for each class.

Takes: about 3 minutes on two cores; with `--aum` two trainings of each network more
"""

import argparse
import dataclasses
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from measuring import command_line, heading, print_table, write_json
from text_data import load

from pellucid.arithmetic import at_temperature
from pellucid.classical import extract
from pellucid.data import Dataset, prepare
from pellucid.data.raw_texts import Texts
from pellucid.evaluation import fit_temperature, judge_label_issues
from pellucid.pipeline.judging.label_issues import (
    FEW,
    FOLDS,
    FOLDS_OF_FEW,
    folds_of,
    out_of_fold,
    with_discriminant,
)
from pellucid.pipeline.learners.backbone_choice import chosen
from pellucid.pipeline.learners.classical import ClassicalLearner
from pellucid.pipeline.learners.network import NetworkLearner, Planned
from pellucid.pipeline.learners.preparation import Material, material_of, unvaried_model_of
from pellucid.settings import Settings
from pellucid.training.batches import Batch, Batches

_FLIPPED, _PERCENTILE = 0.03, 99
_BACKBONE = "efficientnet-lite0"
_BOTH = "with-discriminant"
_JUDGES = ("logistic-regression", _BOTH, "svm")


def flipped(labels: np.ndarray, classes: int, share: float, seed: int) -> np.ndarray:
    """Labels of which a share became another class, drawn by chance."""
    draws = np.random.default_rng(seed)
    wrong = draws.choice(len(labels), round(share * len(labels)), replace=False)
    found = labels.copy()
    found[wrong] = (found[wrong] + draws.integers(1, classes, len(wrong))) % classes
    return found


def joint(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Positions off the diagonal of the confident joint."""
    rows, classes = np.arange(len(labels)), range(probabilities.shape[1])
    thresholds = np.array([probabilities[labels == each, each].mean() for each in classes])
    likeliest = probabilities.argmax(axis=1)
    return np.flatnonzero((likeliest != labels) & (probabilities[rows, likeliest] >= thresholds[likeliest]))


def joint_least(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """As many positions of each class as stand off the diagonal, those of least self-confidence."""
    counts = np.bincount(labels[joint(labels, probabilities)], minlength=probabilities.shape[1])
    of_label = probabilities[np.arange(len(labels)), labels]
    found = []
    for each, count in enumerate(counts.tolist()):
        members = np.flatnonzero(labels == each)
        found.append(members[np.argsort(of_label[members], kind="stable")[:count]])
    return np.concatenate(found)


def below(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Positions whose label is less probable than 1 %."""
    return np.flatnonzero(probabilities[np.arange(len(labels)), labels] < 0.01)


class Recording(Batches):
    """Batches that remember which examples the network saw last."""

    last = np.zeros(0, np.int64)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Batches of one epoch."""
        for batch in super().epoch(epoch, start):
            self.last = batch.indices
            yield batch


def margins(material: Material, settings: Settings) -> np.ndarray:
    """Area under the margin of every training example, by the network of the material."""
    sums, counts = (np.zeros(len(material.labels)) for _ in range(2))

    def train(network: Planned) -> None:
        session = network.session
        batches = Recording(session.batches.examples, session.batches.recipe)
        session.batches = batches

        def remember(module: Any, given: Any, outputs: Any) -> None:
            if not module.training:
                return
            logits = outputs.detach().float().numpy()
            rows, labels = np.arange(len(logits)), material.labels[batches.last]
            others = logits.copy()
            others[rows, labels] = -np.inf
            sums[batches.last] += logits[rows, labels] - others.max(axis=1)
            counts[batches.last] += 1

        session.network.register_forward_hook(remember)
        session.run()

    NetworkLearner(settings, train=train).fit(material)
    found: np.ndarray = (sums / np.maximum(counts, 1))[material.train]
    return found


def by_margin(material: Material, settings: Settings, seed: int) -> np.ndarray:
    """Places among the training examples whose margin is small beside that of threshold samples."""
    classes, train = len(material.classes), material.train
    order = np.random.default_rng(seed).permutation(len(train))
    parts = order[: 2 * (len(order) // (classes + 1))].reshape(2, -1)
    listed = np.zeros(len(train), bool)
    for part, other in ((parts[0], parts[1]), (parts[1], parts[0])):
        labels = material.labels.copy()
        labels[train[part]] = classes
        more = dataclasses.replace(material, labels=labels, classes=(*material.classes, "threshold"))
        areas = margins(more, settings)
        small = areas < np.percentile(areas[part], _PERCENTILE)
        small[part] = False
        judged = np.ones(len(train), bool) if part is parts[0] else np.isin(np.arange(len(train)), other)
        listed |= small & judged
    return np.flatnonzero(listed)


def material_for(name: str, given: argparse.Namespace, seed: int, folder: Path) -> tuple[Dataset, np.ndarray]:
    """A data set, and the positions that are judged."""
    place = f"sample:{name}"
    if name == "r8":
        place = str(load("r8").write(folder)[0])
    if name == "photos":
        place = given.photos
    dataset, _ = prepare(place, Settings())
    positions = np.concatenate([dataset.train, dataset.validation])
    return dataset, np.sort(np.random.default_rng(seed).permutation(positions)[: given.most])


def seen(name: str, dataset: Dataset, positions: np.ndarray) -> np.ndarray | Texts:
    """What the judges see."""
    if isinstance(dataset.inputs, Texts):
        return Texts.of(dataset.inputs[positions])
    if name != "photos":
        return extract("hog", dataset.inputs[positions])
    settings = Settings(backbone=_BACKBONE)
    material = dataclasses.replace(material_of(dataset), train=positions, validation=positions[:0])
    (choice,) = chosen(settings, material)
    model = unvaried_model_of(choice.started(settings), choice.prepared(material), dataset.classes)
    rows: np.ndarray = model.transform(dataset.inputs[positions])
    return rows


def judged(name: str, given: argparse.Namespace, seed: int, folder: Path) -> Iterator[dict[str, Any]]:
    """Rows of one data set, with labels flipped and without."""
    dataset, positions = material_for(name, given, seed, folder)
    truth, classes = dataset.labels[positions], len(dataset.classes)
    inputs = seen(name, dataset, positions)
    for share in (_FLIPPED, 0.0):
        labels = flipped(truth, classes, share, seed)
        material = Material(inputs, labels, np.arange(len(labels)), np.zeros(0, np.int64), dataset.classes)
        wrong = labels != truth
        is_dense = isinstance(inputs, np.ndarray)
        folds = FOLDS_OF_FEW if is_dense and len(labels) <= FEW else FOLDS
        fold = folds_of(dataset.together[positions], folds, seed)
        said: dict[str, np.ndarray] = {}
        for learner in given.judges:
            if learner == _BOTH and not is_dense:
                continue
            began, before = time.perf_counter(), time.process_time()
            if learner == _BOTH:
                answers = with_discriminant(said["logistic-regression"], material, fold)
            else:
                answers = out_of_fold(ClassicalLearner(learner, Settings(seed=seed)), material, fold)
            said[learner] = answers
            seconds = time.perf_counter() - began, time.process_time() - before
            calibrated = at_temperature(answers, fit_temperature(labels, answers))
            fitted = judge_label_issues(labels, answers)
            found = {
                "fitted": np.array([each.position for each in fitted.found], np.int64),
                "joint": joint(labels, calibrated),
                "joint, least": joint_least(labels, calibrated),
                "below 1 %": below(labels, calibrated),
            }
            for rule, listed in found.items():
                row = row_of(name, share, learner, rule, listed, wrong)
                row |= {"accuracy": fitted.accuracy, "seconds": seconds[0], "processor_seconds": seconds[1]}
                if rule == "fitted":
                    row["expected"] = float(np.mean([each.probability_wrong for each in fitted.found] or [0]))
                    row["share"] = fitted.share
                yield row
        if given.aum and name != "photos":
            every = dataset.labels.copy()
            every[positions] = labels
            whole = dataclasses.replace(
                material_of(dataset), labels=every, train=positions, validation=positions[:0]
            )
            listed = by_margin(whole, Settings(preset="quick", seed=seed), seed)
            yield row_of(name, share, "network", "AUM", listed, wrong)


def row_of(
    name: str, share: float, judge: str, rule: str, listed: np.ndarray, wrong: np.ndarray
) -> dict[str, Any]:
    """One rule's figures."""
    hits = int(wrong[listed].sum())
    return {
        "data": name,
        "examples": len(wrong),
        "flipped": share,
        "judge": judge,
        "rule": rule,
        "listed": len(listed) / len(wrong),
        "precision": hits / len(listed) if len(listed) else None,
        "recall": hits / wrong.sum() if wrong.any() else None,
    }


def main() -> None:
    """Judge every data set and print a table."""
    parser = command_line(__doc__)
    parser.add_argument("names", nargs="*", choices=("fashion", "spam", "r8", "photos"), default=[])
    parser.add_argument(
        "--photos", metavar="FOLDER", help="a folder of photographs with one folder for each class"
    )
    parser.add_argument("--most", type=int, default=2500, help="examples of each data set (default: 2500)")
    parser.add_argument("--seeds", type=int, default=1, help="how often, with other flips (default: 1)")
    parser.add_argument(
        "--judges",
        nargs="*",
        default=_JUDGES,
        choices=_JUDGES,
        help="logistic-regression before the mean with it",
    )
    parser.add_argument("--aum", action="store_true", help="train the networks too")
    given = parser.parse_args()
    facts = heading(("pellucid", "torch", "scikit-learn", "timm"))
    names = given.names or ["fashion", "spam", "r8", *(["photos"] if given.photos else [])]
    found = []
    for name in names:
        for seed in range(given.seeds):
            with tempfile.TemporaryDirectory() as folder:
                for row in judged(name, given, seed, Path(folder)):
                    found.append(row)
                    print(row, flush=True)
    header = ["data", "flipped", "judge", "accuracy", "rule", "listed", "precision", "recall", "expected"]
    print_table(header, [[_shown(row.get(key)) for key in header] for row in found])
    write_json(given.json, {**facts, "found": found})


def _shown(value: Any) -> str:
    return "" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
