"""Exports of less precision: smaller weights, which have to prove that they are worth it."""

import dataclasses
import logging
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Shaped

from pellucid.answering.incoming import incoming_rows
from pellucid.answering.training_examples import rows_of, run_of
from pellucid.arithmetic.probabilities import at_most
from pellucid.bundle import Answers, HeldOut, Model
from pellucid.bundle.held_out import most_kept
from pellucid.data.labels import read_number
from pellucid.data.listing import TRAIN
from pellucid.errors import DataError, ModelFileError
from pellucid.evaluation import compare_numbers, mcnemar
from pellucid.export.proof import HeldOutExamples, thresholds_of
from pellucid.runtime.exported import ExportedModel, opened
from pellucid.runtime.metadata import NOVELTY, Metadata

# Weights in half precision: the file gets half as large, and the arithmetic stays as it was.

_FEWEST = 256
_LARGEST = float(np.finfo(np.float16).max)


def halved(graph: Any) -> Any:
    """The graph with its larger float32 weights as float16, each followed by its conversion back.

    onnxruntime converts them once, when it opens the file; processors have no fast arithmetic in float16.
    Weights beyond the range of float16 stay as they are.
    """
    import onnx

    found = onnx.ModelProto()
    found.CopyFrom(graph)
    back = []
    for weights in found.graph.initializer:
        if weights.data_type != onnx.TensorProto.FLOAT:
            continue
        values = onnx.numpy_helper.to_array(weights)
        if values.size < _FEWEST or not np.abs(values).max() <= _LARGEST:
            continue
        name = weights.name
        weights.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), f"{name} in half"))
        back.append(onnx.helper.make_node("Cast", [weights.name], [name], to=onnx.TensorProto.FLOAT))
    for place, node in enumerate(back):
        found.graph.node.insert(place, node)
    return found


# Weights and activations in 8 bits, with ranges from training examples, by onnxruntime's quantiser.

CALIBRATION_EXAMPLES = 256
_KINDS = ("Conv", "MatMul", "Gemm", "Gather")


