"""Refitting: models trained anew for each of several splits, for folds, label judges, curve and `compare`."""

import dataclasses
import hashlib
import io
import json
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.bundle import ClassicalModel
from pellucid.data import Dataset
from pellucid.data.splitting import places_in_strata
from pellucid.data.wording import count_of
from pellucid.evaluation.learning_curve import LearningCurve, learning_curve
from pellucid.language.sentence import Sentence, join
from pellucid.pipeline.judging.novelty_detectors import signals_by_model
from pellucid.pipeline.learners.backbone_costs import SECONDS_A_VALUE
from pellucid.pipeline.learners.backbone_learners import Built, FrozenLearner, TuningLearner
from pellucid.pipeline.learners.candidates import (
    Candidate,
    HeldOutAnswers,
    held_out_score,
    on_held_out,
    raw_answers,
    with_validation,
)
from pellucid.pipeline.learners.classical import drawn_for_simple_models, learner_at_setup, simple_models
from pellucid.pipeline.learners.evaluation_budget import Folds, most_detector_examples
from pellucid.pipeline.learners.network import Learner, Planned, learner_on_part
from pellucid.pipeline.run.context import RunContext
from pellucid.pipeline.run.stages import Stage, Stages
from pellucid.safety.budgets import MEMORY
from pellucid.safety.files import make_folder
from pellucid.safety.strict import field_of, parse, read_sealed_bytes, write_sealed_bytes
from pellucid.settings import DUMMIES, Settings
from pellucid.targets import metric_value
from pellucid.training.state import Record


class Split(NamedTuple):
    """One division: what a model learns from, and ascending positions of the examples that judge it."""

    material: Dataset
    judged: Int64[np.ndarray, " judged"]


class Fit(NamedTuple):
    """Outcome of one training."""

    arrays: Mapping[str, np.ndarray]  # what was asked of the models, by names that whoever asked has chosen
    history: Sequence[Record]  # one record for each epoch; none for a classical model
    train_examples: int  # training examples that the first model saw
    parameters: int  # stored numbers of the first model
    seconds: float  # that training took

    def of(self, kind: str) -> dict[str, np.ndarray]:
        """The arrays named `kind/NAME`, by NAME."""
        prefix = f"{kind}/"
        return {key.removeprefix(prefix): rows for key, rows in self.arrays.items() if key.startswith(prefix)}


def answers_of_first(fitted: Sequence[Candidate], split: Split) -> Mapping[str, np.ndarray]:
    """Answers of the first model at temperature 1, taken over where its training has asked already."""
    known = fitted[0].held_out
    if np.array_equal(known.positions, split.judged):
        return {"answers": known.answers}
    return {"answers": raw_answers(fitted[0], split.material, split.judged)}


def cross_fit(
    fit: Callable[[Dataset], Sequence[Candidate]],
    splits: Iterable[Split],
    ask: Callable[[Sequence[Candidate], Split], Mapping[str, np.ndarray]] = answers_of_first,
    kept: Path | None = None,
) -> Iterator[Fit]:
    """Train anew for each split, one after the other as it is due, and ask about the examples that judge.

    `fit` is that of a learner. With `kept`, the beginning of file names, the outcome of each split is kept as
    soon as it is there, and taken over after a kill. A file that is damaged or about other examples is a
    training that has to be done again.

    Raises: `UsageError` if a setting contradicts the data; `DivergedError` if the loss stopped being finite.
    """
    for number, split in enumerate(splits, start=1):
        path = None if kept is None else kept.with_name(f"{kept.name}-{number}.npz")
        found = None if path is None else _read(path, len(split.judged))
        if found is None:
            found = _trained(fit, split, ask)
            if path is not None:
                _write(path, found, len(split.judged))
        yield found


