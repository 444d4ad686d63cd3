"""Files of results recomputed entry by entry: what no test has computed anew is found."""

import csv
import fnmatch
import json
import time
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest, fisher_exact, norm, t
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
    roc_auc_score,
)

from labelled import labelled
from pellucid.bundle import AverageModel, load_any
from pellucid.evaluation import (
    Groups,
    cross_fitted,
    fit_temperature,
    judge_label_issues,
    recommend,
    reliability,
    score,
    worth,
)
from pellucid.evaluation.comparisons import compare_all, flip_p_values
from pellucid.evaluation.recommendation import chosen_weights, cross_fitted_average
from pellucid.language.documents import with_templates
from pellucid.novelty import fit_measure

CLOSE = {"rel": 1e-9, "abs": 1e-12}


class Recomputed:
    """Entries of a JSON document, and which of them were compared with a value computed anew."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._found = leaves(with_templates(document))  # each listed sentence is what its template comes to
        self._left = set(self._found)

    def equals(self, path: str, expected: Any, **tolerance: float) -> None:
        """Compare all entries from a path down; by default numbers to rounding."""
        below = {
            each: value for each, value in self._found.items() if each == path or each.startswith(f"{path}/")
        }
        wanted = leaves(expected, path)
        assert below.keys() == wanted.keys(), path
        for each, value in wanted.items():
            if isinstance(value, float | np.floating) and value is not None:
                assert below[each] == pytest.approx(value, **(tolerance or CLOSE)), each
            else:
                assert below[each] == value, each
        self._left -= below.keys()

    def within(self, path: str, low: float, high: float) -> None:
        """Compare one number with bounds: a measured time."""
        assert low <= self._found[path] <= high, (path, low, self._found[path], high)
        self._left.discard(path)

    def left_out(self, *patterns: str) -> None:
        """Entries that nobody computes anew; every pattern names at least one."""
        for pattern in patterns:
            matched = fnmatch.filter(self._left, pattern)
            assert matched, f"no entry is left for {pattern}"
            self._left -= set(matched)

    def finish(self) -> None:
        """Fail where an entry was neither computed anew nor left out by name."""
        assert not self._left, f"entries that no test computes anew: {sorted(self._left)}"


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    """Values of a document by their paths; an empty mapping or list is a value."""
    if isinstance(value, Mapping) and value:
        pairs = [(str(key), each) for key, each in value.items()]
    elif isinstance(value, list | tuple) and value:
        pairs = [(str(place), each) for place, each in enumerate(value)]
    else:
        return {path: value}
    return {
        leaf: found
        for key, each in pairs
        for leaf, found in leaves(each, f"{path}/{key}" if path else key).items()
    }


def at(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities at a temperature: the softmax of their logarithms divided by it."""
    powers = (probabilities / probabilities.max(axis=1, keepdims=True)) ** (1 / temperature)
    return powers / powers.sum(axis=1, keepdims=True)


def calibration_error(labels: np.ndarray, said: np.ndarray) -> float:
    """Expected calibration error by 15 bins of equal width."""
    sureness, right = said.max(axis=1), said.argmax(axis=1) == labels
    bins = np.clip(np.ceil(sureness * 15).astype(int) - 1, 0, 14)
    return sum(
        (bins == each).mean() * abs(right[bins == each].mean() - sureness[bins == each].mean())
        for each in np.unique(bins)
    )


def scores_of_classes(
    labels: np.ndarray, said: np.ndarray, predicted: np.ndarray | None = None, positive: int | None = None
) -> dict[str, float]:
    """Scores of probabilities by scikit-learn, in the order and by the names of `metrics.json`."""
    predicted = said.argmax(axis=1) if predicted is None else predicted
    of_truth = said[np.arange(len(labels)), labels]
    found = {
        "accuracy": accuracy_score(labels, predicted),
        "balanced_accuracy": balanced_accuracy_score(labels, predicted),
        "macro_f1": f1_score(labels, predicted, average="macro"),
        "log_loss": float(-np.log(np.maximum(of_truth, np.finfo(np.float64).eps)).mean()),
        "expected_calibration_error": calibration_error(labels, said),
    }
    if positive is not None:
        is_positive, merit = labels == positive, said[:, positive]
        found["roc_auc"] = roc_auc_score(is_positive, merit)
        found |= {"average_precision": average_precision_score(is_positive, merit)}
    return found


