"""Starting point of `--from`: its network, settings and data that fit it, and the old data to rehearse."""

import dataclasses
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64, Int64, Shaped

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.bundle import AverageModel, ClassicalModel, ImageModel, Model, TextModel, load, save
from pellucid.bundle.format import pack
from pellucid.data import Check, Dataset, Preprocessing, prepare, read_data
from pellucid.data.dataset import EarlierConstraints
from pellucid.data.images.decoding import GREY_MODES
from pellucid.data.images.preprocessing import array_digests
from pellucid.data.ledger import APPLIED_NAME
from pellucid.data.raw_texts import Spool, Texts, TextWriter
from pellucid.data.split_rules import FIRST_SPLIT_RULE, SPLIT_RULE
from pellucid.data.splitting import places_in_strata
from pellucid.data.text_copies import text_digests
from pellucid.data.wording import count_of
from pellucid.errors import DataError, PellucidError, StorageError, UsageError
from pellucid.input_kinds import IMAGES, TEXTS, InputKind
from pellucid.language.sentence import Sentence
from pellucid.pipeline.by_target import WAYS, continued_target
from pellucid.pipeline.run.context import data_identity
from pellucid.safety.strict import read_sealed
from pellucid.settings import ROWS, Settings, parse_ignore, parse_image_size
from pellucid.settings.rows import IGNORED_COLUMN
from pellucid.targets import Target

_KEPT = "start"