def _trained(
    fit: Callable[[Dataset], Sequence[Candidate]],
    split: Split,
    ask: Callable[[Sequence[Candidate], Split], Mapping[str, np.ndarray]],
) -> Fit:
    """The outcome of one training, without its models, so that no two splits have theirs in memory."""
    began = time.perf_counter()
    fitted = fit(split.material)
    seconds = round(time.perf_counter() - began, 3)
    arrays, first = ask(fitted, split), fitted[0]
    return Fit(arrays, first.history, first.train_examples, first.model.parameters, seconds)


def _write(path: Path, found: Fit, judged: int) -> None:
    facts = {**found._asdict(), "history": [*found.history], "judged": judged}
    del facts["arrays"]
    content = io.BytesIO()
    np.savez(content, facts=np.array(json.dumps(facts)), **found.arrays)  # type: ignore[arg-type]
    make_folder(path.parent)
    write_sealed_bytes(path, content.getvalue())


def _read(path: Path, judged: int) -> Fit | None:
    """The outcome that a killed run had finished; `None` where it has to be done again."""
    try:
        stored = io.BytesIO(read_sealed_bytes(path, MEMORY.value()))
        with np.load(stored, allow_pickle=False) as content:
            arrays = {name: content[name] for name in content.files}
        facts = parse(str(arrays.pop("facts")).encode())
        if facts.pop("judged") != judged:
            return None
        history = field_of(Sequence[Record]).read("history", facts["history"])
        return Fit(arrays, **{**facts, "history": history})
    except (OSError, ValueError, TypeError, LookupError, EOFError, zipfile.BadZipFile, MemoryError):
        return None


# Answers out of fold: all models trained anew for each fold, and asked about it.

# Key of the journal: by their learner's name, the folds that judge some models.
JUDGED_ON_FOLDS = "judged_on_folds"


class FoldTrainings(NamedTuple):
    """Models that are trained together on folds: one, or all that are built on one network."""

    learner: Learner  # trains them on the training examples of a fold
    is_watched: bool = False  # whether it gets the examples of the fold, to watch its training
    within: Int64[np.ndarray, " some"] | None = None  # ascending examples it can be asked about; None: all
    most: int | None = None  # folds that may judge them; None for as many as their cost allows
    seconds: float = 0.0  # that their training on all examples took


def trainings_of_network(
    network: Planned, simple: Sequence[Candidate], settings: Settings, most: int | None
) -> FoldTrainings:
    """The network of the run, judged on `most` folds, and the simple models on its last hidden layer."""
    known = {each.name: each for each in simple}

    def build_on(trained: Candidate, part: Dataset) -> Sequence[Candidate]:
        """Train the simple models on the last hidden layer of a network that learnt a part."""
        if not simple:
            return []
        blind = part.without_validation
        return simple_models(trained, drawn_for_simple_models(blind, settings), blind, settings, known)

    learner = learner_on_part(network, settings, keeps_best=False)
    seconds = sum(record["seconds"] for record in network.session.state.history)
    seconds += sum(max(0.0, each.train_seconds - seconds) for each in simple) + network.prepare_seconds
    learner = dataclasses.replace(learner, build_on=build_on)
    return FoldTrainings(learner, is_watched=True, most=most, seconds=seconds)


def trainings_of_backbone(built: Built, settings: Settings) -> list[FoldTrainings]:
    """The models on the frozen features of a backbone, and the backbone tuned further."""
    choice, known = built.choice, {each.name: each for each in built.candidates}
    frozen = FrozenLearner(choice, settings, lambda *_: built.features, known)
    seconds = SECONDS_A_VALUE * len(choice.train) * choice.width  # their features are there
    found = [FoldTrainings(frozen, within=choice.train, seconds=seconds)]
    if built.is_tuned:
        most, taken = None if choice.limits is None else 1, sum(each["seconds"] for each in built.history)
        tuning = TuningLearner(frozen)
        found.append(FoldTrainings(tuning, within=choice.train, most=most, seconds=seconds + taken))
    return found


