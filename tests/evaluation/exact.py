"""Every figure and sentence of the room on small data without two numbers alike, for `exact.json`.

Other tests prove formulas, on much data or within what chance allows; these keep every one of their numbers.
`python tests/evaluation/exact.py` writes the file anew: who does so says in the commit what changed it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from pellucid.arithmetic.metrics import OF_COUNTS, OF_RANKS
from pellucid.evaluation import (
    calibration,
    changes,
    comparisons,
    generated_images,
    intervals,
    label_comparisons,
    label_issues,
    label_scores,
    promises,
    recommendation,
    scores,
    shifts,
)
from pellucid.evaluation import learning_curve as curves
from pellucid.evaluation.by_target import SCORING, score
from pellucid.evaluation.drift import Gathering
from pellucid.evaluation.intervals import Groups, Interval, Worth
from pellucid.evaluation.recommendation import recommend
from pellucid.settings import METRICS, metrics_of
from pellucid.targets import CLASSIFICATION, MULTILABEL, ORDERED, REGRESSION, Labels

FILE = Path(__file__).with_suffix(".json")
NAMES = ("ant", "bee", "cat")


def draws(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def of_classes(
    count: int = 60, classes: int = 3, seed: int = 1, strength: float = 1.2
) -> tuple[Labels, np.ndarray]:
    """Labels of unequal shares, and probabilities that know something of them."""
    shares = np.arange(classes, 0, -1) / np.arange(1, classes + 1).sum()
    codes = draws(0).choice(classes, count, p=shares)
    logits = draws(seed).normal(size=(count, classes)) + strength * np.eye(classes)[codes]
    powers = np.exp(logits)
    return Labels(codes, NAMES[:classes], CLASSIFICATION), powers / powers.sum(axis=1, keepdims=True)


def of_ordered(count: int = 56, seed: int = 1, strength: float = 0.9) -> tuple[Labels, np.ndarray]:
    """The same of classes that have an order."""
    labels, answers = of_classes(count, 3, seed, strength)
    return Labels(labels.values, labels.names, ORDERED), answers


def of_labels(count: int = 50, seed: int = 1, strength: float = 1.5) -> tuple[Labels, np.ndarray]:
    """States of three labels of unequal shares, some of them unknown, and probabilities."""
    states = (draws(0).random((count, 3)) < (0.2, 0.35, 0.6)).astype(np.int8)
    logits = draws(seed).normal(size=states.shape) + strength * (states - 0.5)
    states[draws(5).random(states.shape) < 0.1] = -1
    return Labels(states, NAMES, MULTILABEL), 1 / (1 + np.exp(-logits))


def of_numbers(count: int = 40, seed: int = 1, noise: float = 1.0) -> tuple[Labels, np.ndarray]:
    """Numbers, and answers off by a skew error."""
    values = draws(0).gamma(2.0, 3.0, count)
    return Labels(values, (), REGRESSION), values + noise * (draws(seed).gamma(2.0, 1.0, count) - 1.7)


def grouped(count: int) -> Groups:
    """Eleven groups of unequal sizes."""
    return Groups.of_sets(np.sort(draws(9).integers(0, 11, count)) ** 2)


OF = {
    "classes": of_classes,
    "two classes": lambda: of_classes(48, 2),
    "labels": of_labels,
    "numbers": of_numbers,
    "ordered": of_ordered,
}


def of_intervals() -> Any:
    """Intervals and their words."""
    groups = grouped(60)
    hits = draws(2).random(60) < 0.7
    found: dict[str, Any] = {
        "sizes": groups.sizes,
        "group": [groups.size, groups.quantile, groups.reach, groups.count],
        "correlations": [groups.correlation(hits * 1.0, rare) for rare in (0, 3, 40)],
        "few": [Groups.of_sets(np.arange(2)).quantile, Groups.of_sets(np.arange(3) // 2).reach],
        "many": Groups.of_sets(np.arange(10_002)).quantile,
        "nearly many": Groups.of_sets(np.arange(10_001)).quantile,
        "one group": Groups.of_sets(np.zeros(4, np.int64)).correlation(np.arange(4.0), 2),
        "alone": Groups.of_sets(np.arange(4)).design_effect(np.arange(4.0), 2),
        "effects": [groups.design_effect(hits * 1.0, 3), groups.effective(hits * 1.0, 3)],
        "apart": groups.correlation((-1.0) ** np.arange(60), 30),
        "wilson": [intervals.wilson(*each) for each in ((0, 7), (7, 7), (3, 11), (2.5, 9.5, 2.2))],
        "share": [intervals.share_interval(hits, None), intervals.share_interval(hits, groups, 2.5)],
        "within": groups.within(np.array([3, 4, 30, 59])).of,
        "wider": Interval(2, 1, 4).with_ends_of(Interval(7, 0.5, 3)),
        "wider above": Interval(2, 1, 4).with_ends_of(Interval(7, 1.5, 6)),
        "percentiles": intervals.percentile_interval(2.5, draws(1).normal(2, 1, 400)),
        "moved": intervals.percentile_interval(2.5, draws(1).normal(2, 1, 400), groups),
        "bounded": intervals.percentile_interval(2.5, draws(1).normal(2, 1, 400), groups, (0.5, 4.0)),
        "rows": [
            intervals.block_rows(10, 1 << 19),
            intervals.block_rows(3, 1 << 30),
            intervals.block_rows(7, 3),
        ],
    }
    for key, (value, error, spoilt) in {
        "studentised": (1.5, 0.25, 0),
        "few errors": (1.5, 0.25, 130),
        "no error": (1.5, 0.0, 0),
        "half": (1.5, 0.25, 100),
        "infinite": (1.5, np.inf, 0),
        "no value": (np.inf, 0.25, 0),
    }.items():
        drawn, errors = draws(3).normal(1.6, 0.3, 200), draws(4).gamma(9, 0.03, 200)
        errors[:spoilt] = 0
        drawn[190:] = np.nan
        found[key] = intervals.studentised_interval(value, error, drawn, errors)
    for noun, make in OF.items():
        labels, answers = make()
        worth = intervals.worth(grouped(len(labels)), labels, answers)
        found[f"worth {noun}"] = [worth, worth.sentence("image")]
    found["alike"] = [Worth(5, 60, 0.62, effect).sentence("text") for effect in (1.99, 2.0, 80.0)]
    weigh = draws(7).normal(size=(30, 2))
    found["resampled"] = intervals.resample(lambda weights: weights @ weigh, 30, 3, 5)
    found["resampled groups"] = intervals.resample(lambda weights: weights @ weigh, 30, 3, 5, grouped(30))
    found["resampled within"] = intervals.resample_within(
        lambda weights: weights @ weigh, np.arange(30) % 4 == 0, 3
    )[[0, 1, 499, 998, 999]]
    found["resampled one side"] = intervals.resample_within(
        lambda weights: weights @ weigh, np.ones(30, bool), 3
    )[-1]
    found["spans"] = [
        intervals.span(Interval(*each), unit)
        for each, unit in (
            ((0.0312, 0.0111, 0.0513), ""),
            ((-12.34, -56.7, 31.2), "kg"),
            ((1234.5, 1200.0, 1300.0), ""),
            ((0, 0, 0), "g"),
            ((2.5, 2.5, 2.5), ""),
            ((1e-14, -1e-14, 2e-14), ""),
            ((0.25, 0.249, 0.252), "cm"),
            ((-0.0004, -0.0009, 0.0001), ""),
        )
    ]
    found["points"] = [
        intervals.points(Interval(0.0312, 0.0111, 0.0513)),
        intervals.points(Interval(-0.2, -0.5, 0.1)),
    ]
    return found


def of_scores() -> Any:
    """Scores of every target, alone and by groups."""
    found: dict[str, Any] = {}
    for noun, make in OF.items():
        labels, answers = make()
        groups = grouped(len(labels))
        other = labels.target.labels(answers[::-1])
        for key, scored in {
            "alone": score(labels, answers, 3),
            "by groups": score(labels, answers, 3, groups),
            "decided": score(labels, answers, 4, None, 0, other),
        }.items():
            found[f"{noun} {key}"] = [scored, scored.confusion, scored.per_label_json(), scored.examples]
    found["area"] = scores.area_under_roc(np.array([3, 1, 4, 1.5]), np.array([2, 3, 0.5]))
    exact = of_numbers()[0]
    found["no error"] = score(exact, exact.values)
    equal = Labels(np.full(9, 4.0), (), REGRESSION)
    found["equal"] = [score(equal, equal.values + shift) for shift in (0.0, 0.5)]
    found["two"] = score(Labels(np.array([1.0, 4.0]), (), REGRESSION), np.array([2.0, 3.5]))
    states, answers = of_labels(30)
    gone = states.values.copy()
    gone[:, 0], gone[:, 1] = -1, 0
    scored = score(Labels(gone, NAMES, MULTILABEL), answers)
    found["labels gone"] = [scored, scored.per_label_json()]
    return found


def of_slices() -> Any:
    """Scores by the values of a column."""
    found: dict[str, Any] = {}
    for noun, make in {
        "classes": lambda: of_classes(150),
        "numbers": lambda: of_numbers(150),
        "labels": lambda: of_labels(150),
    }.items():
        labels, answers = make()
        for key, cuts in {
            "pooled": (0, 20, 69, 130, 139),
            "left out": (0, 70, 131, 145),
            "few": range(0, 150, 10),
        }.items():
            values = [f"v{np.searchsorted(list(cuts), row, 'right')}" for row in range(150)]
            for groups in (None, grouped(150)):
                sliced = scores.score_slices("colour", values, labels, answers, groups)
                found[f"{noun} {key} {'grouped' if groups else 'alone'}"] = sliced
    return found


def of_calibration() -> Any:
    """Reliability, temperatures, and what is cross-fitted."""
    found: dict[str, Any] = {}
    for noun in ("classes", "two classes", "labels"):
        labels, answers = OF[noun]()
        for key, groups in {"alone": None, "grouped": grouped(len(labels))}.items():
            reliable = calibration.reliability(labels, answers, 3, groups)
            found[f"{noun} {key}"] = [reliable.bins, reliable.error]
        found[f"{noun} temperature"] = calibration.fit_temperature(labels, answers)
        found[f"{noun} cross-fitted"] = calibration.cross_fitted(labels, answers, 2.0, 3)[::7]
        wrong = labels.at(np.arange(len(labels))[::-1])
        found[f"{noun} cold"] = [
            calibration.fit_temperature(wrong, answers),
            calibration.fit_temperature(labels, answers**4 / 2),
        ]
    labels, answers = of_classes()
    zeros = np.where(answers < 0.1, 0.0, answers)
    found["zeros"] = calibration.fit_temperature(labels, zeros / zeros.sum(axis=1, keepdims=True))
    right = answers.argmax(axis=1) == labels.values
    for key, rows in {"all right": right, "all wrong": ~right, "one class": labels.values == 0}.items():
        found[key] = calibration.fit_temperature(labels.at(rows), answers[rows])
    agreeing = Labels(np.array([0, 1]), NAMES, CLASSIFICATION)
    found["sure"] = calibration.reliability(agreeing, np.eye(3)[:2], 1, Groups.of_sets(np.arange(2))).error
    found["many"] = calibration.cross_fitted(*of_classes(500), 2.0)[3]
    found["few"] = calibration.cross_fitted(*of_classes(499), 2.0)[3]
    return found


def of_averaging() -> Any:
    """Weights of models, and their cross-fitted mean."""
    found: dict[str, Any] = {}
    for noun, make in OF.items():
        if noun == "two classes":
            continue
        labels = make()[0]
        models = [make(seed=seed)[1] for seed in (1, 2, 3)] + [make(seed=4)[1] ** 0.5]
        found[noun] = recommendation.chosen_weights(labels, models)
        found[f"{noun} cross-fitted"] = recommendation.cross_fitted_average(labels, models, 5)[::9]
    return found


def of_comparisons() -> Any:
    """Tests and intervals of differences, and verdicts."""
    codes, groups = of_classes()[0].values, grouped(60)
    models = {
        name: of_classes(seed=seed, strength=strength)[1].argmax(axis=1)
        for name, seed, strength in (("one", 1, 1.2), ("two", 2, 0.6), ("three", 3, 3.0))
    }
    numbers = of_numbers()[0].values
    guesses = {
        "one": of_numbers()[1],
        "two": of_numbers(seed=2)[1],
        "three": of_numbers(seed=3, noise=3.0)[1],
    }
    squares = np.stack([(each - numbers) ** 2 for each in guesses.values()], axis=1)
    two, stated = of_classes(48, 2)
    columns = stated[:, 1], of_classes(48, 2, seed=2)[1][:, 1]
    differences = draws(3).normal(0.1, 0.5, (40, 2))
    long = draws(3).normal(0.02, 1, (10_007, 1))
    sides = np.array([[0, 1], [1, 2]])
    found: dict[str, Any] = {
        "flips": comparisons.flip_p_values(differences, 3),
        "every sign": comparisons.flip_p_values(differences[:12], 3),
        "nearly every": comparisons.flip_p_values(differences[:13], 3),
        "flipped groups": comparisons.flip_p_values(differences, 3, grouped(40)),
        "flipped parts": comparisons.flip_p_values(long, 3),
        "errors": comparisons.rmse_differences(squares, sides, 3),
        "errors of groups": comparisons.rmse_differences(squares, sides, 3, grouped(40)),
        "mean": comparisons.mean_difference(differences[:, 0], 3),
        "mean of groups": comparisons.mean_difference(differences[:, 0], 3, grouped(40)),
        "exchanged": {
            key: [
                comparisons.exchange_p_value(metric, codes, (models[a], models[b]), 3, 3)
                for a, b in (("one", "two"), ("three", "two"), ("one", "one"))
            ]
            for key, metric in OF_COUNTS.items()
        },
        "rankings": {
            key: comparisons.resampled_p_value(metric, two.values == 1, columns, 3)
            for key, metric in OF_RANKS.items()
        },
        "alike": comparisons.resampled_p_value(OF_RANKS["roc_auc"], two.values == 1, (columns[0],) * 2, 3),
        "shuffled": comparisons.shuffle_p_value(lambda each: float((each == models["two"]).mean()), codes, 3),
        "by chance": comparisons.best_by_chance(
            lambda rows: (
                np.stack([(rows == models[name]).mean(axis=1) for name in ("one", "two")], axis=1)
                if rows.shape[0] == 1
                else np.stack([(rows == 0).mean(axis=1) - 0.2, (rows == models["two"]).mean(axis=1)], axis=1)
            ),
            codes,
            3,
        ),
        "splits": comparisons.splits_p_value(
            differences[:, 0], np.arange(40) % 3 == 0, np.arange(40) // 2, 3
        ),
        "tango": [
            comparisons.paired_interval(*each)
            for each in (
                (3, 8, 40),
                (0, 0, 5),
                (5, 0, 5),
                (0, 5, 5),
                (1.5, 0.25, 9.5),
                (0, 1, 30),
                (0, 40, 41),
            )
        ],
        "mcnemar": [comparisons.mcnemar(*each) for each in ((0, 0), (3, 8), (8, 3), (0, 7), (4, 4))],
        "folds": [
            comparisons.corrected_interval(np.array([0.7, 0.82, 0.75, 0.9]), 30, 11),
            comparisons.corrected_interval(np.array([0.97, 0.82, 0.75, 0.9]), 30, 11, (0.5, 0.95)),
            comparisons.corrected_p_value(np.array([0.1, 0.32, 0.15, -0.05]), 30, 11),
            comparisons.corrected_p_value(np.array([0.1, 0.1, 0.1]), 30, 11),
            comparisons.corrected_p_value(np.zeros(3), 30, 11),
            comparisons.corrected_p_value(np.array([0.3, 0.1]), 1, 1),
        ],
        "classes": comparisons.compare_all(codes, models, None, 3),
        "ordered": [
            each for of in (None, groups) for each in label_comparisons.compare_ordered(codes, models, of, 3)
        ],
        "classes of groups": comparisons.compare_all(codes, models, groups, 3),
        "numbers": comparisons.compare_numbers(numbers, guesses, None, 3),
        "numbers of groups": comparisons.compare_numbers(numbers, guesses, grouped(40), 3),
        "alone": [
            comparisons.compare_all(codes, {"one": codes}),
            comparisons.compare_numbers(numbers, {"one": numbers}),
        ],
        "verdicts": [
            comparisons.compared_shares(
                ("a", "b"), Interval(*ends), p_values, "7 of 9 examples", 3, key
            ).verdict
            for ends, p_values, key in (
                ((0.03, 0.01, 0.05), (0.01, 0.05), "accuracy"),
                ((-0.03, -0.05, -0.01), (0.01, 0.04), "micro_f1"),
                ((0.03, -0.02, 0.08), (0.2, 0.6), "accuracy"),
                ((-0.03, -0.08, 0.02), (0.2, 0.6), "accuracy"),
                ((0.02, -0.01, 0.05), (0.06, 0.18), "accuracy"),
                ((0.02, 0.001, 0.04), (0.04, 0.12), "micro_f1"),
            )
        ],
        "slightly": [
            each.verdict
            for each in comparisons.compare_numbers(
                numbers,
                {
                    "one": numbers + 0.01 * draws(1).normal(size=40),
                    "two": numbers + 0.011 * draws(2).normal(size=40),
                    "off": numbers + 0.5,
                },
                None,
                3,
            )
        ],
    }
    return found


def of_promises() -> Any:
    """Thresholds of trust, and sets."""

    def trusted(count: int, seed: int, share: float) -> tuple[np.ndarray, np.ndarray]:
        trust = np.round(draws(seed).beta(4, 2, count), 3)
        return trust, draws(seed + 50).random(count) < share * (1 - trust)

    held_out, test = trusted(300, 1, 0.4), trusted(150, 2, 0.4)
    found: dict[str, Any] = {
        "least": [
            promises.least_examples(0.05),
            promises.least_examples(0.1, 0.01),
            promises.least_error(59),
        ],
        "sets": [promises.least_for_sets(0.9), promises.least_for_sets(0.95)],
        "nothing": promises.least_promise(trusted(3, 1, 0.4)),
        "trust 0": promises.promise(np.r_[np.zeros(40), np.ones(80)], np.zeros(120, bool), 0.05),
    }
    for error in (0.05, 0.1, 0.2):
        for key, (first, second) in {
            "alone": (held_out, None),
            "alike": (held_out, test),
            "worse": (held_out, trusted(150, 3, 2.5)),
            "refuted": (held_out, trusted(30, 4, 3.0)),
            "better": (trusted(300, 5, 1.5), trusted(400, 6, 0.02)),
            "small": (trusted(40, 7, 0.2), trusted(25, 8, 0.2)),
            "barely": (held_out, trusted(45, 9, 1.1)),
        }.items():
            promised = promises.checked_promise(first, second, error)
            found[f"{key} {error}"] = [promised, promised.bounding, promised.expected]
    least = promises.least_promise(held_out, test)
    found["smallest"] = least
    found["curve"] = promises.error_curve(*held_out)
    found["short curve"] = promises.error_curve(*trusted(7, 3, 1.0))
    found["no curve"] = promises.error_curve(np.zeros(0), np.zeros(0, bool))
    found["kept"] = [promises.kept_on(0.6, *test), promises.kept_on(2.0, *test)]
    for noun in ("classes", "numbers"):
        labels, answers = OF[noun]()
        covered = promises.coverage_of(labels, answers, 0.8)
        found[f"covered {noun}"] = [covered, covered.cutoff, covered.is_void, covered.reach]
        for key, rows in {
            "test": np.arange(30),
            "worse": np.flatnonzero(labels.target.misfits(labels.values, answers) > covered.limit),
        }.items():
            some = labels.at(rows)
            for name, wide in {"as it is": answers[rows], "spoilt": answers[rows][::-1]}.items():
                on = promises.checked_on(covered, some, wide, labels.target.nearest(wide))
                found[f"covered {noun} {key} {name}"] = [on, on.is_void]
    probabilities = of_classes()[1]
    nearest = CLASSIFICATION.nearest(probabilities)
    found["class sets"] = promises.class_sets(probabilities[:9], nearest[::-1][:9], 0.3)
    found["void"] = [promises.Coverage(0.9, -0.3, 50, count, None, True).is_void for count in (8, 9, 10)]
    return found


def of_several() -> Any:
    """Comparisons, scores and thresholds of several labels."""
    labels, answers = of_labels()
    states, groups = labels.values, grouped(50)
    others = of_labels(seed=2, strength=0.5)[1], of_labels(seed=3, strength=3.0)[1]
    models = {
        name: (rows >= 0.5).astype(np.int8) for name, rows in zip(NAMES, (answers, *others), strict=True)
    }
    return {
        "compared": label_comparisons.compare_labels(states, models, None, 3),
        "compared groups": label_comparisons.compare_labels(states, models, groups, 3),
        "alone": label_comparisons.compare_labels(states, {"one": models["ant"]}),
        "exchanged": [
            label_comparisons.label_exchange_p_value(key, states, (models["ant"], models[other]), 3, of)
            for key in ("micro_f1", "macro_f1")
            for other in ("bee", "cat", "ant")
            for of in (None, groups)
        ],
        "precision": [
            label_comparisons.precision_p_value(states, (answers, other), 3) for other in (*others, answers)
        ],
        "wrong and all": label_scores.wrong_and_all(labels, models["bee"]),
        "micro-F1": label_scores.micro_f1_interval(labels, models["bee"], 3),
        "precisions": label_scores.label_precisions(states, answers)(draws(3).integers(0, 3, (2, 50)) * 1.0),
        "many precisions": label_scores.label_precisions(
            *(each[:, 2:] for each in (of_labels(500)[0].values, of_labels(500)[1]))
        )(draws(3).integers(0, 3, (2, 500)) * 1.0),
        "thresholds": label_scores.fit_thresholds(states, answers),
        "thresholds of few": label_scores.fit_thresholds(states[:4], answers[:4]),
        "thresholds of none": label_scores.fit_thresholds(states[:0], answers[:0]),
        "best": [
            label_scores._best_of(np.array(given), np.array(stated))
            for given, stated in (
                ([1.0, 0, 1, 0], [0.9, 0.7, 0.4, 0.1]),
                ([0.0, 1], [1.0, 1.0]),
                ([0.3, 0.9], [0.3, 0.9]),
                ([0.0], [0.5]),
            )
        ],
        "decisions": label_scores.cross_fitted_decisions(labels, answers, 3).sum(axis=0),
    }


def of_changes() -> Any:
    """What changed, in words and numbers."""
    found: dict[str, Any] = {}
    for noun, make in OF.items():
        labels, answers = make()
        first, second = (
            labels.target.labels(answers),
            labels.target.labels(make(seed=2)[1] if noun != "two classes" else answers[::-1]),
        )
        best = labels.values * 1 if noun != "labels" else np.maximum(labels.values, 0)
        for key, (before, after, groups) in {
            "as it is": (first, second, None),
            "grouped": (second, first, grouped(len(labels))),
            "better": (second, best, None),
            "worse": (best, second, None),
        }.items():
            changed = changes.changes(labels, {"old": before, "new": after}, 3, groups)
            found[f"{noun} {key}"] = [
                changed,
                changed.sentence("image"),
                changed.newly_right,
                changed.newly_wrong,
                changed.shown(0.1234),
            ]
    one = changes.changes(
        of_classes()[0], {"old": of_classes()[1].argmax(axis=1), "new": of_classes()[0].values}, 3
    )
    two = changes.changes(of_numbers()[0], {"old": of_numbers()[1], "new": of_numbers(seed=2)[1]}, 3)
    found["together"] = [each.comparison for each in changes.together(one, two)]
    return found


def of_drift() -> Any:
    """Drift of answers and of what they are about."""
    found: dict[str, Any] = {}
    for key, (classes, known) in {
        "classes": (NAMES, np.array([30.0, 14, 3])),
        "numbers": ((), np.sort(of_numbers()[0].values)),
    }.items():
        detector = SimpleNamespace(
            reference=np.sort(draws(1).normal(size=33)),
            threshold=0.9,
            rate=0.05,
            answers=known,
            examples=47,
            superiority=lambda below: 1 - 0.8 * below,
        )
        for name, shift in {"alike": 0.0, "other": 0.4}.items():
            gathering = Gathering(detector, classes)  # type: ignore[arg-type]
            novelty = np.clip(draws(2).random(36) + shift, 0, 1)
            answers = (
                of_classes(36)[1][:, ::-1]
                if classes and shift
                else of_classes(36)[1]
                if classes
                else of_numbers(36)[1] + 9 * shift
            )
            gathering.add(novelty[:17], answers[:17])
            few = gathering.drift("image")
            again = Gathering(detector, classes)  # type: ignore[arg-type]
            again.take_up(gathering.sums())
            again.add(novelty[17:], answers[17:])
            drift = again.drift("image")
            assert few is None
            assert drift is not None
            found[f"{key} {name}"] = [drift, again.sums(), drift.is_real]
    found["sizes"] = [shifts._size(effect, (0.2, 0.5, 0.8)) for effect in (0, 0.19, -0.2, 0.5, -0.81)]
    found["shifts"] = [
        shifts.of_classes(NAMES, np.array(here), np.array(then))
        for here, then in (
            ([3.0, 9, 8], [40.0, 30, 20]),
            ([20.0, 0, 1], [50.0, 0, 0]),
            ([20.0, 1, 7], [0.0, 0, 0]),
        )
    ]
    return found


def of_curves() -> Any:
    """Learning curves and what they promise."""
    found: dict[str, Any] = {}
    for noun, make in OF.items():
        if noun == "two classes":
            continue
        labels = make()[0]
        for key, strengths in {
            "steep": (0.2, 1.0, 2.0, 3.5),
            "flat": (1.5, 1.5, 1.5, 1.5),
            "falling": (3.0, 2.0, 1.4, 1.0),
            "short": (1.0, 2.0),
        }.items():
            stated = [
                make(seed=seed, **({"noise": 3 / strength} if noun == "numbers" else {"strength": strength}))[
                    1
                ]
                for seed, strength in enumerate(strengths)
            ]
            sizes = [20 * 3**step for step in range(len(strengths))]
            decided = [(size, labels.target.labels(rows)) for size, rows in zip(sizes, stated, strict=True)]
            found[f"{noun} {key}"] = curves.learning_curve(
                labels, {"svm": decided, "cnn": decided[:1]}, "svm", 3
            )
    labels = of_numbers()[0]
    same = [(size, labels.values + size / 100) for size in (40, 20, 10)][::-1]
    found["nobody"] = curves.learning_curve(labels.at([]), {"svm": same}, "svm")
    accuracy, error = METRICS["accuracy"], METRICS["root_mean_squared_error"]
    found["words"] = [
        curves._words(
            curves._Forecast(now, Interval(now + gain[0], now, 1.0), Interval(*gain)), "svm", 30, metric
        )
        for metric, now, gain in (
            (accuracy, 0.8, (0.005, 0.001, 0.009)),
            (accuracy, 0.8, (0.004, 0.001, 0.02)),
            (accuracy, 0.8, (0.004, 0.0, 0.0099)),
            (accuracy, 0.8, (0.03, 0.0, 0.06)),
            (accuracy, 0.8, (0.0, -0.02, 0.01)),
            (error, 3.0, (0.06, 0.01, 0.2)),
            (error, 3.0, (0.05, 0.01, 0.2)),
            (error, 3.0, (0.05, -0.01, 0.149)),
            (error, 3.0, (0.05, -0.01, 0.151)),
        )
    ]
    return found


def of_recommendation(noun: str, part: slice) -> Any:
    """Which model is taken by which metric, and why; in some of seven cases."""
    found: dict[str, Any] = {}
    labels = OF[noun]()[0]

    def model(seed: int, strength: float) -> np.ndarray:
        if noun == "numbers":
            return of_numbers(seed=seed, noise=3 / strength)[1]
        if noun == "labels":
            return of_labels(seed=seed, strength=strength)[1]
        if noun == "ordered":
            return of_ordered(seed=seed, strength=strength)[1]
        return of_classes(len(labels), len(labels.names), seed, strength)[1]

    dummy, blind, some = "mean" if noun == "numbers" else "majority", model(1, 1.0), model(4, 3.0)
    blind[:] = blind.mean(axis=0)
    some[::4] = np.nan
    every = {
        "good": {dummy: blind, "svm": model(1, 1.0), "cnn": model(3, 4.0)},
        "some": {dummy: blind, "svm": model(2, 2.0), "cnn": some},
        "alike": {dummy: blind, "svm": model(3, 4.0), "cnn": model(3, 4.1)},
        "vain": {dummy: blind, "svm": model(5, 0.1), "cnn": model(6, 0.15)},
        "average": {dummy: blind, "svm": model(1, 1.5), "average": model(1, 2.0)},
        "vain average": {"svm": model(1, 1.5), "average": model(1, 1.51)},
        "no dummy": {"svm": model(1, 4.0), "cnn": model(3, 1.0)},
    }
    metrics = metrics_of(labels.target.noun, len(labels.names))
    settings = [None, *(each.setting for each in metrics if each.test is not None)]
    for place, (key, outputs) in list(enumerate(every.items()))[part]:
        for setting in settings[:: 1 if place < 1 else 3]:
            groups = (("svm", "average"),) if place % 2 else ()
            found[f"{key} {setting}"] = recommend(labels, outputs, setting, 3, groups, "text")
    if noun == "numbers" and not part.start:
        found["one"] = recommend(labels, {"svm": some})
        for names in (("svm", "cnn", "bag"), ("svm", "forest")):
            found[str(names)] = recommend(labels.at([]), dict.fromkeys(names, np.zeros(0)))
    return found


def of_issues() -> Any:
    """Labels that are likely wrong, and cells."""
    labels, _ = of_classes(240)
    _, answers = of_classes(240, strength=5.0)
    wrong = labels.values.copy()
    wrong[::13] = (wrong[::13] + 1) % 3
    states, stated = of_labels(200, strength=7.0)
    cells = states.values.copy()
    cells[::11, 1], cells[::17, 2] = 1, 0
    found: dict[str, Any] = {}
    for key, (given, said) in {
        "noisy": (wrong, answers),
        "clean": (labels.values, answers),
        "few": (wrong[:99], answers[:99]),
        "weak": (wrong, of_classes(240)[1]),
    }.items():
        judged = label_issues.judge_label_issues(given, said)
        found[key] = [judged, judged.accuracy]
    for key, (given, said) in {
        "cells": (cells, stated),
        "clean cells": (states.values, stated),
        "few cells": (cells[:90], stated[:90]),
    }.items():
        judge = label_issues.judge_cells(given, said)
        found[key] = [judge, judge.accuracy, judge.is_able]
        of_target = SCORING[MULTILABEL].judge(Labels(given, NAMES, MULTILABEL), said)
        found[f"{key} by target"] = of_target
    found["numbers"] = SCORING[REGRESSION].judge(*of_numbers())
    return found


def of_images() -> Any:
    """Measures of generated images."""
    first, second = draws(1).normal(size=(50, 4)), draws(2).normal(0.4, 1.5, (31, 4))
    images = draws(3).integers(0, 256, (40, 3, 4, 1)).astype(np.uint8)
    wide = draws(3).integers(0, 256, (9, 4, 5, 1)).astype(np.uint8)
    codes = np.arange(40) % 3
    codes[codes == 2] = [2] + [0] * 12
    plain = generated_images.GaussianOnComponents(images, codes, 3)
    some, spanned = generated_images.Components(images, 5), plain._components.vectors
    return {
        "frechet": [
            generated_images.frechet(first, second),
            generated_images.frechet(first, first),
            generated_images.frechet(first[:, :1], second[:, :1]),
        ],
        "kernel": [
            generated_images.kernel_distance(first, second),
            generated_images.kernel_distance(second, first),
        ],
        "spread": [
            generated_images.spread(first, second),
            generated_images.spread(second, first, 3),
            generated_images.spread(first[:4], second),
        ],
        "memorised": generated_images.memorisation(first[:20], first[20:45], second[:9], first[:13] + 0.3, 3),
        "one pool": generated_images.memorisation(first[:20], first[20:35], second[:9], second[9:], 3),
        "nearest": generated_images.nearest(second[:5], first),
        "components": np.abs(some.of(images[:2])),
        "mean": some.mean[:4],
        "few components": [
            len(generated_images.Components(wide).vectors),
            len(generated_images.Components(images).vectors),
        ],
        "wide": np.abs(generated_images.Components(wide, 3).of(wide[:2])),
        "means": [(row @ spanned + plain._components.mean)[:3] for row in plain._means],
        "spreads": [np.diag(spanned.T @ root @ root.T @ spanned)[:3] for root in plain._roots],
    }


ROOM: dict[str, Callable[[], Any]] = {
    "intervals": of_intervals,
    "scores": of_scores,
    "slices": of_slices,
    "calibration": of_calibration,
    "averaging": of_averaging,
    "comparisons": of_comparisons,
    "promises": of_promises,
    "several labels": of_several,
    "changes": of_changes,
    "drift": of_drift,
    "curves": of_curves,
    **{f"recommendation of {noun}": partial(of_recommendation, noun, slice(0, 1)) for noun in OF},
    **{f"choice of {noun}": partial(of_recommendation, noun, slice(1, 7)) for noun in OF},
    "label issues": of_issues,
    "generated images": of_images,
}


def plain(value: Any) -> Any:
    """A result as JSON holds it, numbers to eight digits."""
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    for form in ("to_json", "_asdict"):
        if hasattr(value, form):
            return plain(getattr(value, form)())
    if is_dataclass(value):
        return plain(vars(value))
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, float):
        return float(f"{value:.8g}") if np.isfinite(value) else repr(value)
    return value


def written(content: Mapping[str, Mapping[str, Any]]) -> str:
    """JSON with a line for each result."""
    parts = []
    for name, results in content.items():
        lines = (
            f"{json.dumps(key, ensure_ascii=False)}: {json.dumps(each, ensure_ascii=False)}"
            for key, each in results.items()
        )
        parts.append(f"{json.dumps(name)}: {{\n" + ",\n".join(lines) + "\n}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    FILE.write_text(written({name: plain(make()) for name, make in ROOM.items()}), encoding="utf-8")