# Record to find earlier data again by: `run`, `settings`, `known` classes, `data` of `config.json`, and
# `learned_validation`, whether the network learned from its validation split too, since folds judged it, and
# `split_rule`, by which its splits were cut.
Record = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class StartingPoint:
    """A trained network that continues training."""

    place: str  # RUN as the user gave it
    model: ImageModel | TextModel
    config: Mapping[str, Any] | None  # `config.json` of the run; None where RUN is a model folder alone

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of its weights, as a model folder holds them."""
        return hashlib.sha256(pack(self.model.network.state_dict())).hexdigest()

    @property
    def records(self) -> list[Record]:
        """Records of all data that the network learned from, the latest first; none of a model folder alone.

        They carry those of the earlier runs along, so that none of these runs is needed any more.
        """
        if self.config is None:
            return []
        before = self.config.get("continual") or {}
        own = {
            "run": self.place,
            **{name: self.config[name] for name in ("data", "settings")},
            "split_rule": self.config.get("split_rule", FIRST_SPLIT_RULE),
            "learned_validation": bool(self.config.get("judged_on_folds")),
        }
        return [{**own, "known": before.get("old_classes")}, *before.get("earlier", ())]

    def keep(self, checkpoints: Path) -> None:
        """Copy the network into the folder of checkpoints, which exists; resuming needs RUN no more."""
        if not (checkpoints / _KEPT).exists():
            save(self.model, checkpoints / _KEPT, {"copied from": self.place})


def starting_point(place: str) -> StartingPoint:
    """Find the network of a run or a model folder.

    The recommended model where that is a network, or its member where it is an average; otherwise the network
    that the run trained as well; otherwise the one that the model is built on.

    Raises: `ModelFileError` if there is no model, it is damaged, may run code or takes feature vectors;
    `UsageError` if RUN holds no network.
    """
    model, config = load(place), _config_of(Path(place))
    return StartingPoint(place, _network_of(model, place, config), config)


def restored(place: str, sha256: str, checkpoints: Path) -> StartingPoint:
    """Find the network that a run being resumed started from: the copy among its checkpoints, or RUN itself.

    `sha256` is that of the weights when the run was started.
    """
    if (checkpoints / _KEPT).exists():
        model = load(checkpoints / _KEPT)
        assert isinstance(model, (ImageModel, TextModel))  # `keep` saves nothing else
        start = StartingPoint(place, model, _config_of(Path(place)))
    else:
        start = starting_point(place)
    if start.sha256 != sha256:
        raise UsageError(
            "--resume: the weights of {place} are not those that the run was started from; restore them, or "
            "start again with --overwrite",
            place,
        )
    return start


# What continual training takes from `config.json`, as kinds of values; `None` is another kind.
_NOTHING = type(None)
_TAKEN: Mapping[str, tuple[type, ...]] = {
    "data": (dict,),
    "settings": (dict,),
    "plan": (dict, _NOTHING),
    "continual": (dict, _NOTHING),
}


def _config_of(run: Path) -> Mapping[str, Any] | None:
    """The configuration of a run, as it was written; `None` where the folder has none.

    Raises: `StorageError` if it was changed since, is damaged, or has a field of another kind.
    """
    path = run / "config.json"
    try:
        document = read_sealed(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _unusable(path, getattr(error, "strerror", None) or str(error)) from error
    before = document.get("continual") or {}
    fields = [(name, document.get(name), kinds) for name, kinds in _TAKEN.items()]
    if isinstance(before, dict):
        fields.append(("continual.old_classes", before.get("old_classes"), (list, _NOTHING)))
        fields += [("continual.earlier", each, (dict,)) for each in _listed(before.get("earlier", []))]
    for name, value, kinds in fields:
        if not isinstance(value, kinds):
            raise _unusable(path, Sentence("{name!r} is {name2}", name, type(value).__name__))
    return document


def _listed(value: Any) -> list[Any]:
    """The values of a list; anything else as the only one, which is refused as such."""
    return value if isinstance(value, list) else [value]


def _unusable(path: Path, reason: str) -> StorageError:
    return StorageError(
        "--from: {path}: {reason}; put back what stood there, or give {parent}, whose "
        "network continues without the data that it learned from",
        path,
        reason,
        path.parent / "model",
    )


def _network_of(model: Model, place: str, config: Mapping[str, Any] | None) -> ImageModel | TextModel:
    """The network of a model that may be a classical one; a `UsageError` where none can go on."""
    if WAYS[model.target].continued is None:
        raise UsageError(
            "--from: the network of {place} answers {answers}, which cannot continue "
            "training; train afresh on the old and the new data together",
            place,
            WAYS[model.target].answers,
        )
    if isinstance(model, AverageModel):
        members = [each.model for each in model.members]
        model = next((each for each in members if not isinstance(each, ClassicalModel)), members[0])
    plan = (config or {}).get("plan") or {}
    if isinstance(model, ClassicalModel) and plan.get("network") is not None:
        trained = load(Path(place) / "models" / Path(str(plan.get("model"))).name)
        if isinstance(trained, (ImageModel, TextModel)):
            return trained
    if isinstance(model, (ImageModel, TextModel)):
        return model
    if isinstance(model, ClassicalModel) and model.network is not None:
        if model.encoder is not None:
            return TextModel(model.network, model.encoder, model.classes, model.target)
        assert model.preprocessing is not None  # a network takes images or texts
        return ImageModel(model.network, model.preprocessing, model.classes, model.target)
    raise UsageError(
        "--from: {place} holds a classical model alone, which cannot continue training; train a network "
        "first, without --model or with the name of one, and give its run",
        place,
    )


# Settings that the network has fixed already.
_OF_THE_NETWORK = [
    row
    for row in ROWS
    if (row.group == "network" and row.name != "from_")
    or row.name in ("task", "target", "image_size", "resize")
]


def require_place_of_its_own(settings: Settings, out: Path, *, is_network: bool) -> None:
    """Refuse what `--from` cannot go with, before anything in the run's folder is touched."""
    if settings.from_ is None:
        if settings.rehearse is not None:
            flag = "--rehearse" if settings.rehearse else "--no-rehearse"
            raise UsageError("{flag}: belongs to --from RUN; give it, or leave this out", flag)
        return
    if not is_network:
        raise UsageError(
            "--from: continues training a network, and --model {model} is none; leave one out", settings.model
        )
    afresh = "--folds: trains every model afresh, and --from continues training one"
    if settings.folds is None:
        afresh = (
            "--learning-curve: trains the network afresh on parts of the data, and --from continues training "
            "a trained one"
        )
    if settings.folds is not None or settings.learning_curve:
        raise UsageError("{afresh}; leave one of them out", afresh)
    source, target = os.path.realpath(settings.from_), os.path.realpath(out)
    if os.path.commonpath([source, target]) == target:
        raise UsageError(
            "--out: {out} holds the network that continues training, and would be written over; choose "
            "another --out",
            out,
        )


