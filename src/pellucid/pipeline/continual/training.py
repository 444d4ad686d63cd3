"""`train --from RUN`: continual training of a network, its plan, and what it means in words."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64, Shaped
from torch import Tensor, from_numpy, nn

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.bundle import TextModel
from pellucid.data import Check, Dataset
from pellucid.data.dataset import EarlierConstraints
from pellucid.data.raw_texts import Texts
from pellucid.data.split_rules import SPLIT_RULE
from pellucid.data.wording import count_of, quoted, some
from pellucid.errors import DataError, UsageError
from pellucid.evaluation import Recommendation
from pellucid.language.sentence import Sentence
from pellucid.networks.families import Centres, centres_of, copied, with_classes
from pellucid.pipeline.continual.starting_point import (
    Earlier,
    Record,
    Rehearsal,
    StartingPoint,
    prepare_for,
    read_earlier,
    rehearsed,
    require_no_contradiction,
    restored,
    starting_point,
)
from pellucid.pipeline.learners.candidates import Candidate, recommended
from pellucid.pipeline.learners.in_run import simple_in_run, train_in_run
from pellucid.pipeline.learners.network import NetworkLearner, recipe_words
from pellucid.pipeline.learners.preparation import (
    Plan,
    Prepared,
    decided_plan,
    examples_of,
    make_plan,
    require_precision,
)
from pellucid.pipeline.run.context import RunContext
from pellucid.pipeline.run.journal import Journal
from pellucid.pipeline.run.stages import Stages
from pellucid.settings import Settings
from pellucid.training import Examples
from pellucid.training.batches import to_tensor
from pellucid.training.hardware import choose_threads, pinned
from pellucid.training.recipe import continued, continued_words


@dataclass(frozen=True, eq=False)
class ContinualTraining:
    """A network that continues training, and what it learned before."""

    start: StartingPoint
    records: Sequence[Record]  # how to find again what it learned from, the latest first
    earlier: Sequence[Earlier] = ()  # that data, as far as it is at hand
    rehearsal: Rehearsal | None = None  # what is learned again

    @property
    def known(self) -> EarlierConstraints:
        """Classes and preprocessing that the network fixes for new data."""
        return EarlierConstraints(self.start.model.classes, self.start.model.preprocessing)

    @property
    def at_hand(self) -> list[Dataset]:
        """The earlier data that can be read again."""
        return [each.dataset for each in self.earlier if each.dataset is not None]

    @property
    def not_at_hand(self) -> list[str]:
        """Reasons why other data is not; at least one where nothing is at hand."""
        if not self.records:
            return [
                Sentence(
                    "{place} is a model folder alone and does not say what it was trained on",
                    self.start.place,
                )
            ]
        return [each.reason for each in self.earlier if each.dataset is None]

    def learned(self, dataset: Dataset) -> Dataset:
        """The new data, and behind it what is rehearsed."""
        return dataset if self.rehearsal is None else self.rehearsal.material

    def new(self, dataset: Dataset) -> list[str]:
        """Classes that the network did not know."""
        return [name for name in dataset.classes if name not in self.known.classes]

    def missing(self, dataset: Dataset) -> list[str]:
        """Old classes of which the new training split has no example; none where numbers are predicted."""
        codes = set(np.unique(dataset.labels[dataset.train]).tolist())
        return [name for name in self.known.classes if dataset.classes.index(name) not in codes]

    def to_json(self, dataset: Dataset) -> dict[str, Any]:
        """The form in `config.json`: enough for later runs to find all earlier data."""
        return {
            "from": self.start.place,
            "model": self.start.model.name,
            "weights_sha256": self.start.sha256,
            "old_classes": list(self.known.classes),
            "new_classes": self.new(dataset),
            "missing_classes": self.missing(dataset),
            "rehearsal": None if self.rehearsal is None else self.rehearsal.to_json(),
            "earlier": [dict(each) for each in self.records],
        }


def begin(
    settings: Settings, given: Mapping[str, Any], checkpoints: Path, journal: Journal | None = None
) -> ContinualTraining | None:
    """Find the network that continues training, before any data is read; `None` where a fresh one is trained.

    `given` are the settings that were given. A run being resumed keeps the network in `checkpoints`; no run
    is begun where there is no journal.
    """
    place = settings.from_
    if place is None:
        return None

    def decide() -> ContinualTraining:
        start = starting_point(place)
        require_no_contradiction(given, start)
        require_precision(settings, start.model.network.config.cell)
        return ContinualTraining(start, start.records)

    if journal is None:
        return decide()
    return journal.decided(
        "start",
        decide,
        lambda made: {"weights_sha256": made.start.sha256, "earlier": [dict(each) for each in made.records]},
        lambda saved: ContinualTraining(
            restored(place, saved["weights_sha256"], checkpoints), saved["earlier"]
        ),
    )


def read_on(
    continual: ContinualTraining, place: str, settings: Settings, split_rule: int = SPLIT_RULE
) -> tuple[Dataset, Check]:
    """Make new data ready for the network: with all classes, old and new."""
    model = continual.start.model
    return prepare_for(place, settings, continual.known, model.input_kind, model.target, split_rule)


def recall(
    continual: ContinualTraining, dataset: Dataset, settings: Settings, journal: Journal, stages: Stages
) -> ContinualTraining:
    """Read what the network learned before, and choose by the settings and the seed what it rehearses."""
    place = continual.start.place
    with stages.stage(Sentence("reading what {place} was trained on", place)) as stage:
        continual = dataclasses.replace(continual, earlier=[*map(read_earlier, continual.records)])
        at_hand = continual.at_hand

        def decide() -> list[str]:
            """Fingerprints of the earlier data to rehearse; all that is at hand unless it was refused."""
            if settings.rehearse and not at_hand:
                raise UsageError(
                    "--rehearse: nothing is at hand to rehearse: {not_at_hand}; restore it, or "
                    "leave this out",
                    continual.not_at_hand[0],
                )
            return [] if settings.rehearse is False else [each.fingerprint for each in at_hand]

        wanted = journal.decided("rehearsed", decide)
        old = [each for each in at_hand if each.fingerprint in wanted]
        if len(old) < len(wanted):
            raise DataError(
                "--resume: the run rehearses data that is not at hand any more: {not_at_hand}; "
                "restore it, or start again with --overwrite",
                continual.not_at_hand[0],
            )
        rehearsal = rehearsed(dataset, old, settings.seed) if old else None
        if rehearsal is not None and rehearsal.train:
            continual = dataclasses.replace(continual, rehearsal=rehearsal)
        examples = count_of(
            sum(len(each.train) for each in at_hand), Sentence("training {noun}", dataset.noun)
        )
        stage.words = Sentence("read what {place} was trained on: {examples} at hand", place, examples)
    return continual


def recommended_on(
    continual: ContinualTraining | None, candidates: Sequence[Candidate], dataset: Dataset, settings: Settings
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
        Sentence(
            "{name} alone knows all {classes}: the other models learned from "
            "the new {noun}s, which lack {missing}.",
            name,
            count_of(len(dataset.classes), "class"),
            dataset.noun,
            count_of(len(missing), "old class"),
        ),
    )


_NAMES_SHOWN = 5
# From which on new numbers are likely in another unit.
_FAR_OFF = 3.0  # deviations between the means
_MUCH_WIDER = 10.0  # times wider or narrower


def sentences(continual: ContinualTraining, dataset: Dataset, settings: Settings) -> list[str]:
    """What becomes of classes and of old knowledge, in sentences; one that warns starts with `warning:`."""
    new, missing, rehearsal = continual.new(dataset), continual.missing(dataset), continual.rehearsal
    lines: list[str] = []
    if len(new) == 1:
        lines.append(
            Sentence(
                "New class: {new}; its row in the last layer starts from the mean of its examples, and "
                "the old classes keep theirs.",
                _named(new),
            )
        )
    elif new:
        lines.append(
            Sentence(
                "New classes: {new}; their rows in the last layer start from the means of their "
                "examples, and the old classes keep theirs.",
                _named(new),
            )
        )
    if missing:
        stay = "it stays" if len(missing) == 1 else "they stay"
        lines.append(
            Sentence(
                "No new training example has {missing}; {stay} among the network's answers.",
                _named(missing),
                stay,
            )
        )
    if rehearsal is not None:
        lines.append(
            Sentence(
                "The network rehearses {train:,} of the {of:,} old training {noun}s "
                "beside the {train2:,} new ones; other models learn from the new ones alone.",
                rehearsal.train,
                rehearsal.of,
                dataset.noun,
                len(dataset.train),
            )
        )
    else:
        why = "the new data has all of them" if continual.at_hand else ""
        if settings.rehearse is False:
            why = "as --no-rehearse asks"
        lines.append(
            Sentence("No old {noun}s are rehearsed: {value}.", dataset.noun, why or continual.not_at_hand[0])
        )
        if missing:
            lines.append(
                Sentence(
                    "warning: without them the network forgets {missing}, of which the new data has "
                    "nothing; to keep them, train on old and new data together",
                    _named(missing),
                )
            )
    rescale = continual.start.model.network.rescale
    if rescale is not None:  # it predicts numbers
        mean, std = float(rescale.mean), float(rescale.std)
        numbers = dataset.labels[dataset.train]
        is_wider = not 1 / _MUCH_WIDER <= float(numbers.std()) / std <= _MUCH_WIDER
        if is_wider or abs(float(numbers.mean()) - mean) > _FAR_OFF * std:
            lines.append(
                Sentence(
                    "warning: the new numbers lie around {mean:.3g} (spread {std:.3g}), "
                    "those that the network learned before around {mean2:.3g} (spread {std2:.3g}); "
                    "are they in "
                    "the same unit?",
                    numbers.mean(),
                    numbers.std(),
                    mean,
                    std,
                )
            )
    return lines


def _named(names: Sequence[str]) -> str:
    """The first few names of classes, and how many there are if more follow."""
    shown = some([quoted(name) for name in names], _NAMES_SHOWN)
    return (
        shown
        if len(names) <= _NAMES_SHOWN
        else Sentence("{names} ({shown})", count_of(len(names), "class"), shown)
    )


def continual_learner(continual: ContinualTraining, context: RunContext) -> NetworkLearner:
    """The learner of a network that continues training, with a row for each new class and a gentler recipe.

    Decides its plan once, and resumes from the newest checkpoint.
    """
    dataset, settings, journal = context.dataset, context.settings, context.journal

    def plan(prepared: Prepared) -> Plan:
        with context.stages.stage("planning") as stage:
            fresh = make_plan(settings, prepared)
            examples, new = len(prepared.examples.train), len(continual.new(dataset))
            recipe = continued(fresh.recipe, settings, examples, new_classes=new)
            gently = continued_words(fresh.recipe, recipe, settings)
            reasons = (*sentences(continual, dataset, settings), gently, *fresh.reasons)
            found = dataclasses.replace(fresh, recipe=recipe, reasons=reasons)
            stage.words = Sentence(
                "planned continual training of {name}: {found}", found.name, recipe_words(found)
            )
            stage.details += reasons
        return found

    return NetworkLearner(
        settings,
        prepare=lambda _: _prepared(continual, dataset, settings),
        decide=lambda prepared: decided_plan(journal, settings, lambda: plan(prepared)),
        train=partial(train_in_run, context=context),
        build_on=partial(simple_in_run, context=context),
    )


def _prepared(continual: ContinualTraining, dataset: Dataset, settings: Settings) -> Prepared:
    """The material, and the network itself with its last layer in the order of all classes."""
    model, material = continual.start.model, continual.learned(dataset)
    if isinstance(model, TextModel):
        assert isinstance(material.inputs, Texts)  # data for a model of texts was read as texts
        examples = examples_of(model.encoder.encode(material.inputs), material)
    else:
        assert not isinstance(material.inputs, Texts)
        examples = examples_of(material.inputs, material)

    def centres() -> Centres:
        return centres_of(model.network, _some_of_each(examples, settings.seed), len(dataset.classes))

    with pinned(choose_threads(settings)):
        if dataset.classes:
            places = {name: place for place, name in enumerate(model.classes)}
            network = with_classes(model.network, [places.get(name) for name in dataset.classes], centres)
        else:
            network = copied(model.network)
    if any(record["settings"].get("tune_vectors") is False for record in continual.records):
        for layer in network.modules():
            if isinstance(layer, nn.Embedding):
                layer.weight.requires_grad_(False)
    preparation = model.encoder if isinstance(model, TextModel) else model.preprocessing
    return Prepared(model.name, examples, preparation, trained=network)


# Examples whose hidden layer says where the classes lie.
_MOST_OF_A_CLASS = 200
_MOST_IN_ALL = 20_000
_BATCH = 256  # asked about at once


def _some_of_each(
    examples: Examples, seed: int
) -> Iterator[tuple[Shaped[Tensor, "_ ..."], Int64[Tensor, " _"]]]:
    """Some training examples of each class, drawn by chance, as the network takes them."""
    most = max(1, min(_MOST_OF_A_CLASS, _MOST_IN_ALL // examples.classes))
    order = generator(seed, Purpose.NEW_CLASSES).permutation(examples.train)
    labels = examples.labels[order]
    taken = np.sort(np.concatenate([order[labels == code][:most] for code in range(examples.classes)]))
    for start in range(0, len(taken), _BATCH):
        positions = taken[start : start + _BATCH]
        yield to_tensor(examples.inputs, positions), from_numpy(examples.labels[positions])
