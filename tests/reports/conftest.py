"""Facts for reports: a real classifier's answers on scikit-learn's handwritten digits."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
from sklearn.datasets import load_digits

from pellucid.evaluation import wilson
from pellucid.language.sentence import Sentence
from pellucid.reports import Answered, ReportFacts
from pellucid.reports.facts import LabelIssue, LabelIssues
from reports.rich_facts import rich_class_facts, rich_number_facts


class Layer(NamedTuple):
    """What `networks.describe` gives for one layer."""

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int
    multiply_adds: int
    receptive_field: tuple[int, int] | None


@dataclass(frozen=True)
class Found:
    """What `data.checking` gives."""

    said: Sequence[str] = ()
    numbers: Mapping[str, Any] | None = None

    def sentences(self) -> Sequence[str]:
        return self.said

    def to_json(self) -> Mapping[str, Any]:
        return self.numbers or {}


class Answers(NamedTuple):
    """Test digits and what nearest class means made of them."""

    pixels: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray


@pytest.fixture(scope="session")
def answers() -> Answers:
    digits = load_digits()
    train, test = slice(0, 1200), slice(1200, None)
    means = np.stack([digits.data[train][digits.target[train] == k].mean(axis=0) for k in range(10)])
    distances = ((digits.data[test][:, None] - means) ** 2).sum(axis=2)
    weights = np.exp(-(distances - distances.min(axis=1, keepdims=True)) / 40)
    pixels = (digits.images[test] * (255 / 16)).astype(np.uint8)[..., None]
    return Answers(pixels, digits.target[test], weights / weights.sum(axis=1, keepdims=True))


def _metrics(names: Sequence[str], confusion: np.ndarray) -> dict[str, Any]:
    tested = int(confusion.sum())
    accuracy = wilson(int(np.trace(confusion)), tested)._asdict()
    entry = {
        "validation": {"accuracy": 0.91},
        "test": {
            "accuracy": accuracy,
            "macro_f1": accuracy,
            "log_loss": {"value": 0.345, "low": 0.301, "high": 0.402},
            "expected_calibration_error": {"value": 0.0213, "low": 0.0112, "high": 0.0341},
        },
        "test_without_leaked": None,
        "train_examples": 1080,
        "train_seconds": 41.23,
        "parameters": 284_938,
        "bytes": 1_143_000,
        "milliseconds_per_example": 0.5214,
    }
    counts = {"train": 1080, "validation": 120, "test": tested}
    return {
        "format": 2,
        "task": "image-classification",
        "seed": 0,
        "classes": list(names),
        "data": {**counts, "skipped": 0, "duplicates": 0, "near_duplicates": 0, "leaked": 0},
        "recommended": "cnn",
        "reason": Sentence("{names} is the only model to choose from.", "cnn"),
        "models": {"cnn": entry},
        "comparisons": [],
    }


GREY = Sentence(
    "All are {pixels}, and trained at {target}.",
    Sentence("{heights} x {widths} pixels", 8, 8),
    Sentence("{height} x {width} pixels in {word}", 8, 8, "grey"),
)


def _history(epochs: int) -> list[dict[str, float]]:
    return [
        {
            "epoch": epoch,
            "step": 10 * epoch,
            "seconds": 2.5 * epoch,
            "learning_rate": 0.01 / epoch,
            "train_loss": 2 / epoch,
            "train_accuracy": 1 - 0.5 / epoch,
            "validation_loss": 2.1 / epoch,
            "validation_accuracy": 0.95 - 0.5 / epoch,
            "validation_macro_f1": 0.94 - 0.5 / epoch,
            "images_per_second": 3512.0,
        }
        for epoch in range(1, epochs + 1)
    ]


@pytest.fixture(scope="session")
def digit_facts(answers: Answers) -> ReportFacts:
    """A complete report's facts, from real answers."""
    names = [f"digit {k}" for k in range(10)]
    predicted = answers.probabilities.argmax(axis=1)
    confusion = np.zeros((10, 10), np.int64)
    np.add.at(confusion, (answers.labels, predicted), 1)
    sureness = np.where(predicted == answers.labels, -1, answers.probabilities.max(axis=1))
    worst = [row for row in np.argsort(-sureness, kind="stable")[:40] if sureness[row] > 0]
    top = np.sort(answers.probabilities, axis=1)
    unsure = np.argsort(top[:, -1] - top[:, -2], kind="stable")[:24]
    in_cells = [
        row
        for cell in range(100)
        for row in np.flatnonzero((answers.labels == cell // 10) & (predicted == cell % 10))[:3]
    ]

    def answered(rows: Iterable[int]) -> list[Answered]:
        return [
            Answered(
                shown=answers.pixels[row],
                source=f"digits/test/{row}.png",
                label=names[answers.labels[row]],
                predicted=names[predicted[row]],
                probability=float(answers.probabilities[row, predicted[row]]),
                probability_of_label=float(answers.probabilities[row, answers.labels[row]]),
            )
            for row in rows
        ]

    label_issues = [
        LabelIssue(
            each.shown, each.source, "test", each.label, each.predicted, each.probability or 0.0,
            each.probability_of_label or 0.0, 0.9,
        )
        for each in answered(worst[:14])
    ]  # fmt: skip
    return ReportFacts(
        title="digits/",
        metrics=_metrics(names, confusion),
        history=_history(12),
        confusion=confusion,
        mistakes=answered(worst),
        cells=answered(in_cells),
        uncertain=answered(unsure),
        label_issues=LabelIssues(
            label_issues,
            23,
            1797,
            Sentence(
                "{models} judged {what}, none of which it had learnt from.",
                "cnn",
                Sentence("the {noun}s kept from training", "image"),
            ),
            precision=0.84,
        ),
        check=Found(
            [GREY],
            {"counts": {name: {"train": 108, "validation": 12, "test": 59} for name in names}},
        ),
        settings={"seed": 0, "preset": "quick", "dropout": None, "batch_norm": True},
        versions={"pellucid": "0.1.0", "torch": "2.13.0"},
        layers=[
            Layer("stem", "conv 3x3", (8, 8, 8), 72, 4608, (3, 3)),
            Layer("pool", "global max", (8,), 0, 0, (8, 8)),
            Layer("head", "linear", (10,), 90, 80, None),
        ],
        command="pellucid train digits/ --out run --preset quick",
    )


@pytest.fixture(scope="session")
def named_facts(answers: Answers, digit_facts: ReportFacts) -> Callable[[Sequence[str]], ReportFacts]:
    """A maker of facts in which every foreign text is one of some names, at least one."""

    def make(names: Sequence[str]) -> ReportFacts:
        classes = len(names)
        confusion = np.diag(np.full(classes, 9)) + np.eye(classes, k=1, dtype=np.int64) * 2
        mistakes = [
            Answered(answers.pixels[k], name, name, names[(k + 1) % classes], 0.9, 0.05)
            for k, name in enumerate(names[k % classes] for k in range(40))
        ]
        label_issues = [
            LabelIssue(answers.pixels[k], name, name, name, names[(k + 1) % classes], 0.8, 0.1, 0.7)
            for k, name in enumerate(names[:40])
        ]
        metrics = _metrics(names, confusion)
        metrics["reason"] = names[0]
        metrics["data"]["leaked"] = 3
        metrics["models"]["cnn"]["test_without_leaked"] = metrics["models"]["cnn"]["test"]
        numbers = {
            "counts": {name: {"train": 1, "validation": 1, "test": 9} for name in names},
            "skipped_examples": [{"source": name, "reason": name} for name in names],
            "conflicts": [[{"source": name, "label": name}] * 2 for name in names],
        }
        return ReportFacts(
            title=names[0],
            metrics=metrics,
            history=digit_facts.history,
            confusion=confusion,
            mistakes=mistakes if classes > 1 else (),
            cells=mistakes if classes > 1 else (),
            uncertain=mistakes[:24],
            label_issues=LabelIssues(label_issues, classes, 100, names[0], precision=0.7),
            check=Found(names, numbers),
            settings=dict(zip(names, names, strict=True)),
            versions=dict(zip(names, names, strict=True)),
            layers=[Layer(name, name, (1,), 1, 1, None) for name in names],
            command=" ".join(names),
        )

    return make


@pytest.fixture(scope="session")
def rich_facts(digit_facts: ReportFacts) -> ReportFacts:
    """A run of seven models with leaks, calibration, a learning curve and folds."""
    return rich_class_facts(digit_facts)


@pytest.fixture(scope="session")
def number_facts(digit_facts: ReportFacts) -> ReportFacts:
    """A run of five models that predict a number."""
    return rich_number_facts(digit_facts)
