"""Judgement of an export of less precision: smaller, not slower, and not less accurate beyond chance."""

import statistics
import time
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Shaped

from pellucid.answering.incoming.blocks import incoming_rows
from pellucid.arithmetic.binomial import at_most
from pellucid.bundle import Answers, Model
from pellucid.data.labels.numbers import read_number
from pellucid.evaluation import compare_numbers, mcnemar
from pellucid.export.held_out import HeldOutExamples
from pellucid.runtime.exported import ExportedModel
from pellucid.runtime.opening import opened

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


class Judged(NamedTuple):
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


def judge(precision: str, contents: tuple[bytes, bytes], asked: Asked) -> tuple[Judged, Answers]:
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
    judged = Judged(
        precision, figures[0], figures[1], len(asked.labels), same, difference, p_value, tuple(reasons)
    )
    return judged, Answers(theirs.said, theirs.novelty)


def table(judged: Judged, noun: str) -> list[str]:
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
