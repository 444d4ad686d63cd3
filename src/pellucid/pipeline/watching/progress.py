"""Progress of a run as its page shows it: news in words, and the facts of a report that are known by now."""

import contextlib
import math
import platform
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64

from pellucid.arithmetic.rounding import figure
from pellucid.data import Check, Dataset
from pellucid.language.sentence import Sentence, begun
from pellucid.networks import describe
from pellucid.pipeline.by_target import WAYS, target_of_run
from pellucid.pipeline.judging.by_target import JUDGING, answered_rows
from pellucid.pipeline.learners.candidates import Candidate
from pellucid.pipeline.run.context import RunContext, task_name
from pellucid.pipeline.run.journal import notes_of
from pellucid.pipeline.run.stages import Onlooker
from pellucid.reports import Answered, GeneratedFacts, ReportFacts
from pellucid.reports.formatting import count, seconds
from pellucid.settings import DUMMIES, metrics_of
from pellucid.targets import Labels
from pellucid.training import Observer, Session
from pellucid.training.state import Record, State

_WRONG = 12  # wrong answers that the page shows
_LINES = 200  # of what was done, likewise
_PACED = 5  # steps of a training after which its pace is known


class Training(Observer):
    """A training as it is watched: where it is, its pace, and its latest answers on validation.

    The loop calls it in its own thread; whoever shows it reads in another. What is read are numbers and whole
    arrays, each replaced by another one and never changed.
    """

    def __init__(self, name: str, session: Session[Any]) -> None:
        self.name, self.session, self.state = name, session, session.state
        self.began, self.first = time.monotonic(), session.state.step
        self.answers: Float64[np.ndarray, "validation ..."] | None = None
        self.epochs, self.is_over = len(session.state.history), False

    def after_validation(self, answers: Float64[np.ndarray, "validation ..."]) -> None:
        """Keep the answers of the epoch."""
        self.answers = answers

    def after_epoch(self, state: State) -> None:
        """Count the epoch, whose record is complete."""
        self.epochs = len(state.history)

    @property
    def history(self) -> list[Record]:
        """Records of the epochs that are over."""
        return self.state.history[: self.epochs]

    @property
    def share(self) -> float:
        """Steps taken, as a share of those planned by now."""
        return min(1.0, self.state.step / max(1, self.session.batches.recipe.total_steps))

    @property
    def seconds_left(self) -> float | None:
        """Seconds that the steps to come take at the pace so far; `None` where none is known."""
        taken = self.state.step - self.first
        if taken < _PACED:
            return None
        pace = (time.monotonic() - self.began) / taken
        return pace * (self.session.batches.recipe.total_steps - self.state.step)


