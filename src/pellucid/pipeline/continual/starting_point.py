"""Starting point of `--from`: its network, the new data fitted to it, and the old data to rehearse."""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64, Shaped

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.bundle import AverageModel, ClassicalModel, ImageModel, Model, TextModel, load, save
from pellucid.bundle.format import pack
from pellucid.data import Check, Dataset, Listing, Preprocessing, prepare, read_data
from pellucid.data.dataset import EarlierConstraints
from pellucid.data.images.decoding import GREY_MODES
from pellucid.data.images.preprocessing import array_digests
from pellucid.data.labels import number_text, read_number
from pellucid.data.raw_texts import Spool, Texts, TextWriter
from pellucid.data.splitting import places_in_strata
from pellucid.data.text_copies import text_digests
from pellucid.data.wording import count_of, quoted, some
from pellucid.errors import DataError, PellucidError, UsageError
from pellucid.networks import Network
from pellucid.pipeline.learners.preparation import Material
from pellucid.pipeline.run.context import data_identity
from pellucid.settings import ROWS, Settings
from pellucid.strict import MOST_BYTES, read_json
from pellucid.tasks import CLASSIFICATION, IMAGES, REGRESSION, TEXTS, InputKind, Target, target_of

_KEPT = "start"


@dataclass(frozen=True, eq=False)
class StartingPoint:
    """A trained network that continues training.

    Attributes:
        place: RUN as the user gave it.
        model: the network with its classes and what makes inputs ready for it.
        sha256: of its weights, as a model folder holds them.
        config: `config.json` of the run; `None` where RUN is a model folder alone.
    """

    place: str
    model: ImageModel | TextModel
    sha256: str
    config: Mapping[str, Any] | None

    @property
    def network(self) -> Network:
        """The trained network."""
        return self.model.network

    @property
    def nouns(self) -> str:
        """Inputs of the network, for people: `images` or `texts`."""
        return self.model.input_kind.nouns


def starting_point(place: str) -> StartingPoint:
    """Find the network of a run or a model folder.

    The recommended model where that is a network, or its member where it is an average; otherwise the network
    that the run trained beside it; otherwise the one that the model stands on.

    Raises: `ModelFileError` if there is no model, it is damaged, may run code or takes feature vectors;
    `UsageError` if RUN holds no network.
    """
    model, config = load(place), _config_of(Path(place))
    return _at(place, _network_of(model, place, config), config)


def keep(start: StartingPoint, checkpoints: Path) -> None:
    """Keep a copy of the network in the folder of checkpoints, which exists; resuming needs RUN no more."""
    if not (checkpoints / _KEPT).exists():
        save(start.model, checkpoints / _KEPT, {"copied from": start.place})


def restored(place: str, sha256: str, checkpoints: Path) -> StartingPoint:
    """Find the network that a run being resumed started from: the copy beside its checkpoints, or RUN itself.

    `sha256` is that of the weights when the run was started.

    Raises: `ModelFileError` if there is no copy, and RUN is gone or damaged; `UsageError` if there is no
    copy, and RUN has changed.
    """
    kept = checkpoints / _KEPT
    if kept.exists():
        model = load(kept)
        assert isinstance(model, (ImageModel, TextModel))  # `keep` saves nothing else
        start = _at(place, model, _config_of(Path(place)))
    else:
        start = starting_point(place)
    if start.sha256 != sha256:
        raise UsageError(
            f"--resume: the weights of {place} are not those that the run was started from; restore them, or "
            "start again with --overwrite"
        )
    return start


def _at(place: str, model: ImageModel | TextModel, config: Mapping[str, Any] | None) -> StartingPoint:
    digest = hashlib.sha256(pack(model.network.state_dict())).hexdigest()
    return StartingPoint(place, model, digest, config)


def _config_of(run: Path) -> Mapping[str, Any] | None:
    """The configuration of a run; `None` where the folder is no run, or its file cannot be read."""
    try:
        document = read_json(run / "config.json", MOST_BYTES)
        is_whole = isinstance(document["data"], dict) and isinstance(document["settings"], dict)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return document if is_whole else None