def quantised(graph: Any, batches: Iterator[dict[str, np.ndarray]]) -> Any:
    """The graph with convolutions, products and embeddings in 8 bits, weights by channel.

    What only tells novelty stays as it is: it compares with distances that were measured in full precision.

    Args:
        graph: an `onnx.ModelProto`.
        batches: inputs of the graph by their names, from which the ranges of the activations are taken.

    Returns:
        Another `onnx.ModelProto`, without metadata.
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Examples(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(batches, None)

    before = logging.root.manager.disable
    logging.disable(logging.ERROR)  # it advises preparations that this graph does not need
    try:
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            path = Path(folder) / "quantised.onnx"
            copy = onnx.ModelProto()
            copy.CopyFrom(graph)
            quantize_static(
                copy,
                path,
                Examples(),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                weight_type=QuantType.QInt8,
                activation_type=QuantType.QUInt8,
                op_types_to_quantize=list(_KINDS),
                nodes_to_exclude=_only_for_novelty(graph),
            )
            found = onnx.load(path)
    finally:
        logging.disable(before)
    for opset in [each for each in found.opset_import if each.domain not in ("", "ai.onnx")]:
        found.opset_import.remove(opset)
    del found.metadata_props[:]
    found.producer_name, found.producer_version = graph.producer_name, graph.producer_version
    return found


def _only_for_novelty(graph: Any) -> list[str]:
    """Names of the nodes on which no answer depends, only its novelty."""
    makers = {name: node for node in graph.graph.node for name in node.output}
    waiting = [each.name for each in graph.graph.output if each.name != NOVELTY]
    needed: set[str] = set()
    while waiting:
        node = makers.get(waiting.pop())
        if node is not None and node.name not in needed:
            needed.add(node.name)
            waiting += node.input
    return [node.name for node in graph.graph.node if node.name not in needed]


# Judgement of an export of less precision: smaller, not slower, and not less accurate beyond chance.

ALPHA = 0.05
_ROUNDS = 15
_TIMED = 64
_SLOWER = 1.03  # a few per cent come and go with the place of the weights in memory


class Figures(NamedTuple):
    """Figures of one file.

    Attributes:
        bytes: of the file.
        milliseconds: of one processor core for one example, in batches, the graph alone.
        score: accuracy, or root mean squared error.
    """

    bytes: int
    milliseconds: float
    score: float


class Judgement(NamedTuple):
    """Figures of both files on the same held-out examples, and what speaks against the smaller one.

    Attributes:
        precision: of the smaller file.
        full: figures of the file in full precision.
        less: figures of the other.
        examples: answered by both.
        same: of these with the same label; `None` for numbers.
        difference: largest one of a probability or number.
        p_value: that the scores differ as much by chance.
        reasons: why it is refused; none where it is worth it.
    """

    precision: str
    full: Figures
    less: Figures
    examples: int
    same: int | None
    difference: float
    p_value: float
    reasons: tuple[str, ...]


class Asked(NamedTuple):
    """Held-out examples, ready to be asked about.

    Attributes:
        inputs: that could be read, as a model takes them.
        labels: class codes, or numbers.
    """

    inputs: Shaped[np.ndarray, "examples ..."] | list[str]
    labels: Shaped[np.ndarray, " examples"]


def asked_of(model: Model, examples: HeldOutExamples) -> Asked:
    """Held-out examples from their original files, and their labels."""
    blocks = list(incoming_rows(model, examples.listing, examples.rows).blocks)
    errors = [error for block in blocks for error in block.errors]
    stated = [
        examples.listing.labels[row] for row, error in zip(examples.rows, errors, strict=True) if not error
    ]
    codes = {name: code for code, name in enumerate(model.classes)}
    labels = np.array(
        [codes[label] if codes else float(read_number(label) or 0.0) for label in stated],
        np.int64 if codes else np.float64,
    )
    if isinstance(blocks[0].inputs, np.ndarray):
        return Asked(np.concatenate([np.asarray(block.inputs) for block in blocks]), labels)
    return Asked([text for block in blocks for text in block.inputs], labels)


def judge(precision: str, contents: tuple[bytes, bytes], asked: Asked) -> tuple[Judgement, Answers]:
    """Compare a file in full precision and one in less on the same held-out examples.

    Returns the judgement, and the answers of the file of less precision.
    """
    # One thread each: its own processor time is hardly touched by other programs.
    full, less = (
        opened(content, name, 1) for content, name in zip(contents, ("fp32", precision), strict=True)
    )
    sizes = (len(contents[0]), len(contents[1]))
    ours, theirs = full.computed(asked.inputs), less.computed(asked.inputs)
    times, is_slower = _timed(full, less, asked.inputs)
    of_target = _of_classes if full.classes else _of_numbers
    scores, p_value, is_worse, same = of_target(ours.said, theirs.said, asked.labels)
    is_finite = bool(np.isfinite(theirs.said).all())
    reasons = [
        reason
        for reason, holds in (
            ("its answers are not finite", not is_finite),
            ("it is not smaller", sizes[1] >= sizes[0]),
            ("it is slower", is_slower),
            ("it is less accurate beyond chance", is_worse),
        )
        if holds
    ]
    figures = [Figures(*each) for each in zip(sizes, times, scores, strict=True)]
    difference = float(np.abs(ours.said - theirs.said).max())
    judged = Judgement(
        precision, figures[0], figures[1], len(asked.labels), same, difference, p_value, tuple(reasons)
    )
    return judged, Answers(theirs.said, theirs.novelty)


def table(judged: Judgement, noun: str) -> list[str]:
    """Lines of the figures of both files."""
    score = "RMSE" if judged.same is None else "accuracy"
    lines = [f"{'':8}{'MB':>9}{'ms each':>10}{score:>10}"]
    for name, figures in (("fp32", judged.full), (judged.precision, judged.less)):
        lines.append(f"{name:8}{figures.bytes / 1e6:9.2f}{figures.milliseconds:10.3f}{figures.score:10.4f}")
    same = "" if judged.same is None else f"{judged.same:,} have the same label; "
    lines.append(
        f"On {judged.examples:,} held-out {noun}s {same}the largest difference is {judged.difference:.1e}; "
        f"p = {judged.p_value:.2g} that {score} differs by chance."
    )
    return lines


def _of_classes(
    ours: Float64[np.ndarray, "n classes"], theirs: Float64[np.ndarray, "n classes"], labels: np.ndarray
) -> tuple[tuple[float, float], float, bool, int]:
    """Accuracies, McNemar's p, whether the second is worse beyond chance, and equal labels."""
    first, second = ours.argmax(axis=1), theirs.argmax(axis=1)
    right: Bool[np.ndarray, " n"] = first == labels
    also: Bool[np.ndarray, " n"] = second == labels
    p_value = mcnemar(int((right & ~also).sum()), int((also & ~right).sum()))
    scores = (float(right.mean()), float(also.mean()))
    return scores, p_value, scores[1] < scores[0] and p_value < ALPHA, int((first == second).sum())


