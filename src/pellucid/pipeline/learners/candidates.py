"""Candidates: the models of a run, their answers on validation, and the features that several share."""

import contextlib
import dataclasses
import io
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse
from jaxtyping import Float32, Float64, Int64

from pellucid.arithmetic.rounding import figure
from pellucid.bundle import Answers, Model
from pellucid.bundle.models import ClassicalModel, OnNetwork
from pellucid.classical import LINEAR_OF_TEXTS, Budget, Configuration
from pellucid.classical.text_features import weights_at_hand
from pellucid.classical.training_set import NO_SETTING, Setting
from pellucid.data import Dataset
from pellucid.data.raw_texts import Texts
from pellucid.evaluation import SCORING, Recommendation, cross_fitted, fit_temperature, recommend
from pellucid.input_kinds import TEXTS
from pellucid.language.sentence import Sentence
from pellucid.safety.budgets import MEMORY
from pellucid.safety.files import make_folder, write_file
from pellucid.safety.strict import read_sealed, read_sealed_bytes, sealed, write_sealed_bytes
from pellucid.settings import Metric, Settings
from pellucid.targets import metric_value
from pellucid.training.state import Record

_SAVED_BLOCK = 512  # examples that a file of stored features holds together
_BLOCK = 4096  # examples that a model is asked about at once

_COMPARED = 4  # set-ups that are compared, on some of the examples, in the time of a training on all
_TIMED = 32  # examples that are asked about to know how long answers take


class FeatureTable:
    """Rows of a shared body by position in the data set, each computed once, when it is first asked for.

    `compute` passes the examples at some positions through the body; there are so many `examples` in all.
    """

    def __init__(
        self,
        examples: int,
        compute: Callable[[Int64[np.ndarray, " some"]], Float32[np.ndarray, "some values"]],
    ) -> None:
        self._compute = compute
        self._place = np.full(examples, -1, np.int64)
        self._rows: np.ndarray | None = None
        self._computed, self._seconds = 0, 0.0

    @property
    def seconds_an_example(self) -> float:
        """Seconds that one example took to pass the body, on the mean."""
        return self._seconds / max(1, self._computed)

    def of(self, positions: Int64[np.ndarray, " asked"]) -> Float32[np.ndarray, "asked values"]:
        """Rows, one each, of one or more examples, by their positions in the data set.

        Those not asked about before pass the body now, in the order given.
        """
        missing = positions[self._place[positions] < 0]
        if len(missing):
            began = time.perf_counter()
            found = [self._compute(missing[at : at + _BLOCK]) for at in range(0, len(missing), _BLOCK)]
            self._seconds += time.perf_counter() - began
            self._place[missing] = self._computed + np.arange(len(missing))
            self._computed += len(missing)
            self._rows = np.concatenate(found if self._rows is None else [self._rows, *found])
        assert self._rows is not None  # one position at least was asked about
        rows: np.ndarray = self._rows[self._place[positions]]
        return rows


@dataclass(frozen=True, eq=False)
class Features:
    """Rows of features of some examples, all computed."""

    rows: Float32[np.ndarray, "some features"]
    positions: Int64[np.ndarray, " some"]  # of each row in the data set, ascending
    seconds_an_example: float = 0.0  # to pass the body, on the mean; 0 where all are from before a kill

    def of(self, positions: Int64[np.ndarray, " asked"]) -> Float32[np.ndarray, "asked features"]:
        """Rows of examples whose features were computed."""
        found: np.ndarray = self.rows[np.searchsorted(self.positions, positions)]
        return found