def _network_of(model: Model, place: str, config: Mapping[str, Any] | None) -> ImageModel | TextModel:
    """The network of a model that may be a classical one.

    Raises: `ModelFileError` if the run's network is damaged; `UsageError` if there is none.
    """
    if isinstance(model, (ImageModel, TextModel)):
        return model
    if isinstance(model, AverageModel):
        members = [each.model for each in model.members]
        model = next((each for each in members if not isinstance(each, ClassicalModel)), members[0])
        return _network_of(model, place, config)
    plan = (config or {}).get("plan") or {}
    if plan.get("network") is not None:
        beside = load(Path(place) / "models" / Path(str(plan.get("model"))).name)
        if isinstance(beside, (ImageModel, TextModel)):
            return beside
    if isinstance(model, ClassicalModel) and model.network is not None:
        if model.encoder is not None:
            return TextModel(model.network, model.encoder, model.classes)
        assert model.preprocessing is not None  # a network takes images or texts
        return ImageModel(model.network, model.preprocessing, model.classes)
    raise UsageError(
        f"--from: {place} holds a classical model alone, which cannot continue training; train a network "
        "first, without "
        "--model or with the name of one, and give its run"
    )


# Labelled data for continual training: read as what the network takes, fitted to what it is.

_NAMES_SHOWN = 10


def prepare_for(
    place: str, settings: Settings, known: EarlierConstraints, input_kind: InputKind, target: Target
) -> tuple[Dataset, Check]:
    """Make data ready for continual training, as `prepare` does for a fresh network.

    `known` has the classes and the preprocessing of the network. The data set has all classes, old and new.

    Raises: `DataError` if the data holds other inputs or labels than the network takes, or cannot be used.
    """
    listing = read_data(
        # Numbers are read by the network's rule, whatever the settings say of them.
        place,
        dataclasses.replace(settings, target="class" if target is REGRESSION else settings.target),
    )
    if listing.input_kind is not input_kind:
        nouns = input_kind.nouns
        raise DataError(
            f"{place}: holds {listing.noun}s, and the network that continues training takes {nouns}; "
            f"give labelled {nouns}"
        )
    listing = _WITH[target](listing)
    dataset, check = prepare(listing, settings, known=known)
    return dataset, dataclasses.replace(check, warnings=(*check.warnings, *_turned_grey(check, known)))


def _with_classes(listing: Listing) -> Listing:
    """The listing, whose labels are classes.

    Raises: `DataError` if they are numbers.
    """
    if listing.values is not None:
        raise DataError(
            f"{listing.place}: the labels are numbers, such as {listing.labels[0]}, and the network that "
            "continues training answers classes; give classes, or take these numbers as such with --target "
            "class"
        )
    return listing


def _with_numbers(listing: Listing) -> Listing:
    """The listing with its labels as numbers.

    Raises: `DataError` if some are none, with their rows.
    """
    read = [read_number(label) for label in listing.labels]
    wrong = [index for index, value in enumerate(read) if value is None]
    if wrong:
        named = [f"{quoted(listing.labels[index])} at {listing.sources[index]}" for index in wrong]
        raise DataError(
            f"{listing.place}: the network that continues training predicts numbers, but not every label is "
            "one: "
            f"{some(named, _NAMES_SHOWN)}; fix or remove {'it' if len(wrong) == 1 else 'them'}"
        )
    values = np.array(read, np.float64)
    return dataclasses.replace(
        listing,
        labels=[number_text(value) for value in values.tolist()],
        values=values,
        # What reading decided about the labels is for the network to decide.
        warnings=tuple(each for each in listing.warnings if "--target" not in each),
    )


def _turned_grey(check: Check, known: EarlierConstraints) -> Sequence[str]:
    """A sentence about colour images for a network of grey ones."""
    coloured = sum(count for mode, count in check.modes if mode not in GREY_MODES)
    if known.preprocessing is None or known.preprocessing.channels == 3 or not coloured:
        return ()
    become = f"{count_of(coloured, 'colour image')} {'becomes' if coloured == 1 else 'become'} grey"
    return (f"{become}: the network that continues training was trained on grey ones.",)


_WITH = {CLASSIFICATION: _with_classes, REGRESSION: _with_numbers}


# Earlier data: that of the run a network comes from, and of the runs before that one.
#
# `config.json` of continual training carries the records of all data before it along, so that none of the
# earlier runs is needed any more. Data is at hand where it can be read again and is what it was then, by its
# fingerprint.

# Record to find earlier data again by: `run`, `settings`, `known` classes, `data` of `config.json`.
Record = Mapping[str, Any]

_NAMES = frozenset(row.name for row in ROWS)


