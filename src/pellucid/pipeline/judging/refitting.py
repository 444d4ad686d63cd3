"""Refitting: every kind of model trained anew for each fold, or on parts for the learning curve."""

import dataclasses
import hashlib
import io
import json
import time
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from pellucid.arithmetic import metric_value
from pellucid.arithmetic.draws import Purpose, generator
from pellucid.budgets import MEMORY
from pellucid.bundle import ClassicalModel
from pellucid.data import Dataset
from pellucid.data.splitting import places_in_strata
from pellucid.data.wording import count_of
from pellucid.evaluation.learning_curve import LearningCurve, learning_curve
from pellucid.files import make_folder
from pellucid.pipeline.judging.novelty_detectors import signals_by_model
from pellucid.pipeline.learners.backbone_learners import Built, FrozenLearner, TuningLearner
from pellucid.pipeline.learners.candidates import Candidate, HeldOut, on_held_out, with_validation
from pellucid.pipeline.learners.classical import drawn_for_simple_models, learner_at_setup, simple_models
from pellucid.pipeline.learners.evaluation_budget import Folds, positions_of
from pellucid.pipeline.learners.network import Learner, Planned, learner_on_part
from pellucid.pipeline.learners.preparation import Material, material_of
from pellucid.pipeline.run.context import RunContext
from pellucid.pipeline.run.stages import Stages
from pellucid.settings import DUMMIES, Settings
from pellucid.strict import field_of, parse, read_sealed_bytes, write_sealed_bytes
from pellucid.training.state import Record


class Kind(NamedTuple):
    """Models that are trained together: one, or all that stand on one network.

    Attributes:
        learner: trains them on the training examples of a fold.
        is_watched: whether the examples of the fold may watch the training.
        within: ascending positions of the examples that they can be asked about; `None` for all.
        most: folds that may judge them; `None` for as many as their cost allows.
        seconds: that their training on all examples took.
    """

    learner: Learner
    is_watched: bool = False
    within: Int64[np.ndarray, " some"] | None = None
    most: int | None = None
    seconds: float = 0.0

    def judged(self, folds: Folds) -> int:
        """Number of folds that judge them."""
        found = folds.judged_within(self.learner.cost(material_of(folds.learning)))
        return found if self.most is None else min(found, self.most)

    def fit(self, part: Material) -> Sequence[Candidate]:
        """Train on the training examples of a fold, so that none of those to be judged chooses anything."""
        return self.learner.fit(part if self.is_watched else part.without_validation)


def kind_of_classical(candidate: Candidate, learner: Learner) -> Kind:
    """A classical model alone."""
    return Kind(learner, seconds=candidate.train_seconds)


def kind_of_network(
    network: Planned, simple: Sequence[Candidate], settings: Settings, most: int | None
) -> Kind:
    """The network of the run, judged on `most` folds, and the simple models on its last hidden layer."""
    known = {each.name: each for each in simple}

    def beside(trained: Candidate, part: Material) -> Sequence[Candidate]:
        """Train the simple models on the last hidden layer of a network that learnt a part."""
        if not simple:
            return []
        blind = part.without_validation
        return simple_models(trained, drawn_for_simple_models(blind, settings), blind, settings, known)

    learner = learner_on_part(network, settings, keeps_best=False)
    seconds = sum(record["seconds"] for record in network.session.state.history)
    seconds += sum(max(0.0, each.train_seconds - seconds) for each in simple) + network.prepare_seconds
    return Kind(dataclasses.replace(learner, beside=beside), is_watched=True, most=most, seconds=seconds)


def kinds_of_backbone(built: Built, settings: Settings) -> list[Kind]:
    """The models on the frozen features of a backbone, and the backbone tuned further."""
    choice, known = built.choice, {each.name: each for each in built.candidates}
    frozen = FrozenLearner(choice, settings, lambda *_: built.features, known)
    kinds = [Kind(frozen, within=choice.train)]
    if built.is_tuned:
        most = None if choice.granted is None else 1
        kinds.append(Kind(TuningLearner(frozen), within=choice.train, most=most))
    return kinds


# Answers out of fold: every kind of model trained anew for each fold, and asked about it.

# Key of the journal: by their learner's name, the folds that judge some models.
JUDGED_ON_FOLDS = "judged_on_folds"


class OnFold(NamedTuple):
    """Answers of models about a fold, by their names.

    Attributes:
        answers: about its examples.
        signals: how foreign these look to each model's measure; none of a model without one.
        history: of the training of a network, validated on the fold; else nothing.
        seconds: of each model's answer about one example; none where the fold was judged before a kill.
    """

    answers: Mapping[str, np.ndarray]
    signals: Mapping[str, np.ndarray]
    history: Sequence[Record]
    seconds: Mapping[str, float] = MappingProxyType({})