def require_no_contradiction(given: Mapping[str, Any], start: StartingPoint) -> None:
    """Refuse settings that would make another network than the one that continues training.

    What agrees with the network, or repeats what its run was given, is no contradiction.
    """
    model = start.model
    joined = ",".join(model.joined_columns)
    if joined and given.get("input_column") is None:
        raise UsageError(
            "--from {place}: its network reads texts that are joined from columns; "
            "give --input-column {joined!r}",
            start.place,
            joined,
        )
    own = model.ignored or (() if model.preprocessing is None else model.preprocessing.ignored)
    asked = [rule for rule in parse_ignore(given.get("ignore")) if not rule.startswith(IGNORED_COLUMN)]
    if set(own) != set(asked):
        shown = Sentence("give --ignore {own!r}", ",".join(own)) if own else "leave --ignore out"
        raise UsageError(
            "--from {place}: its network ignores {value}; {shown}",
            start.place,
            ", ".join(own) or "nothing",
            shown,
        )
    # As far as they can be read from the network; the others its run knows.
    config = model.network.config
    fixed: dict[str, Any] = {
        **{"task": model.input_kind.task, "target": model.target.noun, "model": config.name},
        **{"activation": config.activation, "dropout": config.dropout},
    }
    if isinstance(model, TextModel):
        tokens = model.encoder.to_json().get("tokens")
        fixed |= {"length": model.encoder.length, "tokens": tokens, "cell": config.cell or None}
    else:
        images = model.preprocessing
        fixed |= {"image_size": f"{images.height}x{images.width}"}
        fixed |= {"resize": "stretch" if images.stretch else "fit"}
        fixed |= {"pooling": config.pooling, "batch_norm": config.batch_norm}
    former: Mapping[str, Any] = {} if start.config is None else start.config["settings"]

    def agrees(name: str) -> bool:
        value, there = given[name], fixed.get(name)
        if value is None or value == "auto" or (name in former and value == former[name]):
            return True
        if name == "image_size" and there is not None:
            return parse_image_size(value) == parse_image_size(there)
        return there is not None and str(value) == str(there)

    found = [row for row in _OF_THE_NETWORK if row.name in given and not agrees(row.name)]
    if not found:
        return
    named = [
        f"{row.key.replace('_', '-')} {fixed[row.name]}" for row in found if fixed.get(row.name) is not None
    ]
    there = f" ({', '.join(named)})" if named else ""
    raise UsageError(
        "{join}: continual training keeps the network of {place} as it is{there}; leave {word} out",
        ", ".join(row.flag for row in found),
        start.place,
        there,
        "it" if len(found) == 1 else "them",
    )


# Labelled data for continual training: read as what the network takes, fitted to what it is.


def prepare_for(
    place: str,
    settings: Settings,
    known: EarlierConstraints,
    input_kind: InputKind,
    target: Target,
    split_rule: int = SPLIT_RULE,
) -> tuple[Dataset, Check]:
    """Make data ready for continual training, as `prepare` does for a fresh network.

    `known` has the classes and the preprocessing of the network. The data set has all classes, old and new.
    """
    continued = WAYS[target].continued
    assert continued is not None  # other networks were refused
    listing = read_data(place, dataclasses.replace(settings, target=continued.read_as or settings.target))
    if listing.input_kind is not input_kind:
        nouns = input_kind.nouns
        raise DataError(
            "{place}: holds {noun}s, and the network that continues training takes {nouns}; "
            "give labelled {nouns2}",
            place,
            listing.noun,
            nouns,
            nouns,
        )
    listing = continued.fitting(listing)
    dataset, check = prepare(listing, settings, known=known, split_rule=split_rule)
    coloured = sum(count for mode, count in check.modes if mode not in GREY_MODES)
    if known.preprocessing is None or known.preprocessing.channels == 3 or not coloured:
        return dataset, check
    become = Sentence(
        "{coloured} {word} grey", count_of(coloured, "colour image"), "becomes" if coloured == 1 else "become"
    )
    warning = Sentence("{become}: the network that continues training was trained on grey ones.", become)
    return dataset, dataclasses.replace(check, warnings=(*check.warnings, warning))