def wilson_interval(hits: int, count: int, missed: float = 0.05) -> dict[str, float]:
    """Share with Wilson's interval, by default of 95 %."""
    z, share = norm.ppf(1 - missed / 2), hits / count
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return {"value": share, "low": 0.0 if hits == 0 else low, "high": 1.0 if hits == count else high}


def holm_by_hand(p_values: list[float]) -> list[float]:
    """Holm's step-down correction."""
    found, highest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda each: p_values[each])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        found[place] = highest
    return found


class Classified:
    """A finished run of a classifier, and what its saved models say of the data, asked here anew.

    Args:
        folder: of the run.
        splits: inputs and class codes of the training, validation and test examples; where folds judged, all
            that is not for the test is both of the first.
        alike: names of models of which none is simpler than another, group by group.
        threshold: probability from which on one of two classes is answered.
        sets: number of the given group of each example, by split.
    """

    def __init__(
        self,
        folder: Path,
        splits: Mapping[str, tuple[Any, np.ndarray]],
        alike: Sequence[Sequence[str]] = (),
        threshold: Mapping[str, float] | None = None,
        sets: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        self.folder, self.splits, self.alike = folder, splits, alike
        self.sets = sets
        self.by_folds = splits["train"] is splits["validation"]
        self.threshold = dict(threshold or {})
        self.metrics = json.loads((folder / "metrics.json").read_text())
        self.checked = Recomputed(self.metrics)
        self.seed, self.classes = self.metrics["seed"], self.metrics["classes"]
        self.models = {name: load_any(folder / "models" / name) for name in self.metrics["models"]}
        self.model = self.models[self.metrics["recommended"]]
        inputs, self.labels = splits["test"]
        self.raw = {name: model.at(1.0).answer(inputs).said for name, model in self.models.items()}
        self.tested = {name: at(raw, self.models[name].temperature) for name, raw in self.raw.items()}
        self.held_out = {name: self._held_out(name) for name in self.models}

    def _held_out(self, name: str) -> np.ndarray:
        """Answers about validation examples, each at a temperature that was chosen without it."""
        model, (inputs, labels) = self.models[name], self.splits["validation"]
        if self.by_folds or self.metrics["models"][name]["trained_again"]:  # who answered is not kept
            return model.held_out.said.astype(np.float64)
        if isinstance(model, AverageModel):
            others = [each for each in self.models if each not in ("average", "majority")]
            said = [self._held_out(each) for each in others]
            weights = chosen_weights(labelled(labels), said)
            expected = {each: int(weight) for each, weight in zip(others, weights, strict=True) if weight}
            assert {each.name: each.weight for each in model.members} == expected
            raw = cross_fitted_average(labelled(labels), said, self.seed)
        else:
            raw = model.at(1.0).answer(inputs).said.astype(np.float64)
        assert model.temperature == pytest.approx(fit_temperature(labelled(labels), raw), rel=1e-6)
        return cross_fitted(labelled(labels), raw, model.temperature, self.seed)

    def decide(self, said: np.ndarray) -> np.ndarray:
        """Classes that a run decides for: the most probable, or those of its threshold."""
        found = said.argmax(axis=1)
        for name, least in self.threshold.items():
            code = self.classes.index(name)
            found = np.where(said[:, code] >= least, code, 1 - code)
        return found

    def groups(self, split: str, kept: np.ndarray | slice = slice(None)) -> Groups | None:
        """The given groups of some examples of a split."""
        return None if self.sets is None else Groups.of_sets(self.sets[split][kept])

    def check_scores(
        self, path: str, labels: np.ndarray, said: np.ndarray, groups: Groups | None = None
    ) -> None:
        """Values by scikit-learn and Wilson's formula; ends of other intervals by the seed of the run."""
        positive = self.positive
        values = scores_of_classes(labels, said, self.decide(said), positive)
        by_seed = score(labelled(labels), said, self.seed, groups, positive, self.decide(said)).to_json()
        for key, value in values.items():
            self.checked.equals(f"{path}/{key}", {**by_seed[key], "value": value})
        if groups is not None:
            return
        hits = int((self.decide(said) == labels).sum())
        self.checked.equals(f"{path}/accuracy", wilson_interval(hits, len(labels)), rel=1e-6)

    @property
    def positive(self) -> int | None:
        """Of two classes the rarer one in training."""
        return int(np.bincount(self.splits["train"][1]).argmin()) if len(self.classes) == 2 else None

    def check_models(self, leaked: np.ndarray) -> None:
        """Every entry of every model; `leaked` are places of test examples with a copy in training."""
        self.unseen = np.setdiff1d(np.arange(len(self.labels)), leaked)
        for name, entry in self.metrics["models"].items():
            self._check_model(name, entry, f"models/{name}", leaked)

    def _check_model(self, name: str, entry: Mapping[str, Any], path: str, leaked: np.ndarray) -> None:
        model, equals = self.models[name], self.checked.equals
        labels = self.splits["validation"][1]
        is_stored = (
            self.by_folds or entry["trained_again"] or (self.again and isinstance(model, AverageModel))
        )
        near = {"rel": 1e-5, "abs": 1e-6} if is_stored else CLOSE  # kept in single precision
        said = self.held_out[name]
        equals(
            f"{path}/validation", scores_of_classes(labels, said, self.decide(said), self.positive), **near
        )
        self.check_scores(f"{path}/test", self.labels, self.tested[name], self.groups("test"))
        self._check_groups(path, self.tested[name])
        if len(leaked):
            kept = self.unseen
            self.check_scores(f"{path}/test_without_leaked", self.labels[kept], self.tested[name][kept])
        else:
            equals(f"{path}/test_without_leaked", None)
        equals(f"{path}/test_without_siblings", None)
        names = [each["name"] for each in entry.get("members", [{"name": name}])]
        is_more = any(each in self.again for each in names)
        learnt = len(self.splits["train"][1]) + is_more * len(labels)
        equals(f"{path}/train_examples", learnt)
        equals(f"{path}/held_out_examples", len(labels))
        equals(f"{path}/saw_fewer", False)
        equals(f"{path}/trained_again", name in self.again)
        equals(f"{path}/parameters", model.parameters)
        files = [each for each in (self.folder / "models" / name).rglob("*") if each.is_file()]
        equals(f"{path}/bytes", sum(each.stat().st_size for each in files))
        self.checked.within(f"{path}/milliseconds_per_example", *self._bounds_of_time(name))
        if isinstance(model, AverageModel):
            members = [{"name": each.name, "weight": each.weight} for each in model.members]
            equals(f"{path}/members", members)
        equals(f"{path}/calibration/temperature", model.temperature)
        for key, answers in (("before", self.raw[name]), ("after", self.tested[name])):
            labels, answers = self.labels[self.unseen], answers[self.unseen]
            groups = self.groups("test", self.unseen)
            found = reliability(labelled(labels), answers, self.seed, groups).error._asdict()
            equals(f"{path}/calibration/{key}", {**found, "value": calibration_error(labels, answers)})
        self._check_configurations(name, entry, path)
        self._check_novelty(name, path)
        self._check_kept(name)

    def _check_groups(self, path: str, said: np.ndarray) -> None:
        """What the test is worth by its groups."""
        groups = self.groups("test")
        if groups is None:
            return
        found = worth(groups, labelled(self.labels), said)
        examples, effect = len(self.labels), found.design_effect
        expected = {
            "groups": len({*self.sets["test"].tolist()}),
            "examples": examples,
            "correlation": found.correlation,
            "design_effect": effect,
            "independent_examples": examples / effect,
            "words": found.sentence(self.noun),
        }
        self.checked.equals(f"{path}/by_groups", expected)

    noun = "text"
    """What an input is."""

    again: Sequence[str] = ()
    """Names of models that learn from the validation examples too, once these have judged."""

    def _sees_more(self, name: str) -> bool:
        """True of a model, or an average's heaviest, that learned from validation examples too."""
        model = self.models[name]
        heaviest = model.heaviest.name if isinstance(model, AverageModel) else name
        return self.by_folds or heaviest in self.again

    def _bounds_of_time(self, name: str) -> tuple[float, float]:
        """Milliseconds of an answer as they may be measured, in a busy process and in a quiet one."""
        inputs, seconds = self.splits["test"][0], []
        for _ in range(3):
            began = time.perf_counter()
            self.models[name].answer(inputs)
            seconds.append(time.perf_counter() - began)
        own = 1000 * min(seconds) / len(inputs)
        return own / 50 - 5e-5, 50 * own + 20  # other programs may come between

    def _check_configurations(self, name: str, entry: Mapping[str, Any], path: str) -> None:
        """The set-up that was taken scored best, and as the saved model does on validation.

        Of regressions alone: forests are compared by fewer trees, others without probabilities.
        """
        tried = entry["configurations"]
        is_asked = tried and not self.by_folds and not entry["trained_again"]
        if is_asked and name.startswith("logistic"):
            inputs, labels = self.splits["validation"]
            own = float((self.models[name].predict_proba(inputs).argmax(axis=1) == labels).mean())
            assert max(each["score"] for each in tried) == pytest.approx(own, abs=1e-9), name

    def _check_novelty(self, name: str, path: str) -> None:
        """The detector is fitted on training examples, calibrated on validation, and asked about the test."""
        model, equals = self.models[name], self.checked.equals
        if model.columns_seen == 0:
            equals(f"{path}/novelty", None)
            return
        train, labels = self.splits["train"]
        asked, of_asked = self.splits["validation"]
        detector, rows = model.detector, model.seen(asked)
        if self._sees_more(name) and not self.by_folds:
            train, labels = [*train, *asked], np.concatenate([labels, of_asked])
        measure = fit_measure(model.seen(train), labels, model.sort_seen, self.seed)
        if not self._sees_more(name):
            signals = measure.measure(rows)
            middle, high = np.quantile(signals, [0.5, 0.95], axis=0)
            np.testing.assert_allclose(detector.middle, middle, rtol=1e-5)
            np.testing.assert_allclose(detector.spread, high - middle, rtol=1e-5)
            foreign = (signals - middle) / (high - middle)
            foreign = foreign[:, 0] + np.maximum(foreign[:, 1:], 0).sum(axis=1)
            np.testing.assert_allclose(detector.reference, np.sort(foreign), rtol=1e-4, atol=1e-5)
        inputs = self.splits["test"][0]
        np.testing.assert_allclose(
            measure.measure(model.seen(inputs)),
            detector.measure.measure(model.seen(inputs)),
            rtol=1e-4,
            atol=1e-6,
        )
        said = self.held_out[name].argmax(axis=1)
        np.testing.assert_array_equal(detector.answers, np.bincount(said, minlength=len(self.classes)))
        novelty = model.answer(inputs).novelty
        alarms = int((novelty > 0.95).sum())
        equals(f"{path}/novelty/threshold", 0.95)
        equals(f"{path}/novelty/stated_rate", 0.05)
        equals(f"{path}/novelty/detector", type(measure).__name__.lower())
        equals(f"{path}/novelty/validation_examples", len(asked))
        equals(f"{path}/novelty/false_alarm_rate", wilson_interval(alarms, len(inputs)), rel=1e-6)
        equals(f"{path}/novelty/synthetic_outliers", len(inputs))
        for kind, foreign_inputs in self.outliers().items():
            both = np.concatenate([model.answer(foreign_inputs).novelty, novelty])
            is_foreign = np.arange(len(both)) < len(inputs)
            equals(f"{path}/novelty/area_under_roc/{kind}", roc_auc_score(is_foreign, both), abs=1e-6)

    def outliers(self) -> dict[str, Any]:
        """Inputs unlike the training data, made of those of the test; by their kind."""
        raise NotImplementedError

    def _check_kept(self, name: str) -> None:
        """What the model keeps beside its weights: what promises are made from, and checked by."""
        model, kept = self.models[name], self.models[name].held_out
        inputs, labels = self.splits["validation"]
        np.testing.assert_array_equal(kept.labels, labels)
        np.testing.assert_array_equal(kept.test.labels, self.labels[self.unseen])
        np.testing.assert_allclose(kept.said, self.held_out[name], atol=1e-6)
        np.testing.assert_allclose(kept.test.said, self.tested[name][self.unseen], atol=1e-6)
        if model.detector is None:
            assert kept.novelty is kept.test.novelty is None
            return
        if not self._sees_more(name):
            np.testing.assert_allclose(kept.novelty, model.answer(inputs).novelty, atol=1e-4)
        asked = self.splits["test"][0]
        np.testing.assert_allclose(kept.test.novelty, model.answer(asked).novelty[self.unseen], atol=1e-4)

    def check_choice(self) -> None:
        """Recommendation, headline, comparisons, contradiction and disagreement."""
        equals, recommended, unseen = self.checked.equals, self.metrics["recommended"], self.unseen
        labels, known = self.labels[unseen], len(self.labels) - len(unseen)
        part = "test_without_leaked" if known else "test"
        equals(
            "headline", {"part": part, "examples": len(unseen), "known": known, "tested": len(self.labels)}
        )
        of_validation = self.splits["validation"][1]
        noun = "held-out example" if self.by_folds else "validation example"
        found = recommend(labelled(of_validation), self.held_out, None, self.seed, self.alike, noun)
        equals("recommended", found.name)
        assert self.metrics["reason"].startswith(found.reason.removesuffix("."))
        self.checked.left_out("reason")
        order = [recommended, *[name for name in [*self.tested][::-1] if name != recommended]]
        decided = {name: self.decide(self.tested[name])[unseen] for name in order}
        right = {name: decided[name] == labels for name in order}
        pairs = [(a, b) for place, a in enumerate(order) for b in order[place + 1 :]]
        only = [(int((right[a] & ~right[b]).sum()), int((right[b] & ~right[a]).sum())) for a, b in pairs]
        p_values = [1.0 if a + b == 0 else float(binomtest(a, a + b).pvalue) for a, b in only]
        groups = self.groups("test", unseen)
        of_all = compare_all(labels, decided, groups, self.seed)
        if groups is not None:  # answers of a group are exchanged together
            p_values = [each.p_value for each in of_all]
        rows = zip(pairs, only, p_values, holm_by_hand(p_values), of_all, strict=True)
        expected = [
            {
                "a": a,
                "b": b,
                "accuracy_difference": {
                    **each.difference._asdict(), "value": (counts[0] - counts[1]) / len(labels)
                },
                "p_value": p_value,
                "p_value_holm": adjusted,
                "verdict": each.verdict,
            }
            for (a, b), counts, p_value, adjusted, each in rows
        ]  # fmt: skip
        equals("comparisons", expected)
        self.check_contradiction()
        self._check_disagreement(recommended)

    def _check_disagreement(self, recommended: str) -> None:
        """A score of validation and test, where a Fisher test of the hits calls it another beyond chance."""
        found, of_validation = self.metrics["disagreement"], self.splits["validation"][1]
        hits = [
            answers.argmax(axis=1) == labels
            for answers, labels in (
                (self.held_out[recommended], of_validation),
                (self.tested[recommended][self.unseen], self.labels[self.unseen]),
            )
        ]
        table = [[int(each.sum()), int((~each).sum())] for each in hits]
        p_value = float(fisher_exact(table).pvalue)
        if found is None:
            assert p_value > 0.01
            self.checked.equals("disagreement", None)
            return
        assert p_value < 0.1
        assert found["metric"] == "accuracy"
        values = {"validation": float(hits[0].mean()), "test": float(hits[1].mean())}
        for key, value in values.items():
            self.checked.equals(f"disagreement/{key}", value)
            self.checked.equals(f"disagreement/{key}_examples", len(hits[key == "test"]))
        self.checked.equals("disagreement/test_is_worse", values["test"] < values["validation"])
        assert found["p_value_holm"] == pytest.approx(2 * p_value, rel=0.5, abs=0.01)
        self.checked.left_out("disagreement/p_value_holm", "disagreement/metric", "disagreement/words")

    def check_label_issues(self) -> None:
        """The judge of held-out examples by what it said of them; counts of both judges added up."""
        equals, found = self.checked.equals, self.metrics["label_issues"]
        recommended = self.metrics["recommended"]
        labels = np.concatenate([self.splits["validation"][1], self.labels])
        said = np.concatenate([self.held_out[recommended], self.tested[recommended]])
        judged = judge_label_issues(labels, said)
        own = {
            "name": recommended,
            "beside": None,
            "by_folds": False,
            "examined": len(labels),
            "accuracy": float((said.argmax(axis=1) == labels).mean()),
            "is_able": judged.is_able,
            "share_wrong": judged.share,
            "count": len(judged.found),
        }
        equals("label_issues/judges/0", own, rel=1e-4)
        others = found["judges"][1:]
        assert all(each["by_folds"] for each in others)
        equals("label_issues/count", own["count"] + sum(each["count"] for each in others))
        equals("label_issues/examined", own["examined"] + sum(each["examined"] for each in others))
        agreed = sum(round(each["accuracy"] * each["examined"]) for each in found["judges"])
        equals("label_issues/agreed", agreed)
        wrong = [each["probability_wrong"] for each in found["examples"]]
        assert wrong == sorted(wrong, reverse=True)
        if len(wrong) == found["count"]:
            equals("label_issues/expected_precision", float(np.mean(wrong)) if wrong else None)
        kept = {(each.position, self.classes[each.suggested]): each for each in judged.found}
        sources = {source: place for place, source in enumerate(self.sources_held_out)}
        for place, each in enumerate(found["examples"]):
            if each["source"] not in sources:  # which others judged
                assert each["split"] == "train"
                self.checked.left_out(f"label_issues/examples/{place}/*")
                continue
            row = sources[each["source"]]
            by_hand = kept.pop((row, each["suggested"]))
            path = f"label_issues/examples/{place}"
            equals(f"{path}/label", self.classes[labels[row]])
            if row >= len(labels) - len(self.labels):
                equals(f"{path}/split", "test")
            elif self.by_folds:
                self.checked.left_out(f"{path}/split")
            else:
                equals(f"{path}/split", "validation")
            for key in ("probability", "probability_of_label", "probability_wrong"):
                equals(f"{path}/{key}", getattr(by_hand, key), rel=1e-4, abs=1e-6)
            self.checked.left_out(f"{path}/source", f"{path}/suggested")
        assert not kept
        if not found["count"]:
            equals("label_issues/examples", [])

    sources_held_out: Sequence[str] = ()
    """Names of the validation and test examples, in this order."""

    def check_curve(self, judged: np.ndarray | None = None) -> None:
        """Points on all training examples by the saved models; every interval by Wilson's formula.

        `judged` are rows of a fold, whose models learned from all others; by default validation judged.
        """
        labels, curve = self.splits["validation"][1], self.metrics["learning_curve"]
        judged = np.arange(len(labels)) if judged is None else judged
        whole = len(labels) - len(judged) if self.by_folds else len(self.splits["train"][1])
        count = len(judged)
        self.checked.equals("learning_curve/metric", "accuracy")
        for name, points in curve["curves"].items():
            last = f"learning_curve/curves/{name}/{len(points) - 1}"
            hits = int((self.held_out[name].argmax(axis=1) == labels)[judged].sum())
            self.checked.equals(last, {"examples": whole, **wilson_interval(hits, count)}, rel=1e-6)
            assert [each["examples"] for each in points] == sorted({each["examples"] for each in points})
            for place, each in enumerate(points[:-1]):
                path = f"learning_curve/curves/{name}/{place}"
                for key, value in wilson_interval(round(each["value"] * count), count).items():
                    self.checked.equals(f"{path}/{key}", value, rel=1e-6)
                share = each["examples"] / whole  # an eighth or a quarter of each class
                assert min(abs(share - 1 / 8), abs(share - 1 / 4)) < 0.03
                self.checked.left_out(f"{path}/examples")
        recommended = self.metrics["recommended"]
        drawn = recommended if recommended in curve["curves"] else next(iter(curve["curves"]))
        self.checked.equals("learning_curve/model", drawn)
        if len(curve["curves"][drawn]) < 3:
            self.checked.equals("learning_curve/would_help", None)
        self.checked.left_out("learning_curve/outlook")

    def check_folds(self, parts: Sequence[np.ndarray]) -> None:
        """Scores of every fold, and Nadeau's and Bengio's corrected intervals and tests."""
        labels, equals, count = self.splits["validation"][1], self.checked.equals, len(parts)
        test = round(float(np.mean([len(part) for part in parts])))
        train = round(float(np.mean([len(labels) - len(part) for part in parts])))
        equals("folds/folds", count)
        equals("folds/metric", "accuracy")
        equals("folds/train", train)
        equals("folds/test", test)
        equals("folds/fewer", {})
        scores = {
            name: np.array([(said.argmax(axis=1) == labels)[part].mean() for part in parts])
            for name, said in self.held_out.items()
        }

        def mean(values: np.ndarray, low: float, high: float) -> tuple[dict[str, float], float]:
            error = float(np.sqrt((1 / count + test / train) * values.var(ddof=1)))
            reach, middle = float(t.ppf(0.975, count - 1)) * error, float(values.mean())
            interval = {"value": middle, "low": max(low, middle - reach), "high": min(high, middle + reach)}
            return interval, error

        for name, values in scores.items():
            equals(f"folds/models/{name}/scores", values.tolist())
            equals(f"folds/models/{name}/mean", mean(values, 0, 1)[0])
        expected, p_values = [], []
        for a, b in combinations(scores, 2):
            difference = scores[a] - scores[b]
            interval, error = mean(difference, -np.inf, np.inf)
            if not difference.any():
                p_values.append(1.0)
            elif error <= 1e-12 * abs(difference.mean()):
                p_values.append(0.5 ** (count - 1))
            else:
                p_values.append(float(2 * t.sf(abs(difference.mean()) / error, count - 1)))
            expected.append((a, b, interval))
        rows = zip(expected, p_values, holm_by_hand(p_values), strict=True)
        for place, ((a, b, interval), p_value, adjusted) in enumerate(rows):
            path = f"folds/comparisons/{place}"
            equals(f"{path}/a", a)
            equals(f"{path}/b", b)
            equals(f"{path}/accuracy_difference", interval, rel=1e-9, abs=1e-9)
            equals(f"{path}/p_value", p_value, rel=1e-6)
            equals(f"{path}/p_value_holm", adjusted, rel=1e-6)
            verdict = self.metrics["folds"]["comparisons"][place]["verdict"]
            assert ("is better than" in verdict) == (adjusted <= 0.05)
            self.checked.left_out(f"{path}/verdict")

    def check_test_file(self, sources: Sequence[str]) -> None:
        """`test.csv`: source, label, answer, novelty and probabilities of the recommended model."""
        with (self.folder / "test.csv").open(encoding="utf-8", newline="") as file:
            rows = [*csv.DictReader(file)]
        place = json.loads((self.folder / "config.json").read_text())["data"]["place"]
        above = f"{Path(place).parent}/"
        assert [row["source"] for row in rows] == [each.removeprefix(above) for each in sources]
        said, novelty = self.model.answer(self.splits["test"][0])
        assert [row["label"] for row in rows] == [self.classes[code] for code in self.labels]
        assert [row["predicted"] for row in rows] == [self.classes[code] for code in self.decide(said)]
        written = np.array([[float(row[name]) for name in self.classes] for row in rows])
        np.testing.assert_allclose(written, said, atol=1e-6)
        if novelty is not None:
            np.testing.assert_allclose([float(row["novelty"]) for row in rows], novelty, atol=1e-4)

    def check_contradiction(self) -> None:
        """The model that is ahead on the test, by McNemar's test and by exchanged losses."""
        recommended, labels = self.metrics["recommended"], self.labels[self.unseen]
        places, found = np.arange(len(labels)), []
        tested = {name: said[self.unseen] for name, said in self.tested.items()}
        for name, said in tested.items():
            if name == recommended:
                continue
            own = tested[recommended]
            first, second = (each.argmax(axis=1) == labels for each in (said, own))
            b, c = int((first & ~second).sum()), int((second & ~first).sum())
            p_value = 1.0 if b + c == 0 else float(binomtest(b, b + c).pvalue)
            found.append((p_value, float(first.mean() - second.mean()) >= 0.01, "accuracy", name))
            losses = [-np.log(np.maximum(each[places, labels], np.finfo(float).eps)) for each in (said, own)]
            p_value = float(flip_p_values((losses[1] - losses[0])[:, None], self.seed)[0])
            means = [float(each.mean()) + 0.01 for each in losses]
            found.append((p_value, means[1] / means[0] - 1 >= 0.05, "log_loss", name))
        adjusted = holm_by_hand([each[0] for each in found])
        clear = {
            (key, name): value
            for (_, is_ahead, key, name), value in zip(found, adjusted, strict=True)
            if is_ahead and value <= 0.05
        }
        said = self.metrics["contradiction"]
        if said is None:
            assert not clear
            self.checked.equals("contradiction", None)
            return
        p_value = clear[said["metric"], said["model"]]
        assert p_value == min(clear.values())
        values = [
            scores_of_classes(labels, tested[name])[said["metric"]] for name in (said["model"], recommended)
        ]
        self.checked.equals("contradiction/value", values[0])
        self.checked.equals("contradiction/recommended_value", values[1])
        self.checked.equals("contradiction/p_value_holm", p_value)
        self.checked.left_out("contradiction/model", "contradiction/metric", "contradiction/words")

    def check_findings(self) -> None:
        """Shares in the finding of wrong labels, by the counts of the judges."""
        labels = self.metrics["label_issues"]
        if not self.metrics["findings"]:
            assert labels["count"] < 5
            self.checked.equals("findings", [])
        for place, each in enumerate(self.metrics["findings"]):
            path = f"findings/{place}"
            if each["name"] == "suspicious-labels":
                self.checked.equals(f"{path}/numbers/share", labels["count"] / labels["examined"])
                self.checked.equals(f"{path}/numbers/agreement", labels["agreed"] / labels["examined"])
                precision = f"{path}/numbers/expected_precision"
                self.checked.equals(precision, labels["expected_precision"])
            for key in ("name", "sentence", "evidence", "remedy", "method"):
                self.checked.left_out(f"{path}/{key}")