def compute_features(
    ask: Callable[[Int64[np.ndarray, " block"]], Float32[np.ndarray, "block features"]],
    positions: Int64[np.ndarray, " some"],
    folder: Path,
    identity: str,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> Features:
    """Compute the features that are not there yet, and give all, of ascending positions, one at least.

    Blocks are the same however often the work was broken off, so that a resumed run has the same rows.
    Finished ones are kept in `folder`, which is made where it is missing; those of another `identity`, that
    of the network and the data, are computed anew. `progress` gets the examples done and in all.
    """
    make_folder(folder)
    description = folder / "features.json"
    known = {"identity": identity, "examples": len(positions), "block": _SAVED_BLOCK}
    if _intact(lambda: read_sealed(description)) != known:
        for old in folder.glob("block-*.npy"):
            old.unlink()
        write_file(description, sealed(known))
    blocks, seconds, computed = [], 0.0, 0
    for start in range(0, len(positions), _SAVED_BLOCK):
        path = folder / f"block-{start // _SAVED_BLOCK:06d}.npy"
        some = positions[start : start + _SAVED_BLOCK]
        content = _intact(partial(read_sealed_bytes, path, MEMORY.value()))
        rows = None if content is None else _intact(partial(np.load, io.BytesIO(content), allow_pickle=False))
        if rows is None or rows.dtype != np.float32 or rows.ndim != 2 or len(rows) != len(some):
            began = time.perf_counter()
            rows = ask(some)
            seconds, computed = seconds + time.perf_counter() - began, computed + len(some)
            buffer = io.BytesIO()
            np.save(buffer, rows)
            write_sealed_bytes(path, buffer.getvalue())
        blocks.append(rows)
        progress(start + len(some), len(positions))
    return Features(np.concatenate(blocks), positions, seconds / max(1, computed))


def _intact(read: Callable[[], Any]) -> Any:
    """What a file holds; `None` where there is none, or a damaged one."""
    with contextlib.suppress(OSError, ValueError, EOFError):
        return read()
    return None


@dataclass(frozen=True, eq=False)
class FeatureCache:
    """Rows of the body that a model is built on, from which its answers and its last hidden layer come."""

    features: Features | FeatureTable  # of every example asked about; shared with all models on that body
    ask: Callable[[Float32[np.ndarray, "rows values"]], np.ndarray]  # answers at temperature 1
    train: Int64[np.ndarray, " train"]  # ascending training examples that the body will be asked about
    hidden_from: int = 0  # column at which the last hidden layer begins, behind outputs of the body's head
    at_once: int = _BLOCK  # rows that the model is asked about at once, as it would be without the body
    share: float = 1.0  # of a row's time; one half where only the head sees mirrored images too
    learnt: FeatureTable | None = None  # the last hidden layer alone of training examples; None: all of it

    def answers(self, positions: Int64[np.ndarray, " asked"]) -> Float64[np.ndarray, "asked ..."]:
        """Answers about one or more examples at temperature 1."""
        rows, size = self.features.of(positions), self.at_once
        return np.concatenate([self.ask(rows[at : at + size]) for at in range(0, len(rows), size)])

    def hidden(self, positions: Int64[np.ndarray, " asked"]) -> Float32[np.ndarray, "asked hidden"]:
        """Last hidden layer of examples."""
        if self.learnt is not None and len(positions) and np.isin(positions, self.train).all():
            return self.learnt.of(positions)
        return np.ascontiguousarray(self.features.of(positions)[:, self.hidden_from :])


@dataclass(frozen=True, eq=False)
class HeldOutAnswers:
    """Answers of a model about examples that it did not learn from, before the test."""

    # of the examples, ascending: the validation split, or what folds judged
    positions: Int64[np.ndarray, " n"]
    answers: Float64[np.ndarray, "n ..."]  # probabilities (n, classes) or numbers (n,)
    # how foreign each looks to the measure of its novelty (n, signals), where folds judged: by models
    # that did not learn from it either; None where the model itself can be asked. Not a number where an
    # example was not judged
    signals: Float64[np.ndarray, "n signals"] | None = None
    # of each, by the detector that they calibrate; None without one, not a number where an example was
    # not judged
    novelty: Float64[np.ndarray, " n"] | None = None

    def about(self, positions: Int64[np.ndarray, " asked"]) -> Float64[np.ndarray, "asked ..."]:
        """Answers about some of the examples, by ascending positions."""
        rows: np.ndarray = self.answers[np.searchsorted(self.positions, positions)]
        return rows


NOTHING_HELD_OUT = HeldOutAnswers(np.zeros(0, np.int64), np.zeros(0))


@dataclass(frozen=True)
class Candidate:
    """A trained model before the test."""

    name: str  # its name in `metrics.json`
    model: Model
    train_examples: int  # training examples it saw
    train_seconds: float  # time its training took, that of a network it is built on included
    held_out: HeldOutAnswers = NOTHING_HELD_OUT  # its answers about examples that it did not learn from
    features: str | None = None  # what it sees of an image, in words; None for networks
    configurations: tuple[Configuration, ...] = ()  # what was tried and how it scored on validation
    setup: Setting = NO_SETTING  # features and words of the set-up that was taken, of a classical model
    scale: float | None = None  # of the decision values of a linear model of texts; None of all others
    # the model that gave `held_out`, where `model` was trained once more afterwards, from these
    # examples too; None where it is `model` itself, or folds judged
    judged: Model | None = None
    stored: FeatureCache | None = None  # table of the body it is built on; None where there is none
    history: Sequence[Record] = ()  # one record for each epoch; none for a classical model
    # counts that a time limit left a classical model; None without a limit, and for networks
    budget: Budget | None = None
    answer_seconds: float = 0.0  # time of its answer about one example, without that of a body it is built on

    @property
    def seconds_at_setup(self) -> float:
        """Seconds of one more training at its set-up, about: comparing set-ups took the rest."""
        return self.train_seconds / (1 + len(self.configurations) / _COMPARED)


def stored_for(model: Model, material: Dataset, train: Int64[np.ndarray, " train"]) -> FeatureCache:
    """A table of what a trained network makes of the examples, for all models built on it.

    The network answers from its rows; it is at temperature 1. Simple models and detectors ask about `train`.
    """
    assert isinstance(model, OnNetwork)  # classical models have no shared body
    outputs, count = model.network.config.outputs, len(material.labels)
    return FeatureCache(
        FeatureTable(count, lambda some: model.outputs_and_seen(material.inputs[some])),
        lambda rows: model.said_of(rows[:, :outputs]),
        train,
        hidden_from=outputs,
        learnt=FeatureTable(count, lambda some: model.seen(material.inputs[some])),
    )


def rows_at_hand(
    model: Model, inputs: Any, positions: Int64[np.ndarray, " some"]
) -> scipy.sparse.csr_array | None:
    """Features that a classical model sees of texts whose n-grams were counted when it learned.

    `None` of other inputs and models, and of texts that were not counted.
    """
    if not isinstance(model, ClassicalModel) or model.tfidf is None or not isinstance(inputs, Texts):
        return None
    return weights_at_hand(model.tfidf, inputs, positions)


def answers(
    model: Model, dataset: Dataset, indices: Int64[np.ndarray, " examples"]
) -> Float64[np.ndarray, "examples ..."]:
    """Answers of a model about examples at some positions, read block by block where nothing is at hand.

    Probabilities (examples, classes), or numbers (examples,).
    """
    rows = rows_at_hand(model, dataset.inputs, indices)
    if rows is not None and isinstance(model, ClassicalModel):
        return model.said_of(model.predictor.predict(rows))
    blocks = [indices[start : start + _BLOCK] for start in range(0, len(indices), _BLOCK)]
    if not blocks:
        return dataset.target.no_answers(len(dataset.classes))
    return np.concatenate([dataset.target.ask(model, dataset.inputs[some]) for some in blocks])


def raw_answers(
    candidate: Candidate, dataset: Dataset, indices: Int64[np.ndarray, " examples"]
) -> Float64[np.ndarray, "examples ..."]:
    """The same of a candidate at temperature 1, from the table of its body where there is one."""
    if candidate.stored is None or len(indices) == 0:
        return answers(candidate.model.at(1.0), dataset, indices)
    return candidate.stored.answers(indices)


def with_validation(candidate: Candidate, dataset: Dataset) -> Candidate:
    """Ask a model, at temperature 1, about the validation split."""
    if candidate.stored is not None and len(dataset.validation):
        candidate.stored.features.of(dataset.validation)  # all models on the body share its time
    began = time.perf_counter()
    held_out = HeldOutAnswers(dataset.validation, raw_answers(candidate, dataset, dataset.validation))
    seconds = seconds_of_one(began, len(dataset.validation))
    return dataclasses.replace(candidate, held_out=held_out, answer_seconds=seconds)


def with_answer_time(candidate: Candidate, dataset: Dataset) -> Candidate:
    """Measure how long an answer takes, by a few training examples, where nothing was asked yet."""
    some = dataset.train[:_TIMED] if candidate.stored is None else candidate.stored.train[:_TIMED]
    if candidate.answer_seconds or len(some) == 0:
        return candidate
    if candidate.stored is not None:
        candidate.stored.features.of(some)  # all models on the body share its time
    began = time.perf_counter()
    answers_and_novelty(candidate, dataset, some)
    return dataclasses.replace(candidate, answer_seconds=seconds_of_one(began, len(some)))


def seconds_of_one(began: float, examples: int) -> float:
    """Seconds of one of some answers since a reading of `time.perf_counter`; 0 where there were none."""
    return (time.perf_counter() - began) / examples if examples else 0.0


def answers_and_novelty(
    candidate: Candidate, dataset: Dataset, indices: Int64[np.ndarray, " examples"]
) -> Answers:
    """Answers of a model at temperature 1 and the novelty of the examples, in one pass."""
    stored, model = candidate.stored, candidate.model.at(1.0)
    if stored is not None and len(indices):
        found, novelty = stored.answers(indices), None
        if model.detector is not None:
            rows, size = stored.hidden(indices), stored.at_once
            starts = range(0, len(rows), size)
            novelty = np.concatenate([model.detector.novelty(rows[at : at + size]) for at in starts])
        return Answers(found, novelty)
    starts = range(0, max(1, len(indices)), _BLOCK)
    blocks = [model.answer(dataset.inputs[indices[start : start + _BLOCK]]) for start in starts]
    known = [each.novelty for each in blocks if each.novelty is not None]
    return Answers(np.concatenate([each.said for each in blocks]), np.concatenate(known) if known else None)


def calibrated(candidates: Sequence[Candidate], dataset: Dataset, seed: int) -> list[Candidate]:
    """Give every classifier the temperature that fits what was held out best.

    Its answers about the same examples get temperatures that were fitted without them (`cross_fitted`).
    Models come at temperature 1; those of numbers stay as they are.
    """
    if not dataset.target.has_metric("log_loss"):  # which a temperature lowers
        return list(candidates)
    found = []
    for each in candidates:
        labels, said = dataset.labels_at(each.held_out.positions), each.held_out.answers
        temperature = fit_temperature(labels, said)
        held_out = dataclasses.replace(each.held_out, answers=cross_fitted(labels, said, temperature, seed))
        found.append(dataclasses.replace(each, model=each.model.at(temperature), held_out=held_out))
    return found


def threshold_of(candidate: Candidate, dataset: Dataset, settings: Settings) -> Mapping[str, float]:
    """Threshold of a model's answers: the settings' own, or for several labels what fits held-out ones."""
    given, held_out = settings.threshold or {}, candidate.held_out
    if not len(held_out.positions):
        return given
    labels = dataset.labels_at(held_out.positions)
    return {**SCORING[labels.target].thresholds(labels, held_out.answers), **given}


def recommended(
    candidates: Sequence[Candidate], dataset: Dataset, metric: str | None, seed: int = 0
) -> Recommendation:
    """Choose a model, of those from the simplest on, by what was held out, and nothing of the test; say why.

    `metric` is the value of `--metric`; numbers go by squared error. The seed is that of the bootstrap.
    """
    positions = np.unique(np.concatenate([each.held_out.positions for each in candidates]))
    outputs = {}
    for each in candidates:  # not a number where a model was not asked
        rows = np.full((len(positions), *each.held_out.answers.shape[1:]), np.nan)
        rows[np.searchsorted(positions, each.held_out.positions)] = each.held_out.answers
        outputs[each.name] = rows
    noun = "validation example" if len(positions) == len(dataset.validation) else "held-out example"
    # None of these is simpler than another: models on one body, and linear ones of texts.
    bodies: dict[Features | FeatureTable, list[str]] = {}
    for each in candidates:
        if each.stored is not None:
            bodies.setdefault(each.stored.features, []).append(each.name)
    alike = [*bodies.values(), *([list(LINEAR_OF_TEXTS)] if dataset.input_kind is TEXTS else [])]
    found = recommend(dataset.labels_at(positions), outputs, metric, seed, alike, noun)
    if next(each for each in candidates if each.name == found.name).judged is None:
        return found
    return found._replace(
        reason=Sentence("{reason} After that it learned from these {noun}s too.", found.reason, dataset.noun)
    )


def on_validation(candidates: Sequence[Candidate], dataset: Dataset, settings: Settings) -> str:
    """As `on_held_out`, behind a colon; nothing without a validation split."""
    return (
        Sentence(": validation {candidates}", on_held_out(candidates, dataset, settings))
        if len(dataset.validation)
        else ""
    )


def held_out_score(
    metric: Metric,
    candidate: Candidate,
    dataset: Dataset,
    seed: int,
    some: Int64[np.ndarray, " some"] | None = None,
) -> float:
    """Score of a model on what was held out, or on some of these examples, by ascending positions.

    Several labels are decided by thresholds that the example in question took no part in choosing.
    """
    held_out = candidate.held_out
    labels = dataset.labels_at(held_out.positions)
    decided = SCORING[labels.target].decide(labels, held_out.answers, seed)
    places = slice(None) if some is None else np.searchsorted(held_out.positions, some)
    return metric_value(metric, labels.at(places), held_out.answers[places], predicted=decided[places])


def on_held_out(candidates: Sequence[Candidate], dataset: Dataset, settings: Settings) -> str:
    """The models' scores on what was held out, by the metric that decides, in words."""
    metric = dataset.target.decides(settings.metric)
    shown = [figure(held_out_score(metric, each, dataset, settings.seed)) for each in candidates]
    return Sentence("{words} {shown}", metric.words, ", ".join(shown))
