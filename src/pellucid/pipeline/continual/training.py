"""`train --from RUN`: continual training, what contradicts it, its plan and its words."""

import dataclasses
import os
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
from pellucid.data.wording import count_of, quoted, some
from pellucid.errors import DataError, UsageError
from pellucid.evaluation import Recommendation
from pellucid.networks import Network
from pellucid.networks.extending import Centres, centres_of, copied, with_classes
from pellucid.pipeline.continual.starting_point import (
    Earlier,
    Record,
    Rehearsal,
    StartingPoint,
    earlier_data,
    prepare_for,
    records_of,
    rehearsed,
    restored,
    starting_point,
)
from pellucid.pipeline.learners.candidates import Candidate, recommended
from pellucid.pipeline.learners.in_run import simple_in_run, train_in_run
from pellucid.pipeline.learners.network import NetworkLearner, recipe_words
from pellucid.pipeline.learners.preparation import (
    Material,
    Plan,
    Prepared,
    examples_of,
    make_plan,
    material_of,
    require_precision,
)
from pellucid.pipeline.run.context import RunContext
from pellucid.pipeline.run.journal import Journal
from pellucid.pipeline.run.stages import Stages
from pellucid.settings import ROWS, Row, Settings, parse_image_size
from pellucid.training import Examples
from pellucid.training.batches import to_tensor
from pellucid.training.hardware import choose_threads, pinned
from pellucid.training.recipe import continued, continued_words

# Settings that continual training has no room for are refused, with what to leave out.

# Settings that a trained network has decided once and for all.
_OF_THE_NETWORK = tuple(
    row
    for row in ROWS
    if (row.group == "network" and row.name != "from_")
    or row.name in ("task", "target", "image_size", "resize")
)


def require_place_of_its_own(settings: Settings, out: Path, *, is_network: bool) -> None:
    """Refuse what `--from` cannot go with, before anything in the run's folder is touched.

    Raises: `UsageError` naming what to leave out.
    """
    if settings.from_ is None:
        if settings.rehearse is not None:
            flag = "--rehearse" if settings.rehearse else "--no-rehearse"
            raise UsageError(f"{flag}: belongs to --from RUN; give it, or leave this out")
        return
    if not is_network:
        raise UsageError(
            f"--from: continues training a network, and --model {settings.model} is none; leave one out"
        )
    if settings.folds is not None:
        raise UsageError(
            "--folds: trains every model afresh, and --from continues training one; leave one of them out"
        )
    if settings.learning_curve:
        raise UsageError(
            "--learning-curve: trains the network afresh on parts of the data, and --from continues training "
            "a trained one; leave one of them out"
        )
    source, target = os.path.realpath(settings.from_), os.path.realpath(out)
    if os.path.commonpath([source, target]) == target:
        raise UsageError(
            f"--out: {out} holds the network that continues training, and would be written over; choose "
            "another --out"
        )


def require_no_contradiction(given: Mapping[str, Any], start: StartingPoint) -> None:
    """Refuse settings that would make another network than the one that continues training.

    Raises: `UsageError` naming them, and how it is there.
    """
    joined = ",".join(start.model.joined_columns)
    if joined and given.get("input_column") is None:
        raise UsageError(
            f"--from {start.place}: its network reads texts that are joined from columns; "
            f"give --input-column {joined!r}"
        )
    found = [row for row in _OF_THE_NETWORK if row.name in given and not _agrees(row, given[row.name], start)]
    if not found:
        return
    facts = _facts(start)
    known = [row for row in found if facts.get(row.name) is not None]
    named = [f"{row.key.replace('_', '-')} {facts[row.name]}" for row in known]
    there = f" ({', '.join(named)})" if named else ""
    raise UsageError(
        f"{', '.join(row.flag for row in found)}: continual training keeps the network of {start.place} as "
        f"it is{there}; leave {'it' if len(found) == 1 else 'them'} out"
    )


def _agrees(row: Row, value: Any, start: StartingPoint) -> bool:
    """True where a setting says what is so anyway, or what the run of the network was given."""
    former: Mapping[str, Any] = {} if start.config is None else start.config["settings"]
    if value is None or value == "auto" or (row.name in former and value == former[row.name]):
        return True
    fact = _facts(start).get(row.name)
    if row.name == "image_size" and fact is not None:
        return parse_image_size(value) == parse_image_size(fact)
    return fact is not None and str(value) == str(fact)


def _facts(start: StartingPoint) -> dict[str, Any]:
    """The settings that can be read off a network; of the others only its run knows."""
    model, config = start.model, start.network.config
    facts = {
        "task": model.input_kind.task,
        "target": model.target.noun,
        "model": config.name,
        "activation": config.activation,
        "dropout": config.dropout,
    }
    if model.preprocessing is not None:
        size = f"{model.preprocessing.height}x{model.preprocessing.width}"
        facts["resize"] = "stretch" if model.preprocessing.stretch else "fit"
        return {**facts, "image_size": size, "pooling": config.pooling, "batch_norm": config.batch_norm}
    assert isinstance(model, TextModel)  # what has no preprocessing takes texts
    tokens = model.encoder.to_json().get("tokens")
    return {**facts, "length": model.encoder.length, "tokens": tokens, "cell": config.cell or None}


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


# Effect of continual training on classes and old knowledge, in sentences for people and `config.json`.

_NAMES_SHOWN = 5
_FAR_OFF, _MUCH_WIDER = 3.0, 10.0