class Progress(Onlooker):
    """What is known of a run so far. `place` names its data."""

    def __init__(self, place: str, began: float) -> None:
        self.place, self.began_at = place, began
        self.context: RunContext | None = None
        self.check: Check | None = None
        self.trained: dict[str, Candidate] = {}
        self.under_way: Training | None = None
        self.message = ""
        self.is_finished = False
        self._entries: dict[str, dict[str, Any]] = {}
        self._fits = 0
        self._stages: list[str] = []
        self._lines: list[str] = []
        self._stop = threading.Event()

    # What the run calls, in its own threads.

    @contextlib.contextmanager
    def stage(self, words: str) -> Iterator[None]:
        """Show a stage for as long as it takes."""
        self._stages.append(words)
        try:
            yield
        finally:
            self._stages.remove(words)

    def line(self, text: str) -> None:
        """Keep what was done."""
        if text and len(self._lines) < _LINES:
            self._lines.append(text)

    def read(self, context: RunContext, check: Check) -> None:
        """Keep the data and what was found in it."""
        self.context, self.check = context, check

    def fitted(self, candidates: Sequence[Candidate]) -> None:
        """Keep models that are trained."""
        self.trained = {**self.trained, **{each.name: each for each in candidates}}
        for each in candidates:
            self._entries.pop(each.name, None)
        self._fits += 1

    @contextlib.contextmanager
    def training(self, name: str, session: Session[Any]) -> Iterator[Sequence[Observer]]:
        """Watch the training of a network, which may be asked to stop for as long as it goes on."""
        self._stop.clear()
        self.under_way = Training(name, session)
        try:
            yield [self.under_way]
        finally:
            self.under_way.is_over = True
            self._stop.clear()

    def stop_is_wanted(self) -> bool:
        """True where somebody asked the network under way to stop."""
        return self._stop.is_set()

    # What the page asks.

    def stop(self) -> bool:
        """Ask the network under way to stop after this step; false where none is trained."""
        if not self._can_stop:
            return False
        self._stop.set()
        return True

    @property
    def _can_stop(self) -> bool:
        return self.under_way is not None and not self.under_way.is_over

    @property
    def version(self) -> int:
        """A number that grows with each thing that the sections have to show."""
        training = self.under_way
        epochs = 0 if training is None else 1 + training.epochs + training.is_over
        return (self.check is not None) + self._fits + epochs

    def news(self) -> dict[str, Any]:
        """What changes from moment to moment, in words, as JSON for the page."""
        training = self.under_way if self._can_stop else None
        stages = [each for each in self._stages if each]
        title = stages[0] if stages else "preparing"
        if training is not None:
            title = Sentence("training {name}", training.name)
        elif self.is_finished:
            title = "finished"
        recipe = None if training is None else training.session.batches.recipe
        epoch = 0 if training is None or recipe is None else min(training.epochs + 1, recipe.epochs)
        return {
            "state": "finished" if self.is_finished else "failed" if self.message else "under way",
            "title": begun(title),
            "version": self.version,
            "share": None if training is None else round(training.share, 4),
            "words": ""
            if recipe is None
            else Sentence("Epoch {epoch:,} of {epochs:,}", epoch, recipe.epochs),
            "left": "" if training is None else _left(training),
            "figures": self._figures(training),
            "lines": list(self._lines),
            "spoken": self._spoken(title),
            "can_stop": training is not None,
            "is_stopping": self._stop.is_set(),
            "message": self.message,
        }

    def _figures(self, training: Training | None) -> list[tuple[str, str]]:
        """Names and values that are shown in large."""
        found = [("Running for", _roughly(time.monotonic() - self.began_at))]
        if self.context is not None and self.context.time.is_limited:
            time_budget = self.context.time
            left = max(0.0, time_budget.whole - (time.monotonic() - time_budget.began))
            found.append(("Of the time limit left", _roughly(left)))
        if training is None:
            return found
        state, recipe = training.state, training.session.batches.recipe
        found.append(
            ("Steps", Sentence("{step} of {total_steps}", count(state.step), count(recipe.total_steps)))
        )
        rate = state.sums.examples / max(state.sums.seconds, 1e-9)
        if rate and self.context is not None:
            found.append(
                (Sentence("{capitalize}s a second", self.context.dataset.noun.capitalize()), count(rate))
            )
        if training.history:
            last = training.history[-1]
            found.append(("Train loss", figure(last["train_loss"])))
            found += [
                (Sentence("Validation {words}", metric.words), figure(last[metric.in_history]))
                for metric in [self._decides]
                if metric.in_history in last
            ]
        return found

    def _spoken(self, title: str) -> str:
        """A sentence for those who hear the page."""
        training = self.under_way
        if training is None or training.is_over or not training.epochs:
            return f"{title[0].upper()}{title[1:]}."
        left = _left(training)
        return Sentence(
            "Epoch {epochs:,} of {name} is over{value}.",
            training.epochs,
            training.name,
            Sentence("; {left}", left) if left else "",
        )

    # The facts of a report.

    @property
    def _decides(self) -> Any:
        assert self.context is not None  # there is a network
        return self.context.dataset.target.decides(self.context.settings.metric)

    def facts(self) -> ReportFacts | None:
        """Everything that a report can show by now; `None` before the data is read."""
        context, check = self.context, self.check
        if context is None or check is None:
            return None
        dataset, settings, config = context.dataset, context.settings, context.journal.content
        training, trained = self.under_way, dict(self.trained)
        for name, each in trained.items():
            if name not in self._entries:
                self._entries[name] = _entry(each, dataset)
        entries = {name: self._entries[name] for name in trained}
        history: Sequence[Mapping[str, Any]] = ()
        layers: Sequence[Any] = ()
        makes_images = WAYS[target_of_run(settings.model, dataset)].makes_images
        if training is not None:
            history = training.history
            layers = describe(training.session.network.config)
            if training.name not in entries and not makes_images:
                entries[training.name] = _entry_of_training(training, dataset)
        name, words = self._chosen(entries)
        recipe = {} if training is None else training.session.batches.recipe.to_json()
        labels, answers = (None, None) if makes_images else self._judged(name)
        common: dict[str, Any] = {
            "title": self.place,
            "metrics": {
                "task": task_name(dataset, settings),
                "classes": list(dataset.classes),
                "data": check.metrics(),
                "recommended": name,
                "models": {} if makes_images else entries,
                "notes": notes_of(config),
            },
            "history": history,
            "check": check,
            "settings": {**config.get("settings", {}), **recipe},
            "versions": config.get("versions", {"python": platform.python_version()}),
            "layers": layers,
            "command": config.get("command", ""),
            "ledger": "",
            "judged": "held-out" if self._has_folds else "validation",
            "chosen": words,
        }
        empty = np.zeros((0, 0), np.int64)
        if makes_images:
            return ReportFacts(**common, confusion=empty, mistakes=(), generated=GeneratedFacts({}, ()))
        if answers is None or labels is None:
            return ReportFacts(**common, confusion=empty, mistakes=())
        judged = Labels(labels, tuple(dataset.classes), dataset.target)
        shown = JUDGING[dataset.target].so_far(judged, answers, settings.threshold)
        return ReportFacts(
            **{**common, "confusion": empty, **shown}, mistakes=self._mistakes(labels, answers)
        )

    @property
    def _has_folds(self) -> bool:
        """True where models were judged on folds, which hold more than the validation split."""
        assert self.context is not None
        validation = self.context.dataset.validation
        return any(not np.isin(each.held_out.positions, validation).all() for each in self.trained.values())

    def _chosen(self, entries: Mapping[str, Mapping[str, Any]]) -> tuple[str, str]:
        """The model whose answers are shown, and what it is called: that in training, or the best so far."""
        training = self.under_way
        if training is not None and not training.is_over:
            return training.name, "in training"
        scored = [name for name, each in entries.items() if self._decides.key in each["test"]]
        if not scored:
            return next(reversed([*entries]), ""), "trained last"
        better = {name: self._decides.better(entries[name]["test"][self._decides.key]) for name in scored}
        return max(scored, key=lambda name: (name not in DUMMIES, better[name])), "best so far"

    def _judged(self, name: str) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Labels and answers of a model on validation; `None` where it was not asked."""
        assert self.context is not None
        training, dataset, known = self.under_way, self.context.dataset, self.trained.get(name)
        if known is not None and len(known.held_out.positions) and (training is None or training.is_over):
            return dataset.labels[known.held_out.positions], known.held_out.answers
        if training is None or training.name != name or training.answers is None:
            return None, None
        examples = training.session.batches.examples
        return examples.labels[examples.validation], training.answers

    def _mistakes(self, labels: np.ndarray, answers: np.ndarray) -> Sequence[Answered]:
        """Wrong answers on validation, the surest first; none where the examples are not the data's own."""
        assert self.context is not None
        dataset, threshold = self.context.dataset, self.context.settings.threshold
        worst_of = JUDGING[dataset.target].first_mistakes
        if worst_of is None or not np.array_equal(labels, dataset.labels[dataset.validation]):
            return ()
        decided = dataset.target.labels(answers, dataset.classes, threshold)
        rows = worst_of(labels, answers, decided)[:_WRONG]
        return answered_rows(dataset, dataset.validation, answers, decided, rows)


