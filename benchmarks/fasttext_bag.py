"""`bag` and fastText, each from texts in memory to answers on the test split."""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from text_data import TextData

_LABEL = "__label__"


class Learnt(NamedTuple):
    """What one run reached and cost.

    Attributes:
        accuracy: on the test split.
        seconds: from the texts in memory to the answers.
    """

    accuracy: float
    seconds: float


def by_bag(data: TextData, seed: int) -> Learnt:
    """Pellucid's `bag`; a tenth of the training texts is held out to choose the epoch."""
    from pellucid import TextClassifier

    began = time.perf_counter()
    classifier = TextClassifier(model="bag", seed=seed).fit(data.train, data.train_labels)
    answers = classifier.predict(data.test)
    return Learnt(_accuracy(list(answers), data.test_labels), time.perf_counter() - began)


def by_fasttext(data: TextData, seed: int, **given: float) -> Learnt:
    """fastText; it reads its training texts from a file, which counts. The rest stays at its defaults."""
    import fasttext

    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "train.txt"
        names = {label: f"{_LABEL}{number}" for number, label in enumerate(sorted(set(data.train_labels)))}
        lines = [
            f"{names[label]} {' '.join(text.split())}\n"
            for text, label in zip(data.train, data.train_labels, strict=True)
        ]
        place.write_text("".join(lines), encoding="utf-8")
        threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        model = fasttext.train_supervised(str(place), seed=seed, thread=threads, verbose=0, **given)
    labels = {name: label for label, name in names.items()}
    said = model.predict([" ".join(text.split()) for text in data.test])[0]
    return Learnt(
        _accuracy([labels[each[0]] for each in said], data.test_labels), time.perf_counter() - began
    )


def _accuracy(answers: list[str], labels: list[str]) -> float:
    return sum(one == other for one, other in zip(answers, labels, strict=True)) / len(labels)


LEARNERS: dict[str, Callable[[TextData, int], Learnt]] = {
    "fastText at its defaults (5 epochs, rate 0.1)": by_fasttext,
    "fastText as its tutorial ends (25 epochs, rate 1.0, pairs of words)": lambda data, seed: by_fasttext(
        data, seed, lr=1.0, epoch=25, wordNgrams=2
    ),
    "Pellucid, bag": by_bag,
}
