"""The data of the tries: images of the bundled part of Fashion-MNIST, the bundled e-mails, and how many."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pellucid.data import prepare
from pellucid.settings import Settings

DRAWS = 20_260
"""Seed of what a try makes up: none of those that divide the examples, whose draws would be the same."""


@dataclasses.dataclass(frozen=True)
class Options:
    """How much is tried.

    Attributes:
        examples: most images or texts that a try learns from and is judged on.
        seeds: trainings on each fold.
        folds: folds for each seed.
        epochs: passes in every training; `None` for what each try asks for.
        threads: processor threads.
        work: folder for what is not kept.
    """

    examples: int
    seeds: int
    folds: int
    epochs: int | None
    threads: int
    work: Path

    def passes(self, usual: int) -> int:
        """Epochs of a training: the usual ones of the try, or what was given for all."""
        return self.epochs or usual


def images(options: Options, count: int | None = None) -> str:
    """The bundled part of Fashion-MNIST, or `count` of its images, as DATA for `compare`.

    `options.examples` bounds the number.
    """
    wanted = min(options.examples, count or options.examples)
    dataset, _ = prepare("sample:fashion", Settings())
    pool = np.concatenate([dataset.train, dataset.validation])
    if wanted >= len(pool):
        return "sample:fashion"
    chosen = np.random.default_rng(0).permutation(pool)[:wanted]
    path = options.work / f"fashion-{wanted}.npz"
    names = np.array(dataset.classes)
    arrays = {
        f"{letter}_{part}": values[where]
        for part, where in (("train", chosen), ("test", dataset.test))
        for letter, values in (("x", dataset.inputs), ("y", names[dataset.labels]))
    }
    np.savez(path, **arrays)
    return str(path)


def texts_of(options: Options, name: str, texts: Sequence[str], labels: Sequence[str]) -> str:
    """A table of texts and their classes, as DATA for `compare`; `options.examples` bounds the number."""
    path = options.work / f"{name}.jsonl"
    chosen = np.random.default_rng(0).permutation(len(texts))[: options.examples]
    rows = [{"text": texts[row], "label": labels[row]} for row in chosen]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def mails() -> tuple[list[str], list[str]]:
    """The bundled e-mails that are not for the test: texts, and the class of each."""
    dataset, _ = prepare("sample:spam", Settings())
    pool = [*dataset.train.tolist(), *dataset.validation.tolist()]
    return [dataset.inputs[row] for row in pool], [dataset.label_text(row) for row in pool]