class Earlier(NamedTuple):
    """Data that the network learned from before, split as it was then."""

    place: str  # DATA of the earlier run
    dataset: Dataset | None  # None where it cannot be read again, or its fingerprint has changed
    reason: str = ""  # why it is not at hand


def read_earlier(record: Record) -> Earlier:
    """Read earlier data again."""
    try:
        place, values = str(record["data"]["place"]), record["settings"]
        names = {row.name for row in ROWS}
        settings = Settings(**{name: value for name, value in values.items() if name in names})
        rule = int(record.get("split_rule", FIRST_SPLIT_RULE))
        kept = Path(str(record.get("run", "")), APPLIED_NAME)
        if settings.corrections is not None and kept.is_file():  # the table itself may have grown since
            settings = dataclasses.replace(settings, corrections=str(kept))
        if record["known"] is None:
            dataset, _ = prepare(place, settings, split_rule=rule)
        else:
            fitted = record["data"]["preprocessing"]
            preprocessing = None if fitted is None else Preprocessing.from_json(fitted)
            known = EarlierConstraints(tuple(record["known"]), preprocessing)
            target = continued_target(record["data"]["classes"])
            kind = TEXTS if fitted is None else IMAGES
            dataset, _ = prepare_for(place, settings, known, kind, target, rule)
        has_changed = any(record["data"].get(key) != value for key, value in data_identity(dataset).items())
    except (PellucidError, OSError) as error:
        return Earlier(place, None, Sentence("the data it was trained on cannot be read: {error}", error))
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError):
        run = record.get("run", "the run")
        return Earlier("", None, Sentence("config.json of {run} does not say how its data is read", run))
    if has_changed:
        return Earlier(
            place, None, Sentence("{place} is not what it was trained on: it has changed since", place)
        )
    if record.get("learned_validation"):
        learned = np.sort(np.concatenate([dataset.train, dataset.validation]))
        dataset = dataclasses.replace(dataset, train=learned, validation=dataset.validation[:0])
    return Earlier(place, dataset)


# Rehearsal: in continual training a network learns again from a part of the old data.
#
# The rule: as many old training examples as there are new ones, at least 1,000, at most all; each class gives
# its share (of numbers, every tenth of their range), by a draw that depends on the seed alone. Validation
# examples are taken in the same proportion, so that the best epoch is chosen by both, unless the network
# has learned from them: where folds judged it, they are training examples. Old examples whose
# content is anywhere in the new data are left out: no test example is learned by way of an old copy.
#
# Source: Robins 1995, "Catastrophic Forgetting, Rehearsal and Pseudorehearsal"; Rolnick et al. 2019,
# arXiv:1811.11682, for how far a sample of the old data goes.

LEAST = 1_000
_BLOCK = 4096


class Rehearsal(NamedTuple):
    """Old examples that are learned again."""

    material: Dataset  # new data with the rehearsed examples behind it
    train: int  # training examples that are rehearsed,
    of: int  # of so many that there were
    validation: int  # validation examples that are rehearsed
    fingerprints: tuple[str, ...]  # of the data sets they come from

    def to_json(self) -> dict[str, Any]:
        """The form in `metrics.json` and `config.json`."""
        counts = {"train": self.train, "of": self.of, "validation": self.validation}
        return {**counts, "fingerprints": list(self.fingerprints)}