@dataclass(frozen=True, eq=False)
class Earlier:
    """Data that the network learned from before.

    Attributes:
        place: DATA of the earlier run.
        dataset: the data as it was, split as it was; `None` where it is not at hand.
        reason: why it is not at hand; empty where it is.
    """

    place: str
    dataset: Dataset | None
    reason: str = ""


def records_of(start: StartingPoint) -> list[dict[str, Any]]:
    """Records by which everything that a network learned from can be found again.

    One record for each data set, the latest first; none where RUN is a model folder alone.
    """
    config = start.config
    if config is None:
        return []
    before = config.get("continual") or {}
    own = {
        "run": start.place,
        "data": config["data"],
        "settings": config["settings"],
        "known": before.get("old_classes"),
    }
    return [own, *before.get("earlier", ())]


def earlier_data(records: Sequence[Record]) -> list[Earlier]:
    """Read earlier data again, one for each record; what cannot be read, or has changed, has its reason."""
    return [_read(record) for record in records]


def _read(record: Record) -> Earlier:
    try:
        place = str(record["data"]["place"])
        dataset = _prepared(place, record)
        changed = [
            name for name, value in data_identity(dataset).items() if record["data"].get(name) != value
        ]
    except (PellucidError, OSError) as error:
        return Earlier(place, None, f"the data it was trained on cannot be read: {error}")
    except (KeyError, TypeError, ValueError, AttributeError):
        run = record.get("run", "the run")
        return Earlier("", None, f"config.json of {run} does not say how its data is read")
    if changed:
        return Earlier(place, None, f"{place} is not what it was trained on: it has changed since")
    return Earlier(place, dataset)


def _prepared(place: str, record: Record) -> Dataset:
    """The data of an earlier run, read and split as it was then."""
    values = record["settings"]
    settings = Settings(**{name: value for name, value in values.items() if name in _NAMES})
    if record["known"] is None:
        return prepare(place, settings)[0]
    fitted = record["data"]["preprocessing"]
    known = EarlierConstraints(
        tuple(record["known"]), None if fitted is None else Preprocessing.from_json(fitted)
    )
    input_kind, target = TEXTS if fitted is None else IMAGES, target_of(len(record["data"]["classes"]))
    return prepare_for(place, settings, known, input_kind, target)[0]


# Rehearsal: in continual training a network learns again from a part of the old data.
#
# The rule: as many old training examples as there are new ones, at least 1,000, at most all; each class gives
# its share (of numbers, every tenth of their range), by a draw that depends on the seed alone. Validation
# examples are taken in the same proportion, so that the best epoch is chosen by both. Old examples whose
# content stands anywhere in the new data are left out: no test example is learned by way of an old copy.
#
# Source: Robins 1995, "Catastrophic Forgetting, Rehearsal and Pseudorehearsal"; Rolnick et al. 2019,
# arXiv:1811.11682, for how far a sample of the old data goes.

LEAST = 1_000
_BLOCK = 4096


