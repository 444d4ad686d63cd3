"""Facts of a run whose images may have several labels: real scores of made answers."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from labelled import labelled
from pellucid.evaluation import reliability, score
from pellucid.language.sentence import Sentence
from pellucid.pipeline.judging.by_target import label_facts
from pellucid.reports import Answered, ReportFacts
from pellucid.reports.facts import CalibrationFacts
from pellucid.targets import MULTILABEL

NAMES = ("cat", "dog", "fish", "owl")
THRESHOLDS = (0.5, 0.4, 0.5, 0.5)
# Of the eighth of eight images nobody knows whether it shows a fish, and no image shows an owl; five times.
TIMES = 5
LABELS = np.array(
    [[1, 1, 0, 0], [1, 1, 0, 0], [1, 0, 0, 0], [1, 0, 1, 0],
     [0, 1, 0, 0], [0, 0, 0, 0], [1, 1, 1, 0], [0, 0, -1, 0]] * TIMES,
    np.int8,
)  # fmt: skip
ANSWERS = np.array(
    [[0.9, 0.8, 0.1, 0.1], [0.8, 0.45, 0.1, 0.1], [0.7, 0.2, 0.1, 0.1], [0.9, 0.1, 0.2, 0.1],
     [0.3, 0.3, 0.1, 0.1], [0.6, 0.1, 0.1, 0.1], [0.9, 0.9, 0.3, 0.1], [0.2, 0.1, 0.8, 0.1]] * TIMES,
)  # fmt: skip


def decided(answers: np.ndarray) -> np.ndarray:
    return (answers >= np.array(THRESHOLDS)).astype(np.int8)


def several_facts(base: ReportFacts, names: Sequence[str] = NAMES, known: int = len(LABELS)) -> ReportFacts:
    """A run of three models, tested on the first of forty images."""
    labels, constant = LABELS[:known], np.full((known, 4), 0.1) + np.eye(4)[0] * 0.6
    said = {"majority": constant, "logistic-regression": 0.5 * ANSWERS[:known] + 0.1, "cnn": ANSWERS[:known]}
    models = {}
    for name, answers in said.items():
        found = score(labelled(labels), answers, predicted=decided(answers)) if known else None
        entries = found.per_label_json() if found else ()
        models[name] = {
            **base.models["cnn"],
            "test": found.to_json() if found else {},
            "labels": [
                {"label": label, "threshold": threshold, **each}
                for label, threshold, each in zip(names, THRESHOLDS, entries, strict=False)
            ],
        }
    predicted = decided(said["cnn"])
    metrics = {
        **base.metrics,
        "task": "image-multilabel-classification",
        "classes": list(names),
        "data": {**base.metrics["data"], "test": known},
        "models": models,
        "comparisons": [
            {"a": "logistic-regression", "b": "cnn", "p_value": 0.25, "p_value_holm": 0.25,
             "micro_f1_difference": {"value": -0.11, "low": -0.3, "high": 0.05},
             "verdict": Sentence(
                 "inconclusive: {a} and {b} differ by {size}, which could be chance", "logistic-regression",
                 "cnn", Sentence("{points} points", "11") + Sentence(" of {words}", "micro-F1"))},
        ],
    }  # fmt: skip
    texts, counts = MULTILABEL.texts, {"train": 5, "validation": 1, "test": 2}
    sure = MULTILABEL.probability(said["cnn"], predicted)
    wrong = [row for row in np.argsort(-sure) if MULTILABEL.wrong(predicted, labels)[row]] if known else []
    renamed = {"accuracy": "subset_accuracy", "macro_f1": "micro_f1"}
    history = [
        {f"{part}_{renamed.get(key, key)}" if key else part: value for (part, _, key), value in named}
        for named in ([(name.partition("_"), value) for name, value in line.items()] for line in base.history)
    ]
    return dataclasses.replace(
        base,
        metrics=metrics,
        history=history,
        confusion=np.zeros((0, 0), np.int64),
        mistakes=[
            Answered(
                shown=np.full((8, 8, 1), 6 * int(row), np.uint8),
                source=f"{row}.png",
                label=texts(labels[row][None], names)[0],
                predicted=texts(predicted[row][None], names)[0],
                probability=float(sure[row]),
                probability_of_label=None,
                unknown=[name for name, state in zip(names, labels[row], strict=True) if state == -1],
            )
            for row in wrong
        ],
        cells=(),
        uncertain=(),
        label_issues=None,
        calibration=CalibrationFacts(0.8, *[reliability(labelled(labels), said["cnn"])] * 2)
        if known
        else None,
        labels=label_facts(labels, predicted),
        check=dataclasses.replace(base.check, said=(), numbers={"counts": dict.fromkeys(names, counts)}),
    )
