r"""Monitoring: metrics for Prometheus, and drift of what is asked from the examples models were judged on.

Nothing of the inputs is kept: counts, and for drift the novelty and the answers of the last window.

Answers are compared in windows of 200, each once. Of the false alarms that are admitted, $\alpha = 0.05$ for
as long as the server runs, the $k$-th window may spend $\frac{6 \alpha}{\pi^2 k^2}$, whose sum is $\alpha$:
looking often finds no more by chance than looking once. An alarm needs the test and an effect that is not
slight.

Source: Lan and DeMets 1983, "Discrete sequential boundaries for clinical trials", for spending $\alpha$.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from pellucid.arithmetic.probabilities import LEVEL, holm
from pellucid.evaluation.shifts import Shift, by_ranks
from pellucid.language.sentence import Sentence
from pellucid.runtime.metadata import Metadata
from pellucid.serving.by_target import SERVED, above

# Answers of a window: with fewer only large differences show.
WINDOW = 200
_SLIGHT = "slight"
# Classes with a counter of their own; all others share one.
_MOST_CLASSES = 100
_OTHERS = "(others)"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_INPUTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_NOVELTY = (0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0)


class Window(NamedTuple):
    """One window of answers, compared with the reference."""

    number: int  # from 1 on
    reference: int  # examples that it was compared with
    alpha: float  # chance of a false alarm that this window may spend
    shifts: Mapping[str, Shift]  # `novelty` and `answers`, with p-values adjusted for being two

    @property
    def alarms(self) -> list[str]:
        """Names of shifts that are more than chance and more than slight."""
        return [
            name for name, each in self.shifts.items() if each.p_value <= self.alpha and each.size != _SLIGHT
        ]

    def to_json(self) -> dict[str, Any]:
        """Window as clients get it."""
        shifts = {
            name: {"p_value": each.p_value, "effect": each.effect, "size": each.size, "words": each.words}
            for name, each in self.shifts.items()
        }
        return {
            "window": self.number,
            "answers": WINDOW,
            "reference": self.reference,
            "alpha": self.alpha,
            "alarms": self.alarms,
            "shifts": shifts,
        }


class DriftWatch:
    """Drift of one model's answers from its held-out ones; from the first window where the file has none.

    Attributes:
        windows: compared so far.
        alarms: of these with an alarm.
        last: the last one; `None` before.

    Args:
        metadata: of the model, with its held-out answers.
    """

    windows: int
    alarms: int
    last: Window | None

    def __init__(self, metadata: Metadata) -> None:
        self.windows = self.alarms = 0
        self.last = None
        self._metadata, self._own = metadata, SERVED[metadata.target]
        self._novelty: list[float] = []
        self._answers: list[float] = []  # codes of classes, or numbers
        self._reference: tuple[np.ndarray | None, np.ndarray | None] | None = None
        self._codes = {name: code for code, name in enumerate(metadata.classes)}
        held_out = metadata.held_out
        if held_out is not None:
            self._reference = (held_out.novelty, self._own.reference(metadata, held_out.said))

    def add(self, labels: Sequence[Any], novelty: Sequence[float]) -> None:
        """Take in answers, and compare each window that becomes full."""
        self._answers += self._own.watched(labels, self._codes)
        self._novelty += novelty
        while max(len(self._answers), len(self._novelty)) >= WINDOW:
            here = tuple(
                np.array(each[:WINDOW], np.float64) if len(each) >= WINDOW else None
                for each in (self._novelty, self._answers)
            )
            del self._novelty[:WINDOW], self._answers[:WINDOW]
            if self._reference is None:
                self._reference = here[0], here[1]
            else:
                self._compare(here[0], here[1], *self._reference)

    def _compare(
        self,
        novelty: np.ndarray | None,
        answers: np.ndarray | None,
        novelty_then: np.ndarray | None,
        answers_then: np.ndarray | None,
    ) -> None:
        shifts, reference = {}, 0
        noun = self._metadata.input_kind.noun
        if novelty is not None and novelty_then is not None:
            reference = len(novelty_then)
            words = Sentence("an input looks less familiar than a reference {noun}", noun)
            shifts["novelty"] = by_ranks(above(novelty, novelty_then), (len(novelty), reference), words)
        if answers is not None and answers_then is not None:
            reference = len(answers_then)
            shifts["answers"] = self._own.shift(self._metadata, answers, answers_then)
        if not shifts:
            return
        adjusted = holm([each.p_value for each in shifts.values()])
        shifts = {
            name: each._replace(p_value=p_value)
            for (name, each), p_value in zip(shifts.items(), adjusted, strict=True)
        }
        self.windows += 1
        alpha = 6 * LEVEL / (math.pi * self.windows) ** 2
        self.last = Window(self.windows, reference, alpha, shifts)
        self.alarms += bool(self.last.alarms)


class Monitor:
    """Metrics of a server, in a registry of their own.

    Attributes:
        drift: of each model, by its name.

    Args:
        models: metadata of the models by their names.
        waiting: how many requests wait.
        alive: how many processes answer.
        restarts: how many were replaced.
    """

    drift: dict[str, DriftWatch]

    def __init__(
        self,
        models: Mapping[str, Metadata],
        *,
        waiting: Callable[[], int],
        alive: Callable[[], int],
        restarts: Callable[[], int],
    ) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.drift = {name: DriftWatch(each) for name, each in models.items()}
        self._children: dict[tuple[Any, ...], Any] = {}
        self._known: dict[str, set[str]] = {name: set() for name in models}  # labels with a counter
        self._requests = Counter(
            "pellucid_requests", "Requests answered or refused", ["endpoint", "status"], registry=registry
        )
        self._seconds = Histogram(
            "pellucid_request_seconds",
            "Seconds of a request",
            ["endpoint"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._waited = Histogram(
            "pellucid_queue_seconds", "Seconds a request waited", buckets=_SECONDS, registry=registry
        )
        self._took = Histogram(
            "pellucid_answer_seconds", "Seconds a process took", buckets=_SECONDS, registry=registry
        )
        self._inputs = Histogram(
            "pellucid_request_inputs", "Inputs of a request", ["model"], buckets=_INPUTS, registry=registry
        )
        self._answers = Counter("pellucid_answers", "Answers by label", ["model", "label"], registry=registry)
        self._novelty = Histogram(
            "pellucid_novelty", "Novelty of inputs, 0 to 1", ["model"], buckets=_NOVELTY, registry=registry
        )
        self._unfamiliar = Counter(
            "pellucid_unfamiliar", "Inputs unlike the training data", ["model"], registry=registry
        )
        for name, words, value in (
            ("pellucid_queue_waiting", "Requests that wait for a process", waiting),
            ("pellucid_workers", "Processes that answer", alive),
            ("pellucid_worker_restarts", "Processes that were replaced", restarts),
        ):
            Gauge(name, words, registry=registry).set_function(value)
        self._effect = Gauge(
            "pellucid_drift_effect",
            "Last window: Cliff's delta of novelty or numbers, Cohen's h of classes",
            ["model", "of"],
            registry=registry,
        )
        self._p_value = Gauge(
            "pellucid_drift_p_value", "Last window: p-value (Holm)", ["model", "of"], registry=registry
        )
        self._alpha = Gauge(
            "pellucid_drift_alpha", "Last window: p-values up to it count", ["model"], registry=registry
        )
        self._windows = Gauge("pellucid_drift_windows", "Windows compared", ["model"], registry=registry)
        self._alarms = Gauge("pellucid_drift_alarms", "Windows with an alarm", ["model"], registry=registry)
        self._rates = {name: each.novelty_rate for name, each in models.items()}
        self._has_classes = {name: bool(each.classes) for name, each in models.items()}

    def count(self, endpoint: str, status: int, seconds: float) -> None:
        """Count a reply."""
        self._child(self._requests, endpoint, str(status)).inc()
        if status == 200:
            self._child(self._seconds, endpoint).observe(seconds)

    def answered(self, model: str, counted: Mapping[str, Any], waited: float, took: float) -> None:
        """Count the answers of a process: `labels`, `novelty` and the number of `inputs`."""
        self._waited.observe(waited)
        self._took.observe(took)
        labels, novelty = counted.get("labels", []), counted.get("novelty", [])
        self._child(self._inputs, model).observe(counted.get("inputs", 0))
        for label in labels if self._has_classes[model] else []:
            self._of_label(model, str(label)).inc()
        rate = self._rates[model]
        for each in novelty if rate is not None else []:
            self._child(self._novelty, model).observe(each)
            if rate is not None and each > 1 - rate:
                self._child(self._unfamiliar, model).inc()
        watch = self.drift[model]
        before = watch.windows
        watch.add(labels, novelty)
        if watch.windows > before:
            self._show(model, watch)

    def _of_label(self, model: str, label: str) -> Any:
        """Counter of a class; beyond the first hundred all share one, however many there are."""
        known = self._known[model]
        if label not in known:
            if len(known) >= _MOST_CLASSES:
                return self._child(self._answers, model, _OTHERS)
            known.add(label)
        return self._child(self._answers, model, label)

    def _child(self, metric: Any, *values: str) -> Any:
        """A metric with these labels; the library looks them up more slowly."""
        key = (id(metric), *values)
        found = self._children.get(key)
        if found is None:
            found = self._children[key] = metric.labels(*values)
        return found

    def _show(self, model: str, watch: DriftWatch) -> None:
        assert watch.last is not None
        for name, shift in watch.last.shifts.items():
            self._effect.labels(model, name).set(shift.effect)
            self._p_value.labels(model, name).set(shift.p_value)
        self._alpha.labels(model).set(watch.last.alpha)
        self._windows.labels(model).set(watch.windows)
        self._alarms.labels(model).set(watch.alarms)

    def text(self) -> bytes:
        """Metrics in the text format of Prometheus."""
        return bytes(generate_latest(self._registry))
