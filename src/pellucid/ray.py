"""Answers of an exported model to batches of columns, as Ray Data and Spark have them, without torch.

    from pellucid.ray import Predictor

    data.map_batches(Predictor, fn_constructor_args=("model.onnx", "image"), compute=..., num_cpus=...)

Nothing here imports Ray, nor anything but what `pellucid.runtime` does, and nothing is pickled: a process of
Ray or Spark gets the name of the class and its arguments, and loads the file itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.errors import UsageError
from pellucid.language.sentence import Sentence
from pellucid.runtime import load


class Predictor:
    """Adds the columns of `predict` to batches: `label`, `probability`, `error`, `novelty` and what is asked.

    An input that cannot be read gets its reason in `error`, an empty label and no numbers; nothing is raised.
    The file is loaded once, and computed by onnxruntime in a child process under limits, which ends with this
    one.

    Args:
        model: ONNX file that `pellucid export` wrote.
        column: of the inputs: images as paths, bytes of files or arrays (height, width[, channels]); texts.
        prefix: put before the name of every new column.
        threads: of onnxruntime, and as many decode images.
        probabilities: whether each class gets a column.
        max_error: as `predict --max-error`.
        costs: file, as `predict --costs`.
        sets: as `predict --sets`.

    Raises:
        ModelFileError: the file is damaged or unsafe.
        UsageError: an option cannot be met, or onnxruntime is not installed.
    """

    def __init__(
        self,
        model: str | Path,
        column: str,
        *,
        prefix: str = "",
        threads: int = 1,
        probabilities: bool = False,
        max_error: float | None = None,
        costs: str | Path | None = None,
        sets: float | None = None,
    ) -> None:
        loaded = load(model, threads)  # before the imports below, which need it where jaxtyping is missing
        from pellucid.answering.answers import columns_of
        from pellucid.answering.decisions import FLAGS, Decisions, PredictOptions

        options = PredictOptions(
            probabilities=probabilities,
            max_error=max_error,
            costs=None if costs is None else Path(costs),
            sets=sets,
            names={name: name for name in FLAGS},
        )
        self._decisions = Decisions(loaded, options, str(model))
        classes = loaded.classes if probabilities else ()
        columns = columns_of(classes, self._decisions.columns, loaded.target.cell)
        del columns["input"]
        self._columns = {f"{prefix}{name}": kind for name, kind in columns.items()}
        self._column, self._executor = column, ThreadPoolExecutor(threads)

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Answer about a batch, column by column: its own columns, and the new ones as arrays.

        Raises: `UsageError` if it lacks the column of the inputs, or has one that is named like a new one.
        """
        if self._column not in batch:
            raise UsageError(
                "{column}: no column of the batch, which has {batch}", self._column, ", ".join(batch)
            )
        taken = sorted(self._columns.keys() & batch.keys())
        if taken:
            raise UsageError(
                "{taken}: there already in the batch; give a prefix for the new ones", ", ".join(taken)
            )
        cells = list(zip(*self._rows(batch[self._column]), strict=True)) or [()] * len(self._columns)
        found = zip(self._columns.items(), cells, strict=True)
        return {**batch, **{name: _array(kind, values) for (name, kind), values in found}}

    def _rows(self, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Cells of the new columns for each value."""
        from pellucid.answering.answers import rows_of
        from pellucid.answering.incoming import Block
        from pellucid.data.sources.blocks import blocks_of, fit_inputs
        from pellucid.data.sources.values import text_or_reason

        preprocessing = self._decisions.model.preprocessing
        blocks: Iterable[Block]
        if preprocessing is None:
            texts, errors = zip(*map(text_or_reason, values), strict=True) if len(values) else ((), ())
            usable = [text for text, error in zip(texts, errors, strict=True) if not error]
            blocks = [Block([""] * len(values), usable, errors)]
        else:
            parts = blocks_of(map(_image, values), preprocessing)
            fitted = (fit_inputs(part, preprocessing, self._executor) for part in parts)
            blocks = (Block([""] * len(each.errors), each.pixels, each.errors) for each in fitted)
        return [row.cells()[1:] for block in blocks for row in rows_of(self._decisions, block).rows]


def _image(value: Any) -> Any:
    """An image as readers take it, or the reason why the value is none."""
    from pellucid.data.sources.source import Row
    from pellucid.data.wording import with_article

    if isinstance(value, (str, Path)):
        return Row("", Path(value))
    if isinstance(value, (bytes, bytearray, memoryview)):
        return Row("", bytes(value))
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return Row("", value)
    kind = "nothing" if value is None else with_article(type(value).__name__)
    return Row(
        "", b"", Sentence("is {kind}, where a path, the bytes of a file or an array is expected", kind)
    )


def _array(kind: Any, values: Sequence[Any]) -> np.ndarray:
    """A column of cells of one kind; without a value a number is NaN, a text is empty."""
    if kind is float:
        return np.array([np.nan if value is None else value for value in values], np.float64)
    found = np.empty(len(values), object)
    found[:] = ["" if value is None and kind is str else value for value in values]
    return found