def judged_by_folds(
    kinds: Sequence[Kind], candidates: Sequence[Candidate], folds: Folds, context: RunContext
) -> tuple[list[Candidate], Sequence[Record]]:
    """Give candidates, trained on all that is not for the test, answers about folds they did not learn from.

    `kinds` are the models that were trained, each once. What is finished is kept in the folder of the run and
    taken over after a kill. Under a time limit models without time for a fold are left out. With them comes
    the history of the network that was validated on the first fold, nothing without one.

    Raises: `DivergedError` if the loss stopped being finite.
    """
    held_out: dict[str, HeldOut] = {}
    seconds: dict[str, float] = {}
    history: Sequence[Record] = ()
    if context.time.is_limited:
        # Of those that fit the dearest first: what took long to train is not to be lost for want of time.
        left = context.time.left() / (1 - 1 / len(folds.parts))
        kinds = sorted(kinds, key=lambda each: (each.seconds > left, -each.seconds))
    for place, kind in enumerate(kinds):
        name = kind.learner.name
        with context.stages.stage(f"judging {name} on folds") as stage:
            parts, found = _on_folds(
                kind, kinds[place + 1 :], not held_out.keys() <= {*DUMMIES}, folds, context
            )
            if not found:
                stage.words = f"no time to judge {name} on a fold"
                context.leave_out(
                    f"{name} is left out: there was no time to judge it on a fold within "
                    f"{context.settings.time_limit}."
                )
                continue
            held_out |= _joined(found, parts)
            seconds |= found[0].seconds
            judged = [each for each in candidates if each.name in found[0].answers]
            judged = [dataclasses.replace(each, held_out=held_out[each.name]) for each in judged]
            scores = on_held_out(judged, folds.dataset, context.settings)
            examples = count_of(len(positions_of(parts)), folds.dataset.noun)
            names = ", ".join(each.name for each in judged)
            of_all = "" if len(parts) == len(folds.parts) else f" of {len(folds.parts)}"
            stage.words = f"judged {names} on {len(parts)}{of_all} folds, {examples}{scores}"
        history = history or found[0].history
    judged = [
        dataclasses.replace(
            each, held_out=held_out[each.name], answer_seconds=seconds.get(each.name, each.answer_seconds)
        )
        for each in candidates
        if each.name in held_out
    ]
    return judged, history


def _on_folds(
    kind: Kind, later: Sequence[Kind], is_any_judged: bool, folds: Folds, context: RunContext
) -> tuple[Sequence[Dataset], list[OnFold]]:
    """Judge models on as many folds as there is time for beside one of each later kind.

    The folds, and the answers about each; none where not even one fits and others were judged.
    """
    known = context.journal.content.get(JUDGED_ON_FOLDS, {}).get(kind.learner.name)
    most, share = kind.judged(folds) if known is None else known, 1 - 1 / len(folds.parts)
    parts = [_askable(part, kind) for part in folds.parts[:most]]
    found: list[OnFold] = []
    expected = kind.seconds * share
    for number, part in enumerate(parts, start=1):
        set_aside = share * sum(each.seconds for each in later) if found else 0.0
        is_due = expected > context.time.left() - set_aside
        if known is None and is_due and (found or is_any_judged):
            break
        began = time.monotonic()
        found.append(_on_fold(kind, number, part, context))
        expected = time.monotonic() - began
    context.journal.decided_for(JUDGED_ON_FOLDS, kind.learner.name, lambda: len(found))
    return parts[: len(found)], found


def _askable(part: Dataset, kind: Kind) -> Dataset:
    """A fold without the examples that the models cannot be asked about."""
    if kind.within is None:
        return part
    return dataclasses.replace(part, validation=np.intersect1d(part.validation, kind.within))


def _on_fold(kind: Kind, number: int, part: Dataset, context: RunContext) -> OnFold:
    """Train on the other folds and ask about this one, or take over what was finished before."""
    name = hashlib.sha256(kind.learner.name.encode()).hexdigest()[:16]
    kept = context.folder.checkpoints / "folds" / f"{name}-{number}.npz"
    former = _read(kept, len(part.validation))
    if former is not None:
        return former
    material = material_of(part)
    fitted = kind.fit(material)
    asked = [with_validation(each, material) for each in fitted]
    found = OnFold(
        {each.name: each.held_out.answers for each in asked},
        signals_by_model(fitted, material, context.settings.seed),
        fitted[0].history,
        {each.name: each.answer_seconds for each in asked},
    )
    _write(kept, found)
    return found


def _joined(found: Sequence[OnFold], parts: Sequence[Dataset]) -> dict[str, HeldOut]:
    """Answers of all folds in the order of the examples."""
    positions = np.concatenate([part.validation for part in parts])
    order = np.argsort(positions)
    joined = {}
    for name in found[0].answers:
        signals = [each.signals.get(name) for each in found]
        widths = {None if each is None else each.shape[1] for each in signals}
        joined[name] = HeldOut(
            positions[order],
            np.concatenate([each.answers[name] for each in found])[order],
            None if None in widths or len(widths) > 1 else np.concatenate(signals)[order],  # type: ignore[arg-type]
        )
    return joined


