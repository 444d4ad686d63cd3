"""Facts of whole runs: real answers of scikit-learn's models on its own data, for classes and for numbers."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC, SVR

from labelled import labelled
from pellucid.arithmetic import at_temperature, confusion_matrix
from pellucid.arithmetic.probabilities import trust
from pellucid.data.wording import count_of
from pellucid.evaluation import (
    corrected_interval,
    corrected_p_value,
    fit_temperature,
    recommend,
    reliability,
    score,
    score_slices,
    wilson,
)
from pellucid.evaluation.comparisons import compare_all, compare_numbers
from pellucid.evaluation.learning_curve import learning_curve
from pellucid.evaluation.promises import checked_promise, error_curve, least_examples
from pellucid.language.sentence import Sentence
from pellucid.reports import Answered, ReportFacts
from pellucid.reports.facts import AbstentionFacts, CalibrationFacts

TRAIN, VALIDATION, TEST = slice(0, 800), slice(800, 1100), slice(1100, None)
FEWER = 400
CLASSIFIERS: Mapping[str, Callable[[], Any]] = {
    "majority": DummyClassifier,
    "logistic-regression": lambda: LogisticRegression(C=0.0002, max_iter=300),
    "svm": lambda: SVC(gamma=0.001),
    "random-forest": lambda: RandomForestClassifier(40, random_state=0),
    "logistic-regression-on-cnn": LinearDiscriminantAnalysis,
    "svm-on-cnn": GaussianNB,
    "cnn": lambda: KNeighborsClassifier(5, weights="distance"),
}
REGRESSORS: Mapping[str, Callable[[], Any]] = {
    "mean": DummyRegressor,
    "ridge": Ridge,
    "svm": lambda: SVR(C=10),
    "random-forest": lambda: RandomForestRegressor(30, random_state=0),
    "cnn": lambda: RandomForestRegressor(60, max_features=8, random_state=1),
}

# Seconds to train, parameters, bytes on disk, milliseconds for one example.
_COSTS: Mapping[str, tuple[float, int, int, float]] = {
    "majority": (0.01, 10, 2_210, 0.0002),
    "mean": (0.01, 1, 2_190, 0.0002),
    "logistic-regression": (3.4, 13_410, 56_300, 0.021),
    "ridge": (0.9, 1_341, 8_120, 0.018),
    "svm": (21.7, 1_912_000, 7_730_000, 0.94),
    "random-forest": (14.2, 1_204_000, 9_820_000, 0.113),
    "logistic-regression-on-cnn": (49.1, 290_300, 1_164_000, 0.533),
    "svm-on-cnn": (52.6, 871_000, 3_490_000, 0.71),
    "cnn": (47.3, 287_498, 1_153_000, 0.5214),
}


_NOVELTY: Mapping[str, Any] = {
    "detector": "directions",
    "threshold": 0.95,
    "stated_rate": 0.05,
    "validation_examples": 300,
    "false_alarm_rate": {"value": 0.0574, "low": 0.0426, "high": 0.0769},
    "synthetic_outliers": 300,
    "area_under_roc": {"noise": 0.998, "shuffled_pieces": 0.961, "inverted": 0.742},
}


def _entry(name: str, examples: int, validation: Mapping[str, Any], test: Any) -> dict[str, Any]:
    seconds, parameters, size, milliseconds = _COSTS[name]
    return {
        "validation": {key: each["value"] for key, each in validation.items()},
        "test": test,
        "test_without_leaked": None,
        "train_examples": examples,
        "saw_fewer": examples < 800,
        "train_seconds": seconds,
        "parameters": parameters,
        "bytes": size,
        "milliseconds_per_example": milliseconds,
        "features": None if name == "cnn" else "network" if "-on-" in name else "hog",
        "configurations": []
        if name in ("cnn", "majority", "mean")
        else [
            {"features": features, "words": f"C = {cost:g}", "score": 0.9 + 0.01 * cost}
            for features in ("pixels", "hog")
            for cost in (0.1, 1, 3)
        ],
        "calibration": None,
        "novelty": None if name in ("majority", "mean") else dict(_NOVELTY),
    }


def _probabilities(model: Any, pixels: np.ndarray) -> np.ndarray:
    if hasattr(model, "predict_proba"):
        found = model.predict_proba(pixels) + 1e-4
    else:
        margins = model.decision_function(pixels)
        found = np.exp(0.8 * (margins - margins.max(axis=1, keepdims=True)))
    return np.asarray(found / found.sum(axis=1, keepdims=True), np.float64)


def rich_class_facts(base: ReportFacts) -> ReportFacts:
    """A run with seven models, one of them on fewer examples, a leaking test split and folds."""
    digits = load_digits()
    pixels, labels = digits.data, digits.target.astype(np.int64)
    said: dict[str, tuple[np.ndarray, np.ndarray, int]] = {}
    noise = np.random.default_rng(0).normal(scale=1.8, size=pixels.shape)
    for name, make in CLASSIFIERS.items():
        seen = pixels + noise * (name != "cnn")
        examples = FEWER if name == "svm" else 800
        model = make().fit(seen[:examples], labels[:examples])
        said[name] = (_probabilities(model, seen[VALIDATION]), _probabilities(model, seen[TEST]), examples)
    names = [f"digit {k}" for k in range(10)]
    chosen = recommend(
        labelled(labels[VALIDATION]), {name: each[0] for name, each in said.items()}, "macro-f1"
    )
    temperatures = {
        name: fit_temperature(labelled(labels[VALIDATION]), each[0]) for name, each in said.items()
    }
    test = {name: at_temperature(each[1], temperatures[name]) for name, each in said.items()}
    models = {
        name: _entry(
            name,
            each[2],
            score(labelled(labels[VALIDATION]), each[0]).to_json(),
            score(labelled(labels[TEST]), test[name]).to_json(),
        )
        for name, each in said.items()
    }
    for name in models:
        models[name]["test_without_leaked"] = score(labelled(labels[TEST][12:]), test[name][12:]).to_json()
        models[name]["test_without_siblings"] = score(labelled(labels[TEST][20:]), test[name][20:]).to_json()
    predicted = test[chosen.name].argmax(axis=1)
    # The digits were written by hands of which each fills a stretch of the data.
    hands = [f"hand {index // 130}" for index in range(len(predicted))]
    curve = {}
    for name in ("svm", "cnn"):
        sizes = (100, 200, 400) if name == "svm" else (200, 400, 800)
        curve[name] = [
            (size, CLASSIFIERS[name]().fit(pixels[:size], labels[:size]).predict(pixels[VALIDATION]))
            for size in sizes
        ]
    pairs = compare_all(labels[TEST], {name: test[name].argmax(axis=1) for name in reversed(test)})
    metrics = {
        **base.metrics,
        "classes": names,
        "data": {"train": 800, "validation": 300, "test": len(predicted), "skipped": 3, "duplicates": 14,
                 "near_duplicates": 6, "leaked": 12, "siblings": 31, "test_siblings": 8},
        "recommended": chosen.name,
        "reason": chosen.reason,
        "models": models,
        "comparisons": [each.to_json() for each in pairs],
        "folds": made_folds("accuracy", {"majority": 0.1, "svm": 0.951, "random-forest": 0.94, "cnn": 0.957}),
        "slices": score_slices("hand", hands, labelled(labels[TEST]), test[chosen.name]).to_json(),
        "continual": _gone_on(),
    }  # fmt: skip
    return dataclasses.replace(
        base,
        metrics=metrics,
        confusion=confusion_matrix(labels[TEST], predicted, 10),
        mistakes=_mistakes(digits.images[TEST], labels[TEST], test[chosen.name], names),
        settings={**base.settings, "metric": "accuracy"},
        calibration=CalibrationFacts(
            temperatures[chosen.name],
            reliability(labelled(labels[TEST]), said[chosen.name][1]),
            reliability(labelled(labels[TEST]), test[chosen.name]),
        ),
        abstention=abstention_of(
            (labels[VALIDATION], at_temperature(said[chosen.name][0], temperatures[chosen.name])),
            (labels[TEST], test[chosen.name]),
        ),
        learning_curve=learning_curve(labelled(labels[VALIDATION]), curve, "cnn"),
        command="pellucid train digits/ --out run --folds 5",
    )


def abstention_of(
    held_out: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray]
) -> AbstentionFacts:
    """What a model does that may abstain."""
    (trusted, is_wrong), on_test = (
        (trust(said.max(axis=1), None), said.argmax(axis=1) != labels) for labels, said in (held_out, test)
    )
    promises = {
        each: checked_promise((trusted, is_wrong), on_test, each)
        if len(trusted) >= least_examples(each)
        else None
        for each in (0.01, 0.02, 0.05, 0.1)
    }
    return AbstentionFacts(error_curve(*on_test), len(trusted), promises)


def _gone_on() -> dict[str, Any]:
    """What a network kept that knew eight digits and went on with two more."""
    right = np.array([29, 31, 30, 28, 33, 34, 29, 30])
    before, after = (wilson(int(each.sum()), 8 * 36)._asdict() for each in (right, right - 2))
    return {
        "from": "first-run",
        "model": "cnn",
        "reasons": [Sentence(
            "The network rehearses {train:,} of the {of:,} old training {noun}s "
            "beside the {train2:,} new ones; other models learn from the new ones alone.",
            200, 700, "image", 200,
        )],
        "seen_before": {"test": 3, "validation": 1, "test_without": {"accuracy": after}},
        "not_measured": [Sentence("{place} is not what it was trained on: it has changed since", "older/")],
        "forgetting_of_recommended": None,
        "forgetting": {
            "data": ["digits/"],
            "examples": 8 * 36,
            "left_out": 4,
            "before": {"accuracy": before},
            "after": {"accuracy": after},
            "accuracy_difference": {"value": -16 / 288, "low": -0.08, "high": -0.03},
            "p_value": 0.001,
            "classes": [
                {"class": f"digit {k}", "examples": 36, "before": hits / 36, "after": (hits - 2) / 36,
                 "p_value_holm": 0.01 if k == 0 else 1.0}
                for k, hits in enumerate(right.tolist())
            ],
            "sentence": Sentence(
                "{outcome}: {figures}, a difference of {difference}.{by_class}",
                Sentence("{name} has forgotten {word}", "cnn", "something"),
                Sentence(
                    "of {examples} it classifies {now} correctly, {was} {then}",
                    count_of(288, "old test image"), "79.2 %", "84.7 %", "before continual training"),
                Sentence("{points} points {interval}", "5.6", "[3.0, 8.0]"), ""),
        },
    }  # fmt: skip


def _mistakes(
    images: np.ndarray, labels: np.ndarray, probabilities: np.ndarray, names: Sequence[str]
) -> list[Answered]:
    predicted = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    order = wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")][:40]
    return [
        Answered(
            (images[row] * (255 / 16)).astype(np.uint8)[..., None],
            f"digits/test/{row}.png",
            names[labels[row]],
            names[predicted[row]],
            float(probabilities[row].max()),
            float(probabilities[row, labels[row]]),
        )
        for row in order
    ]


def made_folds(metric: str, means: Mapping[str, float], train: int = 880, test: int = 220) -> dict[str, Any]:
    """Cross-validation in the form of `metrics.json`, its scores drawn around given means."""
    generator = np.random.default_rng(0)
    shared = generator.normal(scale=0.008, size=5)
    scores = {
        name: mean * (1 + shared + generator.normal(scale=0.003, size=5)) for name, mean in means.items()
    }
    pairs = [(a, b) for place, a in enumerate(means) for b in list(means)[place + 1 :]]
    return {
        "folds": 5,
        "metric": metric,
        "train": train,
        "test": test,
        "models": {
            name: {"scores": each.tolist(), "mean": corrected_interval(each, train, test)._asdict()}
            for name, each in scores.items()
        },
        "comparisons": [
            {
                "a": a,
                "b": b,
                f"{metric}_difference": corrected_interval(scores[a] - scores[b], train, test)._asdict(),
                "p_value": corrected_p_value(scores[a] - scores[b], train, test),
                "p_value_holm": min(1.0, 6 * corrected_p_value(scores[a] - scores[b], train, test)),
                "verdict": f"{a} and {b}: too few trainings to tell",
            }
            for a, b in pairs
        ],
    }


def rich_number_facts(base: ReportFacts) -> ReportFacts:
    """A run that predicts a number: how many of a digit's pixels are dark, from a blurred half of it."""
    digits = load_digits()
    values = digits.data.sum(axis=1)
    seen = digits.images[:, :5].reshape(len(values), -1)
    said = {}
    for name, make in REGRESSORS.items():
        model = make().fit(seen[TRAIN], values[TRAIN])
        said[name] = (model.predict(seen[VALIDATION]), model.predict(seen[TEST]))
    chosen = recommend(labelled(values[VALIDATION]), {name: each[0] for name, each in said.items()})
    models = {
        name: _entry(
            name,
            800,
            score(labelled(values[VALIDATION]), each[0]).to_json(),
            score(labelled(values[TEST]), each[1]).to_json(),
        )
        for name, each in said.items()
    }
    for entry in models.values():
        entry["configurations"] = [
            {**each, "score": -40 / (1 + each["score"])} for each in entry["configurations"]
        ]
    curve = {
        name: [
            (size, REGRESSORS[name]().fit(seen[:size], values[:size]).predict(seen[VALIDATION]))
            for size in (200, 400, 800)
        ]
        for name in ("ridge", "random-forest")
    }
    pairs = compare_numbers(values[TEST], {name: said[name][1] for name in reversed(said)})
    numbers = np.stack([values[TEST], said[chosen.name][1]], axis=1)
    worst = np.argsort(-np.abs(numbers[:, 1] - numbers[:, 0]))[:40]
    metrics = {
        **base.metrics,
        "task": "image-regression",
        "classes": [],
        "data": {"train": 800, "validation": 300, "test": len(numbers), "skipped": 0, "duplicates": 0,
                 "near_duplicates": 0, "leaked": 0},
        "recommended": chosen.name,
        "reason": chosen.reason,
        "models": models,
        "comparisons": [each.to_json() for each in pairs],
        "folds": made_folds(
            "root_mean_squared_error", {"mean": 56.0, "ridge": 31.0, "random-forest": 33.5, "cnn": 34.0}
        ),
    }  # fmt: skip
    spread = {"examples": 800, "smallest": 170.0, "lower_quartile": 280.0, "median": 312.0,
              "upper_quartile": 344.0, "largest": 484.0, "mean": 312.5}  # fmt: skip
    return dataclasses.replace(
        base,
        metrics=metrics,
        history=[_number_line(epoch) for epoch in range(1, 13)],
        confusion=np.zeros((0, 0), np.int64),
        mistakes=[
            Answered(
                (digits.images[TEST][row] * (255 / 16)).astype(np.uint8)[..., None],
                f"digits/test/{row}.png",
                f"{numbers[row, 0]:.4g}",
                f"{numbers[row, 1]:.4g}",
                None,
                None,
            )
            for row in worst
        ],
        numbers=numbers,
        learning_curve=learning_curve(
            labelled(values[VALIDATION]), curve, "ridge" if chosen.name == "ridge" else "random-forest"
        ),
        check=dataclasses.replace(
            base.check,
            numbers={"numbers": {**spread, "distinct": 240, "splits": {"train": spread, "test": None}}},
        ),
        command="pellucid train digits.csv --target number --out run",
    )


def _number_line(epoch: int) -> dict[str, float]:
    return {
        "epoch": epoch,
        "step": 10 * epoch,
        "seconds": 2.5 * epoch,
        "learning_rate": 0.01 / epoch,
        "train_loss": 0.2 + 0.8 / epoch,
        "validation_loss": 0.3 + 0.8 / epoch,
        "validation_root_mean_squared_error": 30 + 30 / epoch,
        "validation_mean_absolute_error": 24 + 24 / epoch,
        "validation_r2": 0.7 - 0.5 / epoch,
        "images_per_second": 3512.0,
    }
