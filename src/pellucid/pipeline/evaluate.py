"""Score a trained model on labelled pictures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.bundle import ImageModel, load
from pellucid.data.inputs import Input, blocks_of, decoders, first_few, fit_inputs
from pellucid.data.listing import TEST, Listing
from pellucid.data.reading import read_images
from pellucid.errors import DataError
from pellucid.evaluation import Scores, score
from pellucid.settings import Settings

_FORMAT = 1
_NAMES_SHOWN = 10
_CONFUSIONS_SHOWN = 5
_NAME_WIDTH = 24


@dataclass(frozen=True)
class Evaluation:
    """Scores of a model on labelled pictures.

    Attributes:
        run: the run or model folder.
        place: the data.
        rows: which part of the data was scored: `test split` or `all rows`.
        skipped: pictures left out because they could not be read.
        classes: the model's classes.
        scores: with intervals.
        warnings: sentences for the user about the data.
    """

    run: str
    place: str
    rows: str
    skipped: int
    classes: tuple[str, ...]
    scores: Scores
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The evaluation as one document; `test` has the form it has in `metrics.json`.

        Returns:
            Plain JSON values.
        """
        return {
            "format": _FORMAT,
            "task": "image-classification",
            "run": self.run,
            "data": {
                "place": self.place,
                "rows": self.rows,
                "examples": self.scores.examples,
                "skipped": self.skipped,
            },
            "classes": list(self.classes),
            "test": self.scores.to_json(),
            "confusion": self.scores.confusion.tolist(),
        }

    def to_text(self) -> str:
        """The evaluation for a terminal of 80 columns.

        Returns:
            Lines without the last line break.
        """
        lines = [
            f"Data    {_printable(self.place)}",
            f"Scored  {self.rows}: {self.scores.examples:,} pictures, {self.skipped:,} skipped",
            "",
            f"{'Score':<28}{'Value':>8}   95 % interval",
        ]
        for name, words in _SCORE_WORDS.items():
            interval = getattr(self.scores, name)
            lines.append(f"{words:<28}{interval.value:>8.3f}   [{interval.low:.3f}, {interval.high:.3f}]")
        return "\n".join([*lines, *self._confusions()])

    def _confusions(self) -> list[str]:
        """The mistakes made most often."""
        mistakes = self.scores.confusion.copy()
        np.fill_diagonal(mistakes, 0)
        worst = np.argsort(-mistakes, axis=None, kind="stable")[:_CONFUSIONS_SHOWN]
        pairs = [divmod(int(cell), len(self.classes)) for cell in worst]
        lines = [
            f"{_cut(self.classes[label]):<28}{_cut(self.classes[said]):<28}{mistakes[label, said]:>6,}"
            for label, said in pairs
            if mistakes[label, said] > 0
        ]
        return ["", f"{'Label':<28}{'Taken for':<28}{'Times':>6}", *lines] if lines else []


_SCORE_WORDS = {
    "accuracy": "Accuracy",
    "macro_f1": "Macro-F1",
    "log_loss": "Log loss (nats)",
    "expected_calibration_error": "Expected calibration error",
}


def _printable(text: str) -> str:
    """A text whose control characters cannot reach the terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _cut(name: str) -> str:
    shown = _printable(name)
    return shown if len(shown) <= _NAME_WIDTH else shown[: _NAME_WIDTH - 3] + "..."


def evaluate(
    run: str | Path,
    place: str,
    settings: Settings,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Score a model on the test split of the data, or on all rows where there is none.

    Args:
        run: a run or a model folder.
        place: DATA, in any of its forms.
        settings: columns and encoding of tables, whether unreadable pictures are left out, seed of
            the bootstrap.
        progress: told the pictures done and the pictures in all.

    Returns:
        The scores.

    Raises:
        DataError: the data cannot be read, or has a class that the model does not know.
        ModelFileError: the model is damaged or unsafe.
    """
    model = load(run)
    listing = read_images(place, settings)
    chosen = [index for index, split in enumerate(listing.splits) if split == TEST]
    rows = chosen or list(range(len(listing)))
    labels = _label_codes([listing.labels[index] for index in rows], model, listing.place)
    probabilities, is_readable, warnings = _probabilities(model, listing, rows, settings.skip_bad, progress)
    return Evaluation(
        run=str(run),
        place=listing.place,
        rows="test split" if chosen else "all rows",
        skipped=int((~is_readable).sum()),
        classes=model.classes,
        scores=score(labels[is_readable], probabilities, settings.seed),
        warnings=(*listing.warnings, *warnings),
    )


def _label_codes(labels: Sequence[str], model: ImageModel, place: str) -> np.ndarray:
    """Position of each label among the model's classes.

    Raises:
        DataError: the model does not know some of them.
    """
    codes = {name: code for code, name in enumerate(model.classes)}
    unknown = sorted(set(labels) - codes.keys())
    if unknown:
        raise DataError(
            f"{place}: the model does not know {'class' if len(unknown) == 1 else 'classes'} "
            f"{_names(unknown)}; it knows {_names(model.classes)}; rename or remove them"
        )
    return np.array([codes[label] for label in labels], np.int64)


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(repr(name) for name in names[:_NAMES_SHOWN]) + more


def _probabilities(
    model: ImageModel,
    listing: Listing,
    rows: Sequence[int],
    skip_bad: bool,
    progress: Callable[[int, int], None] | None,
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Probabilities of the readable pictures, which of the rows those are, and warnings.

    Raises:
        DataError: pictures cannot be read and are not to be skipped, or none can be read.
    """
    pixels = listing.load_pixels() if listing.load_pixels is not None else listing.pixels
    sources = listing.paths if pixels is None else pixels
    assert sources is not None
    inputs = [Input(listing.sources[index], sources[index]) for index in rows]
    found, errors, warnings = [], [], []
    with decoders() as executor:
        for block in blocks_of(inputs, model.preprocessing):
            fitted = fit_inputs(block, model.preprocessing, executor)
            found.append(model.predict_proba(fitted.pixels))
            errors += fitted.errors
            warnings += fitted.warnings
            if progress is not None:
                progress(len(errors), len(rows))
    bad = [f"{listing.sources[index]}: {error}" for index, error in zip(rows, errors, strict=True) if error]
    if bad and not skip_bad:
        listed = "\n  ".join(bad)
        raise DataError(
            f"{listing.place}: {len(bad):,} pictures cannot be read; mend them or leave them out with "
            f"--skip-bad\n  {listed}"
        )
    if len(bad) == len(rows):
        raise DataError(f"{listing.place}: no picture can be read; the first is {bad[0]}")
    return np.concatenate(found), np.array([not error for error in errors]), first_few(warnings)