def _write(path: Path, found: OnFold) -> None:
    make_folder(path.parent)
    arrays = {f"answers/{name}": rows for name, rows in found.answers.items()}
    arrays |= {f"signals/{name}": rows for name, rows in found.signals.items()}
    content = io.BytesIO()
    np.savez(content, history=np.array(json.dumps([*found.history])), **arrays)  # type: ignore[arg-type]
    write_sealed_bytes(path, content.getvalue())


_HISTORY = field_of(Sequence[Record])


def _read(path: Path, examples: int) -> OnFold | None:
    """Take over what a killed run had finished; `None` where it has to be done again."""
    try:
        stored = io.BytesIO(read_sealed_bytes(path, MEMORY.value()))
        with np.load(stored, allow_pickle=False) as content:
            arrays = {name: content[name] for name in content.files}
        history = _HISTORY.read("history", parse(str(arrays.pop("history")).encode()))
        by_kind: dict[str, dict[str, np.ndarray]] = {"answers": {}, "signals": {}}
        for name, rows in arrays.items():
            kind, _, model = name.partition("/")
            by_kind[kind][model] = rows
            if rows.ndim == 0 or len(rows) != examples:
                return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, MemoryError):
        return None
    return OnFold(by_kind["answers"], by_kind["signals"], history)


# The learning curve: the best baseline, or the network too, trained again on parts of the training split.

PARTS, PARTS_OF_MANY = (1 / 8, 1 / 4), (1 / 64, 1 / 16)
_LEAST_PER_CLASS, _LEAST = 4, 40
_MANY = 20_000


def parts(dataset: Dataset, seed: int) -> list[Int64[np.ndarray, " examples"]]:
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
    """Train on parts of the training split and score on validation.

    The best baseline stands for all by default, since it takes seconds; the network too is trained on
    the parts where the curve was asked for, with what its rules give to so many examples.

    Args:
        candidates: the models trained on the whole split.
        recommended: name of the model whose outlook matters.
        network: the network and how it was trained; `None` where there is none.
        folds: the data; where folds judge, the first of them is learnt from and judged.
        settings: what the user asked for.
        stages: shows what is done.

    Returns:
        The curve, or `None` where there are too few examples, or no model that learns, to draw one.
    """
    dataset = folds.judging
    subsets = parts(dataset, settings.seed)
    drawn = _drawn(candidates, recommended, network if settings.learning_curve else None, dataset)
    if not drawn or not subsets or len(dataset.validation) == 0:
        return None
    by_name = {each.name: each for each in candidates}
    said: dict[str, list[tuple[int, np.ndarray]]] = {}
    with stages.stage("training on parts of the data for the learning curve") as stage:
        for name in drawn:
            learned = min(by_name[name].train_examples, len(dataset.train))
            whole = (learned, _predicted(by_name[name].held_out.about(dataset.validation)))
            if network is not None and name == network.plan.name:
                learner: Learner = learner_on_part(network, settings, keeps_best=not folds.parts)
            else:
                baseline = learner_at_setup(by_name[name], settings)
                learner = dataclasses.replace(baseline, scale=by_name[name].scale)
            smaller = [_on_part(learner, each, folds) for each in subsets]
            said[name] = [point for point in smaller if point[0] < whole[0]] + [whole]
        # The model the outlook is about: the recommended one, or the first that was drawn in its
        # place.
        curve = learning_curve(
            dataset.labels[dataset.validation],
            said,
            recommended if recommended in said else next(iter(said)),
            settings.seed,
        )
        stage.words = "trained on parts of the data for the learning curve"
        stage.details.append(curve.outlook)
    return curve


def _drawn(
    candidates: Sequence[Candidate], recommended: str, network: Planned | None, dataset: Dataset
) -> Sequence[str]:
    """The network, the best baseline by accuracy (smallest error), and the recommended baseline if one is."""
    classical = [
        each.name
        for each in candidates
        if isinstance(each.model, ClassicalModel) and each.features and each.model.network is None
    ]
    metric, labels = dataset.target.decides("accuracy"), dataset.labels[dataset.validation]
    scores = {
        each.name: metric.better(metric_value(metric, labels, each.held_out.about(dataset.validation)))
        for each in candidates
        if each.name in classical
    }
    chosen = [] if network is None else [network.plan.name]
    if classical:
        chosen.append(max(classical, key=lambda name: scores[name]))
    if recommended in classical:
        chosen.append(recommended)
    return list(dict.fromkeys(chosen))


def _on_part(learner: Learner, train: np.ndarray, folds: Folds) -> tuple[int, np.ndarray]:
    """A model trained on a part, and its answers on validation."""
    material = dataclasses.replace(material_of(folds.judging), train=train)
    if not folds.parts:
        return _examples_and_answers(learner.fit(material)[0])
    (fitted, *_) = learner.fit(material.without_validation)
    return _examples_and_answers(with_validation(fitted, material))


def _examples_and_answers(fitted: Candidate) -> tuple[int, np.ndarray]:
    return fitted.train_examples, _predicted(fitted.held_out.answers)


def _predicted(said: np.ndarray) -> np.ndarray:
    """Classes from probabilities; numbers as they are."""
    return said.argmax(axis=1) if said.ndim == 2 else said