def sentences(continual: ContinualTraining, dataset: Dataset, settings: Settings) -> list[str]:
    """Sentences on what becomes of classes and of old knowledge; one that warns starts with `warning:`."""
    said = _about_classes(continual, dataset)
    missing = continual.missing(dataset)
    if continual.rehearsal is not None:
        said.append(
            f"The network rehearses {continual.rehearsal.train:,} of the {continual.rehearsal.of:,} old "
            f"training {dataset.noun}s beside the {len(dataset.train):,} new ones; other models learn "
            "from the new ones alone."
        )
    else:
        said.append(f"No old {dataset.noun}s are rehearsed: {_why_not(continual, settings)}.")
    if continual.rehearsal is None and missing:
        said.append(
            f"warning: without them the network forgets {_named(missing)}, of which the new data has "
            "nothing; to keep them, train on old and new data together"
        )
    return [*said, *_about_units(continual.start.network, dataset)]


def _why_not(continual: ContinualTraining, settings: Settings) -> str:
    """The reason why nothing is rehearsed."""
    if settings.rehearse is False:
        return "as --no-rehearse asks"
    return "all of them stand in the new data" if continual.at_hand else continual.not_at_hand[0]


def _about_classes(continual: ContinualTraining, dataset: Dataset) -> list[str]:
    """Sentences on new classes, and on those that the new training data lacks."""
    new, missing = continual.new(dataset), continual.missing(dataset)
    said = []
    if new:
        rows = "its row" if len(new) == 1 else "their rows"
        starts = "starts from the mean of its" if len(new) == 1 else "start from the means of their"
        said.append(
            f"New {'class' if len(new) == 1 else 'classes'}: {_named(new)}; {rows} in the last layer "
            f"{starts} examples, and the old classes keep theirs."
        )
    if missing:
        stay = "it stays" if len(missing) == 1 else "they stay"
        said.append(f"No new training example has {_named(missing)}; {stay} among the network's answers.")
    return said


def _about_units(network: Network, dataset: Dataset) -> Sequence[str]:
    """A warning about numbers that lie far from those the network knows."""
    if network.rescale is None:  # it predicts classes
        return ()
    mean, std = float(network.rescale.mean), float(network.rescale.std)
    new = dataset.labels[dataset.train]
    ratio = float(new.std()) / std
    if abs(float(new.mean()) - mean) <= _FAR_OFF * std and 1 / _MUCH_WIDER <= ratio <= _MUCH_WIDER:
        return ()
    return (
        f"warning: the new numbers lie around {new.mean():.3g} (spread {new.std():.3g}), those that the "
        f"network learned before around {mean:.3g} (spread {std:.3g}); are they in the same unit?",
    )


def _named(names: Sequence[str]) -> str:
    """The first few names of classes; how many more follow."""
    shown = some([quoted(name) for name in names], _NAMES_SHOWN)
    return shown if len(names) <= _NAMES_SHOWN else f"{count_of(len(names), 'class')} ({shown})"


# Plan of continual training: old weights, a row for each new class, a gentler recipe, and why.

_MOST_OF_A_CLASS, _MOST_IN_ALL, _BATCH = 200, 20_000, 256


def continual_learner(continual: ContinualTraining, context: RunContext) -> NetworkLearner:
    """The learner of a network that continues training from its old weights.

    Decides its plan once, and resumes from the newest checkpoint.
    """
    dataset, settings, journal = context.dataset, context.settings, context.journal

    def decide(prepared: Prepared) -> Plan:
        return journal.decided(
            "plan", lambda: _plan(prepared, continual, context), Plan.to_json, Plan.from_json
        )

    return NetworkLearner(
        settings,
        prepare=lambda _: _prepared(continual, dataset, settings),
        decide=decide,
        train=partial(train_in_run, context=context),
        beside=partial(simple_in_run, context=context),
    )


def _plan(prepared: Prepared, continual: ContinualTraining, context: RunContext) -> Plan:
    """The plan of a fresh network, with a gentler recipe."""
    dataset, settings = context.dataset, context.settings
    with context.stages.stage("planning") as stage:
        plan = make_plan(settings, prepared)
        examples, new = len(prepared.examples.train), len(continual.new(dataset))
        recipe = continued(plan.recipe, settings, examples, new_classes=new)
        gently = continued_words(plan.recipe, recipe, settings)
        reasons = (*sentences(continual, dataset, settings), gently, *plan.reasons)
        plan = dataclasses.replace(plan, recipe=recipe, reasons=reasons)
        stage.words = f"planned continual training of {plan.name}: {recipe_words(plan)}"
        stage.details += reasons
    return plan


def _prepared(continual: ContinualTraining, dataset: Dataset, settings: Settings) -> Prepared:
    """The material, and the network itself with a row for each class."""
    model, material = continual.start.model, continual.learned(dataset)
    inputs = material.inputs
    if isinstance(model, TextModel):
        assert isinstance(inputs, Texts)  # data for a model of texts was read as texts
        examples = examples_of(model.encoder.encode(inputs), material)
    else:
        assert not isinstance(inputs, Texts)
        examples = examples_of(inputs, material)
    with pinned(choose_threads(settings)):
        network = _with_all_classes(model.network, model.classes, dataset.classes, examples, settings.seed)
    if any(record["settings"].get("tune_vectors") is False for record in continual.records):
        for layer in network.modules():
            if isinstance(layer, nn.Embedding):
                layer.weight.requires_grad_(False)
    preparation = model.encoder if isinstance(model, TextModel) else model.preprocessing
    return Prepared(model.name, examples, preparation, trained=network)


def _with_all_classes(
    network: Network, old: Sequence[str], classes: Sequence[str], examples: Examples, seed: int
) -> Network:
    """The network with its last layer in the order of all classes; of numbers as it is."""
    if not classes:
        return copied(network)
    places = {name: place for place, name in enumerate(old)}

    def centres() -> Centres:
        return centres_of(network, _some_of_each(examples, seed), len(classes))

    return with_classes(network, [places.get(name) for name in classes], centres)


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
