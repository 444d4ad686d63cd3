"""Test of a run: every model is scored once; its held-out answers are kept for `predict`."""

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64

from pellucid import bundle
from pellucid.arithmetic.draws import Purpose, generator
from pellucid.arithmetic.metrics import rarer_class
from pellucid.arithmetic.probabilities import LEVEL
from pellucid.arithmetic.rounding import figure, figures
from pellucid.bundle import AverageModel, ClassicalModel, Model
from pellucid.bundle.held_out import most_kept
from pellucid.data import Dataset
from pellucid.data.giveaways import Giveaways
from pellucid.data.raw_texts import Texts
from pellucid.data.tables.csv_tables import columns_beside, written
from pellucid.data.wording import count_of, quoted
from pellucid.evaluation import (
    SCORING,
    Groups,
    Scores,
    reliability,
    score,
    worth,
)
from pellucid.evaluation.intervals import points
from pellucid.language.sentence import Sentence
from pellucid.pipeline.judging.by_target import JUDGING
from pellucid.pipeline.learners.candidates import Candidate, answers, answers_and_novelty, held_out_score
from pellucid.pipeline.learners.classical import ClassicalLearner
from pellucid.pipeline.learners.in_run import everything_of
from pellucid.pipeline.learners.preparation import Prepared
from pellucid.pipeline.run.context import RunContext
from pellucid.reports.facts import FEWEST, HELD_OUT
from pellucid.settings import METRICS
from pellucid.targets import TARGETS, Labels
from pellucid.targets.several import EVEN


@dataclass(frozen=True)
class Tested:
    """One model's predictions on the test split."""

    raw: np.ndarray  # probabilities at temperature 1 (n, classes), or numbers (n,)
    answers: np.ndarray  # the same at the model's temperature
    novelty: np.ndarray | None  # of each example, 0 to 1; None where the model cannot tell
    milliseconds: float  # to answer one example
    # probability from which on one of two classes, or a label, is answered; else the most probable class is
    threshold: Mapping[str, float] = field(default_factory=dict)

    def decided(self, dataset: Dataset) -> np.ndarray:
        """Class of each example, states of its labels, or the number: what `predict` answers."""
        return dataset.target.labels(self.answers, dataset.classes, self.threshold)

    def about(self, kept: Bool[np.ndarray, " test"]) -> "Tested":
        """Predictions on some of the test examples."""
        novelty = None if self.novelty is None else self.novelty[kept]
        return dataclasses.replace(self, raw=self.raw[kept], answers=self.answers[kept], novelty=novelty)


def unseen_of(dataset: Dataset, tested: Mapping[str, Tested]) -> tuple[Dataset, dict[str, Tested]]:
    """The data and the predictions of each model with a test of the unseen examples alone."""
    kept = is_unseen(dataset)
    return unseen_test(dataset), {name: each.about(kept) for name, each in tested.items()}


def test_once(
    candidates: Sequence[Candidate],
    dataset: Dataset,
    progress: Callable[[int, int], object],
) -> dict[str, Tested]:
    """Ask every model, at its temperature, about the test split, which is used here and nowhere before.

    `progress` gets the answers given and those wanted.
    """
    found: dict[str, Tested] = {}
    for candidate in candidates:
        progress(len(found) * len(dataset.test), len(candidates) * len(dataset.test))
        stored, count, in_body = candidate.stored, len(dataset.test), 0.0
        if stored is not None and count:
            # The first model on a body has its examples pass; the others must be charged for that as well.
            stored.features.of(dataset.test)
            in_body = stored.share * stored.features.seconds_an_example
        began = time.perf_counter()
        raw, novelty = answers_and_novelty(candidate, dataset, dataset.test)
        seconds = in_body + (time.perf_counter() - began) / max(1, count)
        calibrated = dataset.target.calibrated(raw, candidate.model.temperature)
        found[candidate.name] = Tested(raw, calibrated, novelty, 1000 * seconds, candidate.model.threshold)
    return found


def text_facts(prepared: Prepared, dataset: Dataset) -> dict[str, Any] | None:
    """How the network read texts, and how much of the test texts it knew: `text` in `metrics.json`.

    `None` where the inputs are others.
    """
    encoder = prepared.encoder
    if encoder is None or not isinstance(dataset.inputs, Texts):
        return None
    return {
        "encoder": encoder.to_json().get("tokens", encoder.kind),
        "vocabulary": encoder.vocabulary,
        "length": encoder.length,
        "test_coverage": encoder.count(dataset.inputs[dataset.test])._asdict(),
        "reasons": list(prepared.reasons),
    }