@dataclass(frozen=True, eq=False)
class Rehearsal:
    """Old examples that are learned again.

    Attributes:
        material: new data with the rehearsed examples behind it.
        train: how many training examples are rehearsed.
        of: how many training examples there were.
        validation: how many validation examples are.
        fingerprints: of the data sets they come from.
    """

    material: Material
    train: int
    of: int
    validation: int
    fingerprints: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The form in `metrics.json` and `config.json`."""
        return {
            "train": self.train,
            "of": self.of,
            "validation": self.validation,
            "fingerprints": list(self.fingerprints),
        }


def rehearsed(material: Material, old: Sequence[Dataset], seed: int) -> Rehearsal:
    """Put a part of the old data, fitted as the new is, behind the new, by the rule of this file."""
    new_content = set(contents(material.inputs, np.arange(len(material.labels))))
    draws = generator(seed, Purpose.REHEARSAL)
    train, validation = (
        _Pool(old, [_fresh(each, part, new_content) for each in old], material.classes)
        for part in ("train", "validation")
    )
    wanted = min(train.size, max(LEAST, len(material.train)))
    held_out = round(validation.size * wanted / max(1, train.size))
    again, checked = train.drawn(wanted, draws), validation.drawn(held_out, draws)
    first = len(material.labels)
    joined = dataclasses.replace(
        material,
        inputs=_joined(material.inputs, [*zip(old, again, strict=True), *zip(old, checked, strict=True)]),
        labels=np.concatenate([material.labels, *train.labels_of(again), *validation.labels_of(checked)]),
        train=np.concatenate([material.train, first + np.arange(wanted)]),
        validation=np.concatenate([material.validation, first + wanted + np.arange(held_out)]),
    )
    of = sum(len(each.train) for each in old)
    return Rehearsal(joined, wanted, of, held_out, tuple(each.fingerprint for each in old))


def contents(
    inputs: Shaped[np.ndarray, "n height width channels"] | Texts, positions: Int64[np.ndarray, " some"]
) -> list[bytes]:
    """Digests that tell examples apart: images as the network sees them, texts but for case and space.

    16 bytes for each; equal ones are copies.
    """
    found: list[bytes] = []
    for start in range(0, len(positions), _BLOCK):
        some = positions[start : start + _BLOCK]
        block = Texts.of(inputs[some]) if isinstance(inputs, Texts) else inputs[some]
        digests = text_digests(block) if isinstance(block, Texts) else array_digests(block)
        found += [row.tobytes() for row in digests]
    return found


def _fresh(dataset: Dataset, part: str, new_content: set[bytes]) -> Int64[np.ndarray, " fresh"]:
    """Positions of a split whose content is not in the new data."""
    positions = dataset.split_positions[part]
    pairs = zip(positions.tolist(), contents(dataset.inputs, positions), strict=True)
    return np.array([position for position, content in pairs if content not in new_content], np.int64)


class _Pool:
    """Old examples of one split that may be taken."""

    def __init__(
        self, old: Sequence[Dataset], positions: Sequence[Int64[np.ndarray, " _"]], classes: tuple[str, ...]
    ) -> None:
        self._positions = positions
        self._labels = [labels_among(classes, each) for each in old]
        self._target = target_of(len(classes))
        self.size = sum(len(each) for each in positions)

    def drawn(self, wanted: int, draws: np.random.Generator) -> list[Int64[np.ndarray, " _"]]:
        """So many of the positions of each data set, each class giving its share."""
        every, owners = np.concatenate(self._positions), self._owners()
        values = np.concatenate(self.labels_of(self._positions))
        places = places_in_strata(values, draws.permutation(len(every)), self._target)
        is_taken = np.zeros(len(every), bool)
        is_taken[np.argsort(places, kind="stable")[:wanted]] = True
        return [every[is_taken & (owners == owner)] for owner in range(len(self._positions))]

    def labels_of(self, positions: Sequence[Int64[np.ndarray, " _"]]) -> list[np.ndarray]:
        """Labels of some positions of each data set, as the new data has them."""
        return [labels[some] for labels, some in zip(self._labels, positions, strict=True)]

    def _owners(self) -> Int64[np.ndarray, " n"]:
        """Number of the data set of each position."""
        return np.repeat(np.arange(len(self._positions)), [len(each) for each in self._positions])


def labels_among(
    classes: tuple[str, ...], dataset: Dataset
) -> Int64[np.ndarray, " n"] | Float64[np.ndarray, " n"]:
    """Labels of an earlier data set as new data has them: as positions in its classes, or numbers."""
    if not classes:
        return dataset.labels
    codes: np.ndarray = np.array([classes.index(name) for name in dataset.classes], np.int64)
    labels: np.ndarray = codes[dataset.labels]
    return labels


def _joined(
    new: Shaped[np.ndarray, "n height width channels"] | Texts,
    kept: Sequence[tuple[Dataset, Int64[np.ndarray, " _"]]],
) -> Shaped[np.ndarray, "all height width channels"] | Texts:
    """The new inputs, and behind them what is kept of each old data set."""
    if isinstance(new, Texts):
        writer = TextWriter()
        writer.extend(new)
        for dataset, some in kept:
            for position in some.tolist():
                writer.append(str(dataset.inputs[position]))
        return writer.finish()
    spool = Spool()  # in memory or, where it is large, in a file that ends with the process
    parts = [(new, np.arange(len(new))), *((np.asarray(each.inputs), some) for each, some in kept)]
    for inputs, positions in parts:
        for start in range(0, len(positions), _BLOCK):
            spool.write(np.ascontiguousarray(inputs[positions[start : start + _BLOCK]]).tobytes())
    return spool.finish(np.dtype(np.uint8)).reshape(-1, *new.shape[1:])
