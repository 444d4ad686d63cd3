"""Outcome of a run that is about to write its results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.data import Check, Dataset
from pellucid.evaluation import LearningCurve, Recommendation, Slices
from pellucid.networks import NetworkConfig
from pellucid.pipeline.judging.testing import Tested
from pellucid.pipeline.learners.candidates import Candidate
from pellucid.reports import LabelIssues


@dataclass(frozen=True)
class Outcome:
    """Outcome of a run.

    Attributes:
        dataset: the data.
        check: what checking it found.
        ledger: name of the file that lists every example.
        config: the content of `config.json`.
        history: one record per epoch; empty without a network.
        network: the network's layers, or `None`.
        candidates: the models at their temperatures, simplest first.
        recommendation: which one to use, and why.
        tested: what each said on the test split, by name.
        curve: the learning curve, or `None`.
        label_issues: likely label errors, or `None`.
        folds: the form of `folds` in `metrics.json`, or `None`.
        novelty: how well the detector of each model did: the form of `models.NAME.novelty` in `metrics.json`.
        text: how the network read texts: the form of `text` in `metrics.json`, or `None`.
        slices: scores of the recommended model by the values of a column, or `None`.
        continual: what became of what a network had learned before: the form of `continual` in
            `metrics.json`, or `None` for a fresh network.
        added: what generated images gained: the form of `added_generated` in `metrics.json`, or `None`.
    """

    dataset: Dataset
    check: Check
    ledger: str
    config: Mapping[str, Any]
    history: Sequence[Mapping[str, Any]]
    network: NetworkConfig | None
    candidates: Sequence[Candidate]
    recommendation: Recommendation
    tested: Mapping[str, Tested]
    curve: LearningCurve | None
    label_issues: LabelIssues | None
    folds: Mapping[str, Any] | None
    novelty: Mapping[str, Mapping[str, Any]]
    text: Mapping[str, Any] | None
    slices: Slices | None = None
    continual: Mapping[str, Any] | None = None
    added: Mapping[str, Any] | None = None

    @property
    def comparable(self) -> Mapping[str, Tested]:
        """Answers of the models that choose among the same classes as the recommended one.

        Where continual training has new data that lacks old classes, the network alone knows all.
        """
        if self.continual is None or not self.continual["missing_classes"]:
            return self.tested
        return {name: each for name, each in self.tested.items() if name == self.continual["model"]}

    @property
    def recommended(self) -> Candidate:
        """The recommended model."""
        return next(each for each in self.candidates if each.name == self.recommendation.name)