def entry(candidate: Candidate, tested: Tested, dataset: Dataset, seed: int) -> dict[str, Any]:
    """A model's entry in `metrics.json`, its size on disk still missing; `seed` is that of the bootstrap."""
    labels, groups, model = dataset.labels_at(dataset.test), groups_of_test(dataset), candidate.model
    positive = None
    if len(dataset.classes) == 2:
        positive = rarer_class(dataset.labels_at(dataset.train).codes())

    def measured(labels: Labels, answers: np.ndarray, groups: Groups | None = None) -> Scores:
        predicted = labels.target.labels(answers, model.classes, model.threshold)
        return scored(labels, answers, seed, groups, positive, predicted)

    def without(left_out: np.ndarray) -> dict[str, dict[str, float]] | None:
        """Scores without some test examples; `None` where there are none of these."""
        kept = ~np.isin(dataset.test, left_out)
        of_kept = None if groups is None or not kept.any() else groups.within(kept)
        return None if kept.all() else measured(labels.at(kept), tested.answers[kept], of_kept).to_json()

    has_siblings = len(dataset.with_sibling) > len(dataset.leaked)
    kept = is_unseen(dataset)
    held_out = dataset.labels_at(candidate.held_out.positions), candidate.held_out.answers
    members = model.members if isinstance(model, AverageModel) else ()
    calibration = None
    if dataset.classes and kept.any():
        of_kept = None if groups is None else groups.within(kept)
        before, after = (
            reliability(labels.at(kept), each[kept], seed, of_kept) for each in (tested.raw, tested.answers)
        )
        calibration = {
            "temperature": model.temperature,
            "before": before.error._asdict(),
            "after": after.error._asdict(),
        }
    of_test = measured(labels, tested.answers, groups)
    of_unseen = of_test if kept.all() else measured(labels.at(kept), tested.answers[kept])
    return {
        # Plain values, without intervals: validation decides, it does not conclude.
        "validation": JUDGING[labels.target].validation(*held_out, measured, seed),
        "test": of_test.to_json(),
        **(
            {}
            if kept.sum() >= min(FEWEST, len(kept))
            else {HELD_OUT: _held_out(candidate, dataset, measured)}
        ),
        **({} if groups is None else _by_groups(candidate, tested, dataset, groups, seed)),
        "test_without_leaked": without(dataset.leaked),
        "test_without_siblings": without(dataset.with_sibling) if has_siblings else None,
        "train_examples": candidate.train_examples,
        "held_out_examples": len(candidate.held_out.positions),
        "saw_fewer": candidate.train_examples < len(dataset.train),
        "trained_again": candidate.judged is not None,
        "train_seconds": round(candidate.train_seconds, 3),
        "parameters": model.parameters,
        "bytes": 0,
        "milliseconds_per_example": round(tested.milliseconds, 4),
        "features": candidate.features,
        **({"members": [{"name": each.name, "weight": each.weight} for each in members]} if members else {}),
        "configurations": [each.to_json() for each in candidate.configurations],
        "calibration": calibration,
        **({"labels": _by_label(of_unseen, model)} if of_unseen.per_label else {}),
    }


def _held_out(
    candidate: Candidate, dataset: Dataset, measured: Callable[..., Scores]
) -> dict[str, Any] | None:
    """Scores on what was held out and is unseen, with intervals; `None` where there is nothing.

    Where labels are several, they are decided by the model's thresholds, which were chosen on these examples.
    """
    kept = is_held_out_unseen(dataset, candidate.held_out.positions)
    positions, answers = candidate.held_out.positions[kept], candidate.held_out.answers[kept]
    if not len(positions):
        return None
    labels, sets = dataset.labels_at(positions), dataset.sets_among(positions)
    most_frequent = JUDGING[labels.target].most_frequent(labels)
    scores = measured(labels, answers, None if sets is None else Groups.of_sets(sets))
    return {"examples": len(positions), "most_frequent": most_frequent, "scores": scores.to_json()}


def _by_label(of_test: Scores, model: Model) -> list[dict[str, Any]]:
    """Scores of each label on the test, and the probability from which on it is answered."""
    return [
        {"label": name, "threshold": model.threshold.get(name, EVEN), **each}
        for name, each in zip(model.classes, of_test.per_label_json(), strict=False)
    ]