def _entry(candidate: Candidate, dataset: Dataset) -> dict[str, Any]:
    """A model in the form of `metrics.json`, scored on what was held out in place of the test."""
    labels, answers = dataset.labels[candidate.held_out.positions], candidate.held_out.answers
    return {
        "test": _scores(labels, answers, dataset) if len(labels) else {},
        "train_examples": candidate.train_examples,
        "train_seconds": candidate.train_seconds,
        "parameters": candidate.model.parameters,
        "milliseconds_per_example": 1000 * candidate.answer_seconds or None,
        "features": candidate.features,
        "configurations": [each.to_json() for each in candidate.configurations],
    }


def _entry_of_training(training: Training, dataset: Dataset) -> dict[str, Any]:
    """A network under way, scored by its latest epoch."""
    examples, answers = training.session.batches.examples, training.answers
    judged = {} if answers is None else _scores(examples.labels[examples.validation], answers, dataset)
    return {
        "test": judged,
        "train_examples": len(examples.train),
        "train_seconds": sum(record["seconds"] for record in training.history),
        "parameters": sum(each.numel() for each in training.session.network.parameters()),
    }


def _scores(labels: np.ndarray, answers: np.ndarray, dataset: Dataset) -> dict[str, float]:
    """Plain values, without intervals: validation decides, it does not conclude."""
    found = {}
    for metric in metrics_of(dataset.target.noun, len(dataset.classes)):
        value = dataset.target.value(metric.key, labels, answers)
        if math.isfinite(value):
            found[metric.key] = value
    return found


def _left(training: Training) -> str:
    left = training.seconds_left
    return "" if left is None else Sentence("about {left} of training left", _roughly(left))


def _roughly(duration: float) -> str:
    """Such as `42 s`, `3 min` or `2 h 5 min`."""
    if duration < 100:
        return f"{max(0, round(duration))} s"
    if duration < 3600:
        return Sentence("{duration} min", round(duration / 60))
    return seconds(duration)