def rehearsed(material: Dataset, old: Sequence[Dataset], seed: int) -> Rehearsal:
    """Put a part of the old data, fitted as the new is, behind the new, by the rule above."""
    new_content = set(contents(material.inputs, np.arange(len(material.labels))))
    labels = [labels_among(material.classes, each) for each in old]
    draws = generator(seed, Purpose.REHEARSAL)

    def fresh(part: str) -> list[Int64[np.ndarray, " _"]]:
        """Positions in a split of each data set whose content is not in the new data."""
        found = []
        for each in old:
            positions = each.split_positions[part]
            is_fresh = [content not in new_content for content in contents(each.inputs, positions)]
            found.append(positions[np.array(is_fresh, bool)])
        return found

    def drawn(pool: Sequence[Int64[np.ndarray, " _"]], wanted: int) -> list[Int64[np.ndarray, " _"]]:
        """So many of the positions of each data set, each class giving its share."""
        every, owners = np.concatenate(pool), np.repeat(np.arange(len(pool)), [len(each) for each in pool])
        values = np.concatenate([of[positions] for of, positions in zip(labels, pool, strict=True)])
        places = places_in_strata(values, draws.permutation(len(every)), material.target)
        is_taken = np.zeros(len(every), bool)
        is_taken[np.argsort(places, kind="stable")[:wanted]] = True
        return [every[is_taken & (owners == owner)] for owner in range(len(pool))]

    train, validation = fresh("train"), fresh("validation")
    trainable, checkable = (sum(len(each) for each in pool) for pool in (train, validation))
    wanted = min(trainable, max(LEAST, len(material.train)))
    held_out = round(checkable * wanted / max(1, trainable))
    kept = [*drawn(train, wanted), *drawn(validation, held_out)]
    again = np.concatenate([of[part] for of, part in zip([*labels, *labels], kept, strict=True)])
    first = len(material.labels)
    joined = dataclasses.replace(
        material,
        inputs=_joined(material.inputs, [*zip([*old, *old], kept, strict=True)]),
        labels=np.concatenate([material.labels, again]),
        train=np.concatenate([material.train, first + np.arange(wanted)]),
        validation=np.concatenate([material.validation, first + wanted + np.arange(held_out)]),
    )
    of = sum(len(each.train) for each in old)
    return Rehearsal(joined, wanted, of, held_out, tuple(each.fingerprint for each in old))


def contents(
    inputs: Shaped[np.ndarray, "n height width channels"] | Texts, positions: Int64[np.ndarray, " some"]
) -> list[bytes]:
    """Digests, 16 bytes each, that are equal for copies: of images as the network sees them, and of texts.

    Case and space do not count in texts.
    """
    found: list[bytes] = []
    for start in range(0, len(positions), _BLOCK):
        block = positions[start : start + _BLOCK]
        if isinstance(inputs, Texts):
            digests = text_digests(Texts.of(inputs[block]))
        else:
            digests = array_digests(inputs[block])
        found += [row.tobytes() for row in digests]
    return found


def labels_among(
    classes: tuple[str, ...], dataset: Dataset
) -> Int64[np.ndarray, " n"] | Float64[np.ndarray, " n"]:
    """Labels of an earlier data set as new data has them: as positions in its classes, or numbers."""
    if not classes:
        return dataset.labels
    labels: np.ndarray = np.array([classes.index(name) for name in dataset.classes], np.int64)[dataset.labels]
    return labels


def _joined(
    new: Shaped[np.ndarray, "n height width channels"] | Texts,
    kept: Sequence[tuple[Dataset, Int64[np.ndarray, " _"]]],
) -> Shaped[np.ndarray, "all height width channels"] | Texts:
    """The new inputs, and behind them what is kept of each old data set."""
    if isinstance(new, Texts):
        writer = TextWriter()
        writer.extend(new)
        for dataset, part in kept:
            for position in part.tolist():
                writer.append(str(dataset.inputs[position]))
        return writer.finish()
    spool = Spool()  # in memory or, where it is large, in a file that ends with the process
    for inputs, positions in (
        (new, np.arange(len(new))),
        *((np.asarray(of.inputs), part) for of, part in kept),
    ):
        for start in range(0, len(positions), _BLOCK):
            spool.write(np.ascontiguousarray(inputs[positions[start : start + _BLOCK]]).tobytes())
    return spool.finish(np.dtype(np.uint8)).reshape(-1, *new.shape[1:])