def groups_of_test(dataset: Dataset) -> Groups | None:
    """The groups of the test examples, where these matter for intervals; else `None`."""
    sets = dataset.sets_among(dataset.test)
    return None if sets is None else Groups.of_sets(sets)


def _by_groups(
    candidate: Candidate, tested: Tested, dataset: Dataset, groups: Groups, seed: int
) -> dict[str, Any]:
    """What the test is worth by its groups and, where they are few, scores by leaving groups out in turn.

    These are of all that is not for the test, where folds judged.
    """
    of_test = worth(groups, dataset.labels_at(dataset.test), tested.answers)
    found: dict[str, Any] = {"by_groups": {**of_test.to_json(), "words": of_test.sentence(dataset.noun)}}
    held_out = candidate.held_out
    if dataset.has_few_groups and not np.isin(held_out.positions, dataset.validation).all():
        of_them = Groups.of_sets(dataset.together[held_out.positions])
        labels = dataset.labels_at(held_out.positions)
        found_out = scored(labels, held_out.answers, seed, of_them).to_json()
        metric = METRICS[dataset.target.headline]
        value, low, high = (figure(found_out[metric.key][end]) for end in ("value", "low", "high"))
        found["left_out"] = {
            "groups": of_them.count,
            "examples": len(labels),
            "scores": found_out,
            "words": Sentence(
                "So few groups say little about others. By leaving groups out in turn, over the "
                "{count:,} that are not for the test, its {words} is {value} [{low}, {high}].",
                of_them.count,
                metric.words,
                value,
                low,
                high,
            ),
        }
    return found


def rows_of_test(dataset: Dataset, tested: Tested, threshold: Mapping[str, float]) -> Iterator[list[Any]]:
    """A model's answers about the test split as a table, its head first, in the order of the ledger.

    Source, label, what was predicted and the novelty, then the probability of each class. `threshold` is the
    model's between two classes or of several labels, if any.
    """
    yield columns_beside(("source", "label", "predicted", "novelty"), dataset.classes)
    novelty = [None] * len(dataset.test) if tested.novelty is None else tested.novelty.tolist()
    target = dataset.target
    for position, answer, foreign in zip(dataset.test.tolist(), tested.answers, novelty, strict=True):
        source, label = written(dataset.names[position]), dataset.label_text(position)
        (predicted,) = target.texts(target.labels(answer[None], dataset.classes, threshold), dataset.classes)
        probabilities = answer.tolist() if dataset.classes else []
        yield [source, label, target.cell(predicted), foreign, *probabilities]


def scored(
    labels: Labels,
    answers: np.ndarray,
    seed: int,
    groups: Groups | None = None,
    positive: int | None = None,
    predicted: np.ndarray | None = None,
) -> Scores:
    """Scores with intervals; nothing where there is no example.

    The seed is that of the bootstrap; `positive` and `predicted` are those of `score`.
    """
    return score(labels, answers, seed, groups, positive, predicted) if len(labels) else Scores({}, 0)


def comparisons(
    tested: Mapping[str, Tested], recommended: str, dataset: Dataset, seed: int
) -> list[dict[str, Any]]:
    """Every pair of models on the same unseen test examples, in the form of `comparisons` in `metrics.json`.

    Models come from the simplest on; `a` is the recommended one, of other pairs the less simple one. The seed
    is that of the permutations.
    """
    dataset, tested = unseen_of(dataset, tested)
    labels, compare = dataset.labels[dataset.test], SCORING[dataset.target].compare
    order = sorted(list(tested)[::-1], key=lambda name: name != recommended)
    if len(order) < 2 or len(labels) == 0:
        return []
    decided = {name: tested[name].decided(dataset) for name in order}
    return [each.to_json() for each in compare(labels, decided, groups_of_test(dataset), seed)]


# Held-out answers of every model, from which `predict` takes the thresholds of what it promises, and answers
# about test examples, by which these are checked.