class _Judging:
    """Judging of models that are trained together: fold after fold, as many as cost and time allow."""

    def __init__(self, training: FoldTrainings, folds: Folds, context: RunContext) -> None:
        self.training, self.folds, self.context = training, folds, context
        learner, dataset = training.learner, folds.dataset
        self.name, self._share = learner.name, 1 - 1 / len(folds.parts)
        most = context.journal.content.get(JUDGED_ON_FOLDS, {}).get(self.name)
        self.is_known = most is not None  # a run before a kill has decided it
        if most is None:
            most = folds.judged_within(learner.cost(folds.learning))
            most = most if training.most is None else min(most, training.most)
        self.parts: list[Dataset] = list(folds.parts[:most])
        if training.within is not None:  # other examples the models cannot be asked about
            able = [np.intersect1d(part.validation, training.within) for part in self.parts]
            self.parts = [
                dataclasses.replace(part, validation=of) for part, of in zip(self.parts, able, strict=True)
            ]
        digest = hashlib.sha256(self.name.encode()).hexdigest()[:16]
        splits = [
            Split(part if training.is_watched else part.without_validation, part.validation)
            for part in self.parts
        ]
        kept = context.folder.checkpoints / "folds" / digest
        self._fits = cross_fit(learner.fit, splits, self._ask, kept)
        self.found: list[Fit] = []
        self.noun = dataset.noun
        self._expected = training.seconds * self._share

    def _ask(self, fitted: Sequence[Candidate], split: Split) -> Mapping[str, np.ndarray]:
        material = dataclasses.replace(split.material, validation=split.judged)
        asked = [with_validation(each, material) for each in fitted]
        signals = signals_by_model(fitted, material, self.context.settings.seed)
        return {
            **{f"answers/{each.name}": each.held_out.answers for each in asked},
            **{f"seconds/{each.name}": np.array(each.answer_seconds) for each in asked},
            **{f"signals/{name}": rows for name, rows in signals.items()},
        }

    @property
    def is_over(self) -> bool:
        """True where no fold is left."""
        return len(self.found) == len(self.parts)

    def fits(self) -> bool:
        """True where there is time for one more fold."""
        return self.is_known or self._expected <= self.context.time.left()

    def judge(self, count: int) -> None:
        """Train on so many further folds, and ask about them."""
        for _ in range(min(count, len(self.parts) - len(self.found))):
            began = time.monotonic()
            self.found.append(next(self._fits))
            self._expected = time.monotonic() - began

    def judged(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """The models, with their answers about all folds so far."""
        held_out = _joined(self.found, self.parts[: len(self.found)])
        seconds = self.found[0].of("seconds")
        return [
            dataclasses.replace(each, held_out=held_out[each.name], answer_seconds=float(seconds[each.name]))
            for each in candidates
            if each.name in held_out
        ]

    def sentence(self, judged: Sequence[Candidate]) -> str:
        """Line on what was judged, and the scores."""
        names, parts = join(", ", [each.name for each in judged]), self.parts[: len(self.found)]
        examples = count_of(sum(len(part.validation) for part in parts), self.noun)
        score = on_held_out(judged, self.folds.dataset, self.context.settings)
        return (
            Sentence(
                "judged {names} on {parts} folds, {examples}: {score}", names, len(parts), examples, score
            )
            if len(parts) == len(self.folds.parts)
            else Sentence(
                "judged {names} on {parts} of {parts2} folds, {examples}: {score}",
                names,
                len(parts),
                len(self.folds.parts),
                examples,
                score,
            )
        )


def judged_on_first(
    training: FoldTrainings, candidates: Sequence[Candidate], folds: Folds, context: RunContext
) -> list[Candidate]:
    """Models with their answers about the first fold, which are kept for when all are judged."""
    judging = _Judging(training, folds, context)
    judging.judge(1)
    return judging.judged(candidates)


def judged_by_folds(
    trainings: Sequence[FoldTrainings], candidates: Sequence[Candidate], folds: Folds, context: RunContext
) -> tuple[list[Candidate], Sequence[Record]]:
    """Give candidates, trained on all that is not for the test, answers about folds they did not learn from.

    `trainings` are of all models, each once. What is finished is kept in the folder of the run and
    taken over after a kill. Under a time limit the cheapest are judged on a fold first, then the best on
    further ones, and models without time for a fold are left out. With them comes the history of the network
    that was validated on the first fold, nothing without one.
    """
    done: dict[str, Candidate] = {}
    history: Sequence[Record] = ()

    def judge(each: _Judging, count: int) -> None:
        nonlocal history
        is_first = not each.found
        with (
            context.stages.stage(Sentence("judging {name} on folds", each.name))
            if is_first
            else nullcontext(Stage("")) as stage
        ):
            each.judge(count)
            judged = each.judged(candidates)
            stage.words = each.sentence(judged)
        done.update({model.name: model for model in judged})
        history = history or each.found[0].history

    order = [_Judging(each, folds, context) for each in trainings]
    if context.time.is_limited:
        order.sort(key=lambda each: each.training.seconds)
        _judge_in_time(order, judge, done, context)
    else:
        for each in order:
            judge(each, len(each.parts))
    for each in order:
        context.journal.decided_for(JUDGED_ON_FOLDS, each.name, partial(len, each.found))
    return [done[each.name] for each in candidates if each.name in done], history


def _judge_in_time(
    order: Sequence[_Judging],
    judge: Callable[[_Judging, int], None],
    done: Mapping[str, Candidate],
    context: RunContext,
) -> None:
    """Judge models within a time: on a fold each, the cheapest first, then the best on one more in turn.

    `judge` judges some on so many further folds, and puts what came of it into `done`.
    """
    dataset, settings = context.dataset, context.settings
    metric = dataset.target.decides(settings.metric)

    def score(each: _Judging) -> float:
        """The best score of the models that are judged together."""
        known = [done[name] for name in each.found[0].of("answers")]
        return max(metric.better(held_out_score(metric, one, dataset, settings.seed)) for one in known)

    for each in order:
        is_any_judged = not done.keys() <= {*DUMMIES}
        if each.parts and (each.fits() or not is_any_judged):
            judge(each, 1)
        else:
            context.leave_out(
                Sentence(
                    "{name}: skipped, no time left to judge it on a fold (limit {time_limit}).",
                    each.name,
                    settings.time_limit,
                )
            )
    # A further fold is worth less than knowing what is unlike the training data; a first one is worth more.
    asked = most_detector_examples(len(dataset.train), len(dataset.validation))
    detectors = asked * sum(each.answer_seconds for each in done.values())
    context.time.reserve("detectors", min(detectors, context.time.share("detectors")))
    before = {each.name: len(each.found) for each in order}
    with context.stages.stage("judging the best on further folds") as stage:
        while able := [each for each in order if each.found and not each.is_over and each.fits()]:
            for each in sorted(able, key=score, reverse=True):
                if each.fits():
                    judge(each, 1)
        further = [f"{each.name} {len(each.found)}" for each in order if len(each.found) > before[each.name]]
        stage.words = (
            Sentence("folds that judged in the end: {further}", join(", ", further)) if further else ""
        )


def _joined(found: Sequence[Fit], parts: Sequence[Dataset]) -> dict[str, HeldOutAnswers]:
    """Answers of all folds in the order of the examples."""
    positions = np.concatenate([part.validation for part in parts])
    order = np.argsort(positions)
    joined = {}
    for name in found[0].of("answers"):
        signals = [each.of("signals").get(name) for each in found]
        widths = {None if each is None else each.shape[1] for each in signals}
        joined[name] = HeldOutAnswers(
            positions[order],
            np.concatenate([each.of("answers")[name] for each in found])[order],
            None if None in widths or len(widths) > 1 else np.concatenate(signals)[order],  # type: ignore[arg-type]
        )
    return joined


# The learning curve: the best baseline, or the network too, trained again on parts of the training split.

PARTS = (1 / 8, 1 / 4)  # of the training examples, for the learning curve
PARTS_OF_MANY = (1 / 64, 1 / 16)  # the same where there are many
_LEAST_PER_CLASS = 4  # examples
_LEAST = 40  # examples
_MANY = 20_000


def curve_parts(dataset: Dataset, seed: int) -> list[Int64[np.ndarray, " examples"]]:
    """Choose an eighth and a quarter of the training split, the smaller part of the larger.

    From 20,000 examples on, a 64th and a 16th are enough to see where the curve is going, and spare
    minutes. Each class, or each tenth of the range of numbers, gives its share.

    Ascending positions of each part; parts too small to learn from are left out.
    """
    order = generator(seed, Purpose.LEARNING_CURVE).permutation(len(dataset.train))
    places = places_in_strata(dataset.labels[dataset.train], order, dataset.target)
    least = max(_LEAST, _LEAST_PER_CLASS * len(dataset.classes))
    shares = PARTS if len(places) < _MANY else PARTS_OF_MANY
    found = [dataset.train[places < share] for share in shares]
    return [positions for positions in found if len(positions) >= least]


def draw_curve(
    candidates: Sequence[Candidate],
    recommended: str,
    network: Planned | None,
    folds: Folds,
    settings: Settings,
    stages: Stages,
) -> LearningCurve | None:
    """Train on parts of the training split and score on validation; where folds judge, the first of them.

    The best baseline, and the recommended one, represent all by default, as they take seconds; the network
    too is trained on the parts where the curve was asked for, with what its rules give to so many examples.

    `candidates` are the models trained on the whole split, of which the outlook of `recommended` matters;
    `None` where there are too few examples, or no model that learns, to draw a curve.
    """
    dataset, metric = folds.judging, folds.judging.target.decides(None)
    subsets, labels = curve_parts(dataset, settings.seed), dataset.labels_at(dataset.validation)
    models = {each.name: each for each in candidates}
    classical = {
        each.name: metric.better(metric_value(metric, labels, each.held_out.about(dataset.validation)))
        for each in candidates
        if isinstance(each.model, ClassicalModel) and each.features and each.model.network is None
    }
    drawn = [] if network is None or not settings.learning_curve else [network.plan.name]
    if classical:
        drawn.append(max(classical, key=lambda name: classical[name]))
    if recommended in classical:
        drawn.append(recommended)
    if not drawn or not subsets or len(dataset.validation) == 0:
        return None
    material = dataset.without_validation if folds.parts else dataset
    splits = [Split(dataclasses.replace(material, train=each), dataset.validation) for each in subsets]
    points_of: dict[str, list[tuple[int, np.ndarray]]] = {}
    with stages.stage("training on parts of the data for the learning curve") as stage:
        for name in dict.fromkeys(drawn):
            whole = min(models[name].train_examples, len(dataset.train))
            if network is not None and name == network.plan.name:
                learner: Learner = learner_on_part(network, settings, keeps_best=not folds.parts)
            else:
                baseline = learner_at_setup(models[name], settings)
                learner = dataclasses.replace(baseline, scale=models[name].scale)
            fits = [each for each in cross_fit(learner.fit, splits) if each.train_examples < whole]
            points = [(each.train_examples, each.arrays["answers"]) for each in fits]
            points.append((whole, models[name].held_out.about(dataset.validation)))
            points_of[name] = [
                (seen, dataset.target.labels(answers, dataset.classes)) for seen, answers in points
            ]
        outlook = recommended if recommended in points_of else next(iter(points_of))
        curve = learning_curve(labels, points_of, outlook, settings.seed)
        stage.words = "trained on parts of the data for the learning curve"
        stage.details.append(curve.outlook)
    return curve
