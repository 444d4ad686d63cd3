"""An export of less precision, once it has proved to be worth it."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pellucid.answering.incoming.blocks import incoming_rows
from pellucid.answering.training_examples import rows_of, run_of
from pellucid.bundle import HeldOut, Model
from pellucid.bundle.held_out import most_kept
from pellucid.data.listing import TRAIN
from pellucid.errors import DataError, ModelFileError
from pellucid.export.held_out import HeldOutExamples
from pellucid.export.precision.halving import halved
from pellucid.export.precision.judging import Judged, asked_of, judge, table
from pellucid.export.precision.quantising import CALIBRATION_EXAMPLES, quantised
from pellucid.export.thresholds import thresholds_of
from pellucid.runtime.exported import ExportedModel
from pellucid.runtime.metadata import Metadata

FP32, FP16 = "fp32", "fp16"


class Full(NamedTuple):
    """An export in full precision that was proved.

    Attributes:
        model: that was exported.
        metadata: of the file.
        graph: without metadata.
        content: of the file.
        exported: the file, opened.
    """

    model: Model
    metadata: Metadata
    graph: Any
    content: bytes
    exported: ExportedModel


def lessened(
    full: Full,
    precision: str,
    examples: HeldOutExamples,
    folder: Path,
    finish: Callable[[Any, Metadata], bytes],
    say: Callable[[str], None],
) -> tuple[bytes, Judged]:
    """The content of the file of less precision, `fp16` or `int8`, and how it was judged.

    Its promises are made from its own answers about the held-out examples, not from those of the model.
    `full` is the same model in full precision, in its run's `folder`; `finish` makes a file of a graph and
    metadata; `say` hears what is done, and the figures.

    Raises: `ModelFileError` if the file is not smaller, slower, or less accurate beyond chance; `DataError`
    if the examples can no longer be read.
    """
    if precision == FP16:
        graph = halved(full.graph)
    else:
        graph = quantised(full.graph, _training_inputs(full, folder))
    content = finish(graph, full.metadata)
    asked = asked_of(full.model, examples)
    judged, answers = judge(precision, (full.content, content), asked)
    lines = table(judged, full.model.input_kind.noun)
    for line in lines:
        say(line)
    if judged.reasons:
        raise ModelFileError(
            f"export: not written: in {precision} {' and '.join(judged.reasons)}: {_figures(judged)}; "
            "leave --precision out"
        )
    kept = slice(most_kept(len(full.model.classes)))
    held_out = HeldOut.of(
        asked.labels[kept],
        answers.said[kept],
        None if answers.novelty is None else answers.novelty[kept],
    )
    rate = full.metadata.novelty_rate
    thresholds = thresholds_of(held_out, full.metadata.classes, rate, full.metadata.threshold)
    metadata = dataclasses.replace(full.metadata, held_out=held_out, abstention=thresholds)
    return finish(graph, metadata), judged


def _figures(judged: Judged) -> str:
    """Both files in one sentence."""
    full, less = judged.full, judged.less
    return (
        f"{less.bytes / 1e6:.2f} MB where fp32 takes {full.bytes / 1e6:.2f}, {less.milliseconds:.3f} ms "
        f"where it takes {full.milliseconds:.3f}, a score of {less.score:.4f} where it has {full.score:.4f} "
        f"(p = {judged.p_value:.2g})"
    )


def _training_inputs(full: Full, folder: Path) -> Iterator[dict[str, np.ndarray]]:
    """Training examples as the graph takes them.

    Raises: `DataError` if the run's training data cannot be read any more.
    """
    run = run_of(folder)
    assert run is not None  # or there were no held-out examples
    listing, rows = rows_of(run, (TRAIN,), CALIBRATION_EXAMPLES)
    batches = [
        batch
        for block in incoming_rows(full.model, listing, rows).blocks
        for batch, _ in full.exported.batches(block.inputs)
    ]
    if not batches:
        raise DataError("export: no training examples from which ranges could be taken; use --precision fp16")
    return iter(batches)