def with_held_out(candidates: Sequence[Candidate], dataset: Dataset, seed: int) -> list[Candidate]:
    """Let every model keep its held-out answers; candidates have passed `with_detectors`.

    Where it has a detector, they are those whose novelty is known; never those that are known from training;
    none where an answer is not finite.
    """
    found = []
    for candidate in candidates:
        held_out, kept = candidate.held_out, None
        novelty = held_out.novelty
        is_kept = is_held_out_unseen(dataset, held_out.positions)
        places = np.flatnonzero(is_kept if novelty is None else is_kept & ~np.isnan(novelty))
        if len(places) and np.isfinite(held_out.answers[places]).all():
            some = drawn(places, most_kept(len(dataset.classes)), seed, Purpose.HELD_OUT_ANSWERS)
            labels = dataset.labels_at(held_out.positions[some])
            known = None if novelty is None else novelty[some]
            kept = bundle.HeldOut.of(labels, held_out.answers[some], known)
        found.append(dataclasses.replace(candidate, model=candidate.model.with_held_out(kept)))
    return found


def with_test_answers(
    candidates: Sequence[Candidate], tested: Mapping[str, Tested], dataset: Dataset, seed: int
) -> list[Candidate]:
    """Let every model keep its answers about unseen test examples too, by which its promises are checked."""
    most, every = most_kept(len(dataset.classes)), np.flatnonzero(is_unseen(dataset))
    kept = drawn(every, most, seed, Purpose.HELD_OUT_ANSWERS)
    found = []
    for candidate in candidates:
        held_out, answered = candidate.model.held_out, tested[candidate.name]
        novelty, is_known = answered.novelty, np.isfinite(answered.answers).all()
        if (
            held_out is not None
            and (held_out.novelty is None or novelty is not None)
            and len(kept)
            and is_known
        ):
            known = novelty[kept] if held_out.novelty is not None and novelty is not None else None
            test = bundle.HeldOut.of(dataset.labels_at(dataset.test[kept]), answered.answers[kept], known)
            model = candidate.model.with_held_out(dataclasses.replace(held_out, test=test))
            candidate = dataclasses.replace(candidate, model=model)
        found.append(candidate)
    return found


def drawn(
    places: Int64[np.ndarray, " n"], most: int, seed: int, purpose: Purpose
) -> Int64[np.ndarray, " drawn"]:
    """At most so many of some ascending places, ascending; chance draws them where there are more."""
    return places if len(places) <= most else np.sort(generator(seed, purpose).permutation(places)[:most])


# Unseen examples: those of the test, and of what was held out, that are not known from training.


def is_unseen(dataset: Dataset) -> Bool[np.ndarray, " test"]:
    """Which test examples have no copy and no relative in training or validation, as far as is known."""
    known = np.concatenate([dataset.leaked, dataset.with_sibling])
    found: Bool[np.ndarray, " test"] = ~np.isin(dataset.test, known)
    return found


def is_held_out_unseen(dataset: Dataset, positions: Int64[np.ndarray, " some"]) -> Bool[np.ndarray, " some"]:
    """Which held-out examples have no copy and no relative among those that were learned from.

    Folds keep such sets together; a validation split that was given may not.
    """
    if not len(dataset.together) or not np.isin(positions, dataset.validation).all():
        return np.ones(len(positions), bool)
    found: Bool[np.ndarray, " some"] = ~np.isin(dataset.together[positions], dataset.together[dataset.train])
    return found


def unseen_test(dataset: Dataset) -> Dataset:
    """The data with the unseen examples alone as its test."""
    kept = is_unseen(dataset)
    return dataset if kept.all() else dataclasses.replace(dataset, test=dataset.test[kept])


# What a model is worth without giveaways: its score on the test examples that lack one.


def judged_giveaways(
    found: Giveaways, tested: Tested, model: Model, dataset: Dataset, seed: int
) -> list[dict[str, Any]]:
    """Giveaways with the recommended model's score without each: `giveaways` in `metrics.json`.

    `seed` is that of the bootstrap.
    """
    metric = METRICS[dataset.target.headline]
    entries = []
    for each in found.found:
        entry = each.to_json()
        kept = np.isin(dataset.test, each.test_without)
        labels = dataset.labels_at(dataset.test[kept])
        predicted = dataset.target.labels(tested.answers, dataset.classes, model.threshold)
        without = scored(labels, tested.answers[kept], seed, predicted=predicted[kept]).to_json()
        score = without.get(metric.key)
        of_class = int((labels.values == dataset.classes.index(each.label)).sum())
        entry["score_without"] = score
        entry["metric"] = metric.key
        entry["test_with"], entry["test_without"] = len(each.test_with), len(each.test_without)
        entry["test_without_of_class"] = of_class
        name, remedy = Sentence("{kind} {value}", each.kind, each.value), each.remedy()
        if score is None:
            words = Sentence("{name} gives class {label} away. {remedy}", name, quoted(each.label), remedy)
        else:
            value, low, high = (figure(score[end]) for end in ("value", "low", "high"))
            asked = count_of(int(kept.sum()), Sentence("test {noun}", dataset.noun))
            words = Sentence(
                "{name} gives class {label} away; on the {asked} without it, {of_class:,} of "
                "them of this class, {words} is {value} [{low}, {high}]. {remedy}",
                name,
                quoted(each.label),
                asked,
                of_class,
                metric.words,
                value,
                low,
                high,
                remedy,
            )
            if not of_class:
                words = Sentence(
                    "{name} gives class {label} away; on the {asked} without it {words} "
                    "is {value} [{low}, {high}], which says nothing of this class: all of its test "
                    "{noun}s that were looked at have it. {remedy}",
                    name,
                    quoted(each.label),
                    asked,
                    metric.words,
                    value,
                    low,
                    high,
                    dataset.noun,
                    remedy,
                )
        entry["words"] = words
        entries.append(entry)
    return entries