def _of_numbers(
    ours: Float64[np.ndarray, " n"], theirs: Float64[np.ndarray, " n"], labels: Float64[np.ndarray, " n"]
) -> tuple[tuple[float, float], float, bool, None]:
    """Root mean squared errors, p by exchanged answers, whether the second is worse beyond chance, `None`."""
    scores = tuple(float(np.sqrt(((each - labels) ** 2).mean())) for each in (ours, theirs))
    if (ours == theirs).all():
        return (scores[0], scores[1]), 1.0, False, None
    (compared,) = compare_numbers(labels, {"full": ours, "less": theirs})
    is_worse = scores[1] > scores[0] and compared.p_value < ALPHA
    return (scores[0], scores[1]), compared.p_value, is_worse, None


def _timed(
    full: ExportedModel, less: ExportedModel, inputs: Shaped[np.ndarray, "n ..."] | list[str]
) -> tuple[tuple[float, float], bool]:
    """Median milliseconds of the processor for one example of each, and whether the second is slower.

    Both take turns; the graphs alone are timed.
    """
    some = inputs[:_TIMED]
    batches = [batch for batch, _ in full.batches(some)]
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(_ROUNDS + 1):
        for model, found in zip((full, less), times, strict=True):
            started = time.thread_time()
            for batch in batches:
                model.asked(batch)
            if turn:  # the first round warms up
                found.append(1000 * (time.thread_time() - started) / len(some))
    ratios = [theirs / ours for ours, theirs in zip(*times, strict=True)]
    faster = sum(ratio <= 1 for ratio in ratios)
    is_slower = statistics.median(ratios) > _SLOWER and at_most(faster, len(ratios), 0.5) < ALPHA
    return (statistics.median(times[0]), statistics.median(times[1])), is_slower


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
) -> tuple[bytes, Judgement]:
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
        # Training examples as the graph takes them.
        run = run_of(folder)
        assert run is not None  # or there were no held-out examples
        listing, rows = rows_of(run, (TRAIN,), CALIBRATION_EXAMPLES)
        batches = [
            batch
            for block in incoming_rows(full.model, listing, rows).blocks
            for batch, _ in full.exported.batches(block.inputs)
        ]
        if not batches:
            raise DataError(
                "export: no training examples from which ranges could be taken; use --precision fp16"
            )
        graph = quantised(full.graph, iter(batches))
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


def _figures(judged: Judgement) -> str:
    """Both files in one sentence."""
    full, less = judged.full, judged.less
    return (
        f"{less.bytes / 1e6:.2f} MB where fp32 takes {full.bytes / 1e6:.2f}, {less.milliseconds:.3f} ms "
        f"where it takes {full.milliseconds:.3f}, a score of {less.score:.4f} where it has {full.score:.4f} "
        f"(p = {judged.p_value:.2g})"
    )
