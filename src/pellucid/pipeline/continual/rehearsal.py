"""Rehearsal: in continual training a network learns again from a part of the old data.

The rule: as many old training examples as there are new ones, at least 1,000, at most all; each class gives
its share (of numbers, every tenth of their range), by a draw that depends on the seed alone. Validation
examples are taken in the same proportion, so that the best epoch is chosen by both. Old examples whose
content stands anywhere in the new data are left out: no test example is learned by way of an old copy.

Source: Robins 1995, "Catastrophic Forgetting, Rehearsal and Pseudorehearsal"; Rolnick et al. 2019,
arXiv:1811.11682, for how far a sample of the old data goes.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64, Shaped

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.data import Dataset
from pellucid.data.copies.text_copies import text_digests
from pellucid.data.images.digests import array_digests
from pellucid.data.splits.splitting import places_in_strata
from pellucid.data.tables.spool import Spool
from pellucid.data.texts.store import Texts, TextWriter
from pellucid.pipeline.learners.planning.preparation import Material
from pellucid.tasks import target_of

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
