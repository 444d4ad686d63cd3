"""`train --from RUN`: continual training, as far as it is settled before planning."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.data import Check, Dataset
from pellucid.data.earlier import EarlierConstraints
from pellucid.data.wording import count_of
from pellucid.errors import DataError, UsageError
from pellucid.evaluation import Recommendation
from pellucid.pipeline.continual.contradictions import require_no_contradiction
from pellucid.pipeline.continual.earlier_data import Earlier, Record, earlier_data, records_of
from pellucid.pipeline.continual.incoming_data import prepare_for
from pellucid.pipeline.continual.rehearsal import Rehearsal, rehearsed
from pellucid.pipeline.continual.starting_point import StartingPoint, restored, starting_point
from pellucid.pipeline.learners.candidates import Candidate, recommended
from pellucid.pipeline.learners.planning.precision import require_precision
from pellucid.pipeline.learners.planning.preparation import Material, material_of
from pellucid.pipeline.run.journal import Journal
from pellucid.pipeline.run.stages import Stages
from pellucid.settings import Settings


@dataclass(frozen=True, eq=False)
class ContinualTraining:
    """A network that continues training, and what it learned before.

    Attributes:
        start: the network.
        records: how to find again what it learned from, the latest first.
        earlier: that data, as far as it is at hand.
        rehearsal: what is learned again; `None` where nothing is.
    """

    start: StartingPoint
    records: Sequence[Record]
    earlier: Sequence[Earlier] = ()
    rehearsal: Rehearsal | None = None

    @property
    def known(self) -> EarlierConstraints:
        """Facts about new data that the network fixes."""
        return EarlierConstraints(self.start.model.classes, self.start.model.preprocessing)

    @property
    def at_hand(self) -> list[Dataset]:
        """The earlier data that can be read again."""
        return [each.dataset for each in self.earlier if each.dataset is not None]

    @property
    def asked_in_the_end(self) -> int:
        """Old test examples, each answered by the network as it was and as it is."""
        return 2 * sum(len(each.test) for each in self.at_hand)

    @property
    def not_at_hand(self) -> list[str]:
        """Reasons why other data is not; at least one where nothing is at hand."""
        if not self.records:
            return [f"{self.start.place} is a model folder alone and does not say what it was trained on"]
        return [each.reason for each in self.earlier if each.dataset is None]

    def learned(self, dataset: Dataset) -> Material:
        """The new data, and behind it what is rehearsed."""
        return material_of(dataset) if self.rehearsal is None else self.rehearsal.material

    def new(self, dataset: Dataset) -> list[str]:
        """Classes that the network did not know."""
        return [name for name in dataset.classes if name not in self.known.classes]

    def missing(self, dataset: Dataset) -> list[str]:
        """Old classes of which the new training split has no example; none where numbers are predicted."""
        present = set(np.unique(dataset.labels[dataset.train]).tolist())
        return [name for name in self.known.classes if dataset.classes.index(name) not in present]

    def start_json(self) -> dict[str, Any]:
        """Start of a resumed run: the weights, and how to find earlier data."""
        return {
            "weights_sha256": self.start.sha256,
            "earlier": [dict(each) for each in self.records],
        }

    def to_json(self, dataset: Dataset) -> dict[str, Any]:
        """The form in `config.json`: enough for later runs to find all earlier data."""
        counts = None if self.rehearsal is None else self.rehearsal.to_json()
        return {
            "from": self.start.place,
            "model": self.start.model.name,
            "weights_sha256": self.start.sha256,
            "old_classes": list(self.known.classes),
            "new_classes": self.new(dataset),
            "missing_classes": self.missing(dataset),
            "rehearsal": counts,
            "earlier": [dict(each) for each in self.records],
        }


def begin(
    settings: Settings, given: Mapping[str, Any], checkpoints: Path, journal: Journal | None = None
) -> ContinualTraining | None:
    """Find the network that continues training, before any data is read; `None` where a fresh one is trained.

    `given` are the settings that were given. A run being resumed keeps the network in `checkpoints`; no run
    is begun where there is no journal.

    Raises: `ModelFileError` if RUN holds no model, or a damaged one; `UsageError` if settings contradict the
    network, or RUN holds none.
    """
    place = settings.from_
    if place is None:
        return None

    def decide() -> ContinualTraining:
        start = starting_point(place)
        require_no_contradiction(given, start)
        require_precision(settings, start.network.config.cell)
        return ContinualTraining(start, records_of(start))

    def take_over(saved: Mapping[str, Any]) -> ContinualTraining:
        return ContinualTraining(restored(place, saved["weights_sha256"], checkpoints), saved["earlier"])

    if journal is None:
        return decide()
    return journal.decided("start", decide, ContinualTraining.start_json, take_over)


def read_on(continual: ContinualTraining, place: str, settings: Settings) -> tuple[Dataset, Check]:
    """Make new data ready for the network.

    The data set with all classes, old and new; and what is known about it.

    Raises: `DataError` if the data is of another kind than the network takes, or cannot be used.
    """
    model = continual.start.model
    return prepare_for(place, settings, continual.known, model.input_kind, model.target)


def recall(
    continual: ContinualTraining,
    dataset: Dataset,
    settings: Settings,
    journal: Journal,
    stages: Stages,
) -> ContinualTraining:
    """Read what the network learned before, and choose by the settings and the seed what it rehearses.

    Raises: `DataError` if the run being resumed rehearses data that is not at hand any more; `UsageError` if
    a rehearsal is asked for, and no earlier data is at hand.
    """
    place = continual.start.place
    with stages.stage(f"reading what {place} was trained on") as stage:
        continual = dataclasses.replace(continual, earlier=earlier_data(continual.records))
        old = _to_rehearse(continual, settings, journal)
        if old:
            rehearsal = rehearsed(material_of(dataset), old, settings.seed)
            continual = dataclasses.replace(continual, rehearsal=rehearsal if rehearsal.train else None)
        examples = count_of(sum(len(each.train) for each in continual.at_hand), f"training {dataset.noun}")
        stage.words = f"read what {place} was trained on: {examples} at hand"
    return continual


def _to_rehearse(continual: ContinualTraining, settings: Settings, journal: Journal) -> list[Dataset]:
    """Earlier data from which examples are taken.

    Raises: `DataError` if the run being resumed took some from data that is not at hand any more;
    `UsageError` if a rehearsal is asked for, and no earlier data is at hand.
    """

    def decide() -> list[str]:
        """Fingerprints of the earlier data to rehearse; all that is at hand unless it was refused."""
        if settings.rehearse and not continual.at_hand:
            raise UsageError(
                f"--rehearse: nothing is at hand to rehearse: {continual.not_at_hand[0]}; restore it, or "
                "leave this out"
            )
        return [] if settings.rehearse is False else [each.fingerprint for each in continual.at_hand]

    wanted = journal.decided("rehearsed", decide)
    found = [each for each in continual.at_hand if each.fingerprint in wanted]
    if len(found) < len(wanted):
        raise DataError(
            f"--resume: the run rehearses data that is not at hand any more: {continual.not_at_hand[0]}; "
            "restore it, or start again with --overwrite"
        )
    return found


def recommended_on(
    continual: ContinualTraining | None,
    candidates: Sequence[Candidate],
    dataset: Dataset,
    settings: Settings,
) -> Recommendation:
    """The model to use, and why; where old classes are missing, only the network that knows them may be.

    `candidates` come simplest first; `continual` is `None` where a fresh network was trained, or none.
    """
    missing = [] if continual is None else continual.missing(dataset)
    if continual is None or not missing or len(candidates) == 1:
        return recommended(candidates, dataset, settings.metric, settings.seed)
    name = continual.start.model.name
    return Recommendation(
        name,
        f"{name} alone knows all {count_of(len(dataset.classes), 'class')}: the other models learned from "
        f"the new {dataset.noun}s, which lack {count_of(len(missing), 'old class')}.",
    )
