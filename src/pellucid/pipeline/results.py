"""After training: score the test split once and write model, metrics and report."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pellucid.bundle import save
from pellucid.bundle.image_model import ImageModel
from pellucid.data import Check, Dataset
from pellucid.evaluation import confusion_matrix, score
from pellucid.files import link_folder, make_folder, write_file
from pellucid.networks import describe
from pellucid.pipeline.run_folder import RunFolder
from pellucid.reports import Mistake, ReportFacts, render

_FORMAT = 1
_MISTAKES = 40
_BLOCK = 4096


class Tested(NamedTuple):
    """The data a model is tested on, with what is known about it.

    Attributes:
        dataset: the data; its test split is used here and nowhere before.
        check: what checking it found.
        ledger: name of the file that lists every example.
    """

    dataset: Dataset
    check: Check
    ledger: str


def write_results(
    folder: RunFolder,
    model: ImageModel,
    history: Sequence[Mapping[str, Any]],
    tested: Tested,
    config: Mapping[str, Any],
) -> None:
    """Score, save and report; `metrics.json` comes last and marks the run as finished.

    Args:
        folder: the run's folder.
        model: the trained model.
        history: one record per epoch.
        tested: the data and what is known about it.
        config: the content of `config.json`.
    """
    dataset, check, _ = tested
    name = config["plan"]["model"]
    validation = _probabilities(model, dataset, dataset.validation)
    began = time.perf_counter()
    test = _probabilities(model, dataset, dataset.test)
    seconds = time.perf_counter() - began
    labels = dataset.labels[dataset.test]
    seed = config["settings"]["seed"]
    kept = ~np.isin(dataset.test, dataset.leaked)
    entry = {
        "validation": _validation_scores(dataset.labels[dataset.validation], validation),
        "test": score(labels, test, seed).to_json(),
        "test_without_leaked": None if kept.all() else score(labels[kept], test[kept], seed).to_json(),
        "train_examples": len(dataset.train),
        "train_seconds": round(sum(record["seconds"] for record in history), 3),
        "parameters": sum(parameter.numel() for parameter in model.network.parameters()),
        "bytes": 0,
        "milliseconds_per_example": round(1000 * seconds / max(1, len(labels)), 4),
    }
    _save_model(folder.path, name, model, entry, config)
    entry["bytes"] = sum(file.stat().st_size for file in (folder.path / "models" / name).iterdir())
    metrics = {
        "format": _FORMAT,
        "task": "image-classification",
        "seed": seed,
        "classes": list(dataset.classes),
        "data": check.metrics(),
        "recommended": name,
        "reason": f"{name} is the only model that was trained.",
        "models": {name: entry},
        "comparisons": [],
    }
    report = render(_facts(model, metrics, history, tested, config, test))
    write_file(folder.path / "report.html", report.encode())
    folder.write_json("metrics.json", metrics)


def _probabilities(model: ImageModel, dataset: Dataset, indices: np.ndarray) -> np.ndarray:
    """Probabilities of some examples, read block by block from the store."""
    rows = [
        model.predict_proba(dataset.pixels[indices[start : start + _BLOCK]])
        for start in range(0, len(indices), _BLOCK)
    ]
    return np.concatenate(rows) if rows else np.zeros((0, len(model.classes)))


def _validation_scores(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Plain values, without intervals: validation decides, it does not conclude."""
    if len(labels) == 0:
        return {}
    scores = score(labels, probabilities).to_json()
    return {name: float(value["value"]) for name, value in scores.items()}


def _save_model(
    run: Path, name: str, model: ImageModel, entry: Mapping[str, Any], config: Mapping[str, Any]
) -> None:
    accuracy = entry["test"]["accuracy"]
    facts = {
        "trained on": config["data"]["place"],
        "training examples": entry["train_examples"],
        "test accuracy": f"{accuracy['value']:.3f} [{accuracy['low']:.3f}, {accuracy['high']:.3f}]",
        "parameters": entry["parameters"],
        "training time": f"{entry['train_seconds']:.0f} s",
        "settings": "config.json of the run",
    }
    make_folder(run / "models")
    save(model, run / "models" / name, facts)
    link_folder(run / "models" / name, run / "model")


def _facts(
    model: ImageModel,
    metrics: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
    tested: Tested,
    config: Mapping[str, Any],
    probabilities: np.ndarray,
) -> ReportFacts:
    dataset, check, ledger = tested
    labels = dataset.labels[dataset.test]
    predicted = probabilities.argmax(axis=1)
    return ReportFacts(
        title=str(config["data"]["place"]),
        metrics=metrics,
        history=history,
        confusion=confusion_matrix(labels, predicted, len(dataset.classes)),
        mistakes=_mistakes(dataset, labels, probabilities),
        check=check,
        settings={**config["settings"], **config["plan"]["recipe"]},
        versions=config["versions"],
        layers=describe(model.network.config),
        command=config["command"],
        ledger=ledger,
    )


def _mistakes(dataset: Dataset, labels: np.ndarray, probabilities: np.ndarray) -> list[Mistake]:
    """Wrong answers, the surest first."""
    predicted = probabilities.argmax(axis=1)
    sureness = np.where(predicted == labels, -1.0, probabilities.max(axis=1, initial=0.0))
    worst = np.argsort(-sureness, kind="stable")[:_MISTAKES]
    return [
        Mistake(
            pixels=np.array(dataset.pixels[dataset.test[row]]),
            source=dataset.sources[dataset.test[row]],
            label=dataset.classes[labels[row]],
            predicted=dataset.classes[predicted[row]],
            probability=float(probabilities[row, predicted[row]]),
            probability_of_label=float(probabilities[row, labels[row]]),
        )
        for row in worst
        if predicted[row] != labels[row]
    ]