# What the order of classes gains: the best simple model beside one that learns them without it.


def gain_of_order(
    candidates: Sequence[Candidate], tested: Mapping[str, Tested], context: RunContext
) -> dict[str, Any] | None:
    """Train the best simple model once more as one of plain classes, and compare both on the test.

    It learns from as many examples and is tested on the same ones, those not known from training. The form of
    `order` in `metrics.json`; `None` where classes have no order, there is no simple model or nothing to test
    on, or no time.
    """
    dataset, settings = context.dataset, context.settings
    metric = METRICS[dataset.target.headline]
    simple = [
        each
        for each in candidates
        if isinstance(each.model, ClassicalModel) and each.features and each.model.network is None
    ]
    unseen, known = unseen_of(dataset, tested)
    if not dataset.target.has_metric("within_one_class") or not simple or not len(unseen.test):
        return None
    judged = [each for each in simple if len(each.held_out.positions)] or simple[:1]
    best = judged[0]
    if len(judged) > 1:
        best = max(judged, key=lambda each: held_out_score(metric, each, dataset, settings.seed))
    if not context.affords(
        2 * best.train_seconds,
        "Measuring what the order of the classes gains: skipped, out of time.",
    ):
        return None
    plain = dataclasses.replace(dataset, target=TARGETS["class"])
    material = everything_of(plain) if best.train_examples > len(plain.train) else plain
    name = best.name
    with context.stages.stage(
        Sentence("training {name} without the order", name),
        Sentence("trained {name} without the order", name),
    ):
        (other,) = ClassicalLearner(best.name, settings, best.budget).fit(material)
        answered = plain.target.labels(answers(other.model, plain, unseen.test))
    decided = {best.name: known[best.name].decided(unseen), f"{best.name} (plain)": answered}
    labels, scoring = unseen.labels_at(unseen.test), SCORING[dataset.target]
    (found,) = scoring.compare(labels.values, decided, groups_of_test(unseen), settings.seed)
    with_order, without = (scoring.value(labels, each) for each in decided.values())
    return {
        "model": best.name,
        "metric": found.score,
        "examples": len(labels),
        "with_order": with_order,
        "without_order": without,
        f"{found.score}_difference": found.difference._asdict(),
        "p_value": found.p_value,
        "words": _words(best.name, (with_order, without), points(found.difference), found.p_value),
    }


def _words(name: str, scores: tuple[float, float], difference: str, p_value: float) -> str:
    """The outcome in a sentence, and what follows where the order did harm."""
    (ours, theirs), chance = figures(*scores), figure(p_value, 2)
    if p_value > LEVEL:
        return Sentence(
            "Using the order did not measurably help: {name} has a quadratic-weighted kappa of {ours} with "
            "it and {theirs} without, a difference of {difference}, which could be chance (p = {chance}).",
            name,
            ours,
            theirs,
            difference,
            chance,
        )
    if scores[0] > scores[1]:
        return Sentence(
            "Using the order gained beyond chance (p = {chance}): {name} has a quadratic-weighted kappa of "
            "{ours} with it and {theirs} without, a difference of {difference}.",
            chance,
            name,
            ours,
            theirs,
            difference,
        )
    return Sentence(
        "Using the order did harm beyond chance (p = {chance}): {name} has a quadratic-weighted kappa of "
        "{ours} with it and {theirs} without, a difference of {difference}; --target class leaves it out.",
        chance,
        name,
        ours,
        theirs,
        difference,
    )
