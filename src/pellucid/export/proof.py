"""Proof of an export: it answers held-out examples, from original files, and abstains as the model does."""

import contextlib
import io
import logging
import statistics
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Shaped

from pellucid.answering.evaluate import labels_for
from pellucid.answering.incoming import incoming_rows
from pellucid.answering.training_examples import ChangedData, rows_of, run_of
from pellucid.arithmetic.probabilities import at_most
from pellucid.bundle import Answers, HeldOut, Model
from pellucid.data.listing import TEST, TRAIN, VALIDATION, Listing
from pellucid.errors import DataError, ModelFileError, PellucidError, UsageError
from pellucid.evaluation.promises import checked_promise, least_examples
from pellucid.export.by_target import HEADS, scored
from pellucid.language.sentence import Sentence, join
from pellucid.runtime.by_target import NOVELTY
from pellucid.runtime.exported import ExportedModel, opened
from pellucid.runtime.metadata import Metadata, Threshold
from pellucid.targets import Labels, Target

# Held-out examples by which an export is proved.
MOST_EXAMPLES = 1_000
# Of these answered by `onnx.reference` too, and those that a message shows.
_REFERENCE_EXAMPLES = 4
_SHOWN = 3

# Errors for which a file has thresholds of trust, where the held-out answers suffice to promise them.
ERRORS = (0.01, 0.02, 0.05, 0.1, 0.2)


class HeldOutExamples(NamedTuple):
    """Labelled data that a model did not learn from: a listing, read again, and positions in it."""

    listing: Listing
    rows: list[int]
    split: str = TEST  # that they are of; what is kept of a model may have learned from validation in the end


def held_out_examples(place: str, folder: Path, most: int = MOST_EXAMPLES) -> HeldOutExamples:
    """Up to `most` test examples of the run in which a model folder lies; without such, validation examples.

    Raises: `UsageError` if the folder lies in no run, `DataError` if the run's data is gone or changed.
    """
    run = run_of(folder)
    if run is None:
        raise UsageError(
            "{place}: no run, so there are no held-out examples on which the file could be proved; "
            "give the RUN folder that pellucid train wrote",
            place,
        )
    try:
        for split in (TEST, VALIDATION):
            listing, rows = rows_of(run, (split,), most)
            if rows:
                return HeldOutExamples(listing, rows, split)
    except ChangedData as error:
        raise DataError(
            "{place}: {error}; put the data back, on which the file is proved", place, error
        ) from error
    except PellucidError as error:
        raise DataError("{place}: its data cannot be read again: {error}", place, error) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError("{place}: the files of the run cannot be read; train it again", place) from error
    raise DataError("{place}: the run has no held-out examples on which the file could be proved", place)


def thresholds_of(model: Model | Metadata, held_out: HeldOut | None) -> tuple[Threshold, ...]:
    """Thresholds for the errors that held-out answers suffice to promise and the test does not refute.

    None where numbers are predicted.
    """
    if held_out is None or not model.target.right:
        return ()
    target, classes, threshold = model.target, model.classes, model.threshold
    judged, of_test = (
        None
        if each is None
        else each.judged(model.novelty_rate, target.labels(each.said.astype(np.float64), classes, threshold))
        for each in (held_out, held_out.test)
    )
    assert judged is not None  # only the test may be missing
    unseen = len(held_out) + (0 if held_out.test is None else len(held_out.test))
    possible = (error for error in ERRORS if unseen >= least_examples(error))
    found = [checked_promise(judged, of_test, error) for error in possible]
    return tuple(
        Threshold(each.max_error, each.threshold if each.answered else None)
        for each in found
        if not each.is_refuted
    )


class Allowance(NamedTuple):
    """Change of an answer that rounding may make.

    `difference` is that of a probability, and of a number as a share of the largest; `novelty` is beyond one
    rank of the validation examples. Another label is no fault where the model itself finds both equally
    likely, to within `tie`.
    """

    difference: float
    tie: float
    novelty: float


# Of a file with the weights of the model in their own precision.
ALLOWANCE = Allowance(difference=1e-4, tie=1e-5, novelty=1e-4)


class Proof(NamedTuple):
    """Outcome of a proof that was passed.

    Examples, those that `onnx.reference` answered too, and the largest difference of a probability or number.
    """

    examples: int
    reference: int
    difference: float


class DisagreeingError(ModelFileError):
    """An exported file answers held-out examples otherwise than its model."""


def prove(
    model: Model, exported: ExportedModel, reference: ExportedModel, examples: HeldOutExamples
) -> Proof:
    """Ask the model, and the file by two engines, about the same original files, decoded for each anew.

    Labels must be equal unless the model itself finds two equally likely; probabilities within `ALLOWANCE`;
    novelty within one rank of the validation examples.

    Raises: `ModelFileError` with examples if they disagree, `DataError` if none can be read any more.
    """
    of_model = incoming_rows(model, examples.listing, examples.rows)
    of_file = incoming_rows(exported, examples.listing, examples.rows)
    answered = checked = 0
    largest = 0.0
    for block, again in zip(of_model.blocks, of_file.blocks, strict=True):
        names = [name for name, error in zip(block.names, block.errors, strict=True) if not error]
        if not names:
            continue
        ours, theirs = model.answer(block.inputs), exported.computed(again.inputs)
        largest = max(largest, compare(model, names, ours, theirs, "onnxruntime"))
        few = min(_REFERENCE_EXAMPLES - checked, len(names))
        if few > 0:
            part = Answers(ours.said[:few], None if ours.novelty is None else ours.novelty[:few])
            theirs = reference.computed(again.inputs[:few])
            largest = max(largest, compare(model, names[:few], part, theirs, "onnx.reference"))
            checked += few
        answered += len(names)
    if not answered:
        raise DataError("export: none of the held-out examples can be read any more; put the data back")
    return Proof(answered, checked, largest)


def compare(
    model: Model,
    names: Sequence[str],
    ours: Answers,
    theirs: Answers,
    engine: str,
    allowance: Allowance = ALLOWANCE,
) -> float:
    """Largest difference of the answers of a model and of a file, which `engine` answers.

    Raises: `DisagreeingError` if it is too large, a label is another, or novelty is.
    """
    if ours.said.shape != theirs.said.shape:
        raise ModelFileError(
            "export: {engine} gives answers of the shape {shape}; not written", engine, theirs.said.shape
        )
    off = np.abs(ours.said - theirs.said).reshape(len(names), -1).max(axis=1)
    head = HEADS[model.target]
    wrong = ~(off <= allowance.difference * head.scale(ours.said))
    wrong |= head.are_other(model, ours.said, theirs.said, allowance.tie)
    if model.detector is None or ours.novelty is None or theirs.novelty is None:
        wrong |= (ours.novelty is None) != (theirs.novelty is None)
    else:
        rank = 1 / (len(model.detector.reference) + 1)  # by so much rounding may change it
        wrong |= ~(np.abs(ours.novelty - theirs.novelty) <= rank + allowance.novelty)
    if wrong.any():
        places = np.flatnonzero(wrong).tolist()
        shown = join(
            "; ",
            [
                Sentence(
                    "{names}: {model} by the model, {model2} by the file",
                    names[place],
                    _in_words(model, ours, place),
                    _in_words(model, theirs, place),
                )
                for place in places[:_SHOWN]
            ],
        )
        raise DisagreeingError(
            "export: not written: {engine} disagrees with the model on {places:,} of {names:,} "
            "held-out {nouns} ({shown}); please report it",
            engine,
            len(places),
            len(names),
            model.input_kind.nouns,
            shown,
        )
    return float(off.max())


def _in_words(model: Model, answers: Answers, place: int) -> str:
    """An answer for messages: the label and its probability, the labels, or the number."""
    words = HEADS[model.target].in_words(model, answers.said[place : place + 1])
    return (
        words
        if answers.novelty is None
        else Sentence("{words} (novelty {novelty:.4f})", words, answers.novelty[place])
    )


# Exports of less precision: weights in fewer bits, which have to prove that they are worth it.

FP32 = "fp32"
FP16 = "fp16"

# Fewer weights save nothing; larger ones than float16 holds stay as they are.
_FEWEST = 256
_LARGEST = float(np.finfo(np.float16).max)
_CALIBRATION_EXAMPLES = 256
_QUANTISED = ["Conv", "MatMul", "Gemm", "Gather"]

_ALPHA = 0.05
_ROUNDS = 15  # each of both files, in turns
_TIMED = 64  # examples
_SLOWER = 1.03  # a few per cent come and go with the place of the weights in memory


def halved(graph: Any) -> Any:
    """The graph with its larger float32 weights as float16, each followed by its conversion back.

    onnxruntime converts them once, when it opens the file; processors have no fast arithmetic in float16.
    """
    import onnx

    found = onnx.ModelProto()
    found.CopyFrom(graph)
    back = []
    for weights in found.graph.initializer:
        values = onnx.numpy_helper.to_array(weights)
        if values.dtype != np.float32 or values.size < _FEWEST or not np.abs(values).max() <= _LARGEST:
            continue
        name = weights.name
        weights.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), f"{name} in half"))
        back.append(onnx.helper.make_node("Cast", [weights.name], [name], to=onnx.TensorProto.FLOAT))
    for place, node in enumerate(back):
        found.graph.node.insert(place, node)
    return found


def quantised(graph: Any, batches: Iterator[dict[str, np.ndarray]]) -> Any:
    """The graph with convolutions, products and embeddings in 8 bits, weights by channel.

    `batches` of its inputs give the ranges of the activations. What only novelty depends on stays as it is:
    it compares with distances that were measured in full precision.
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Examples(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(batches, None)

    makers = {name: node for node in graph.graph.node for name in node.output}
    waiting = [each.name for each in graph.graph.output if each.name != NOVELTY]
    answering: set[str] = set()
    while waiting:
        node = makers.get(waiting.pop())
        if node is not None and node.name not in answering:
            answering.add(node.name)
            waiting += node.input
    copy = onnx.ModelProto()
    copy.CopyFrom(graph)
    with tempfile.TemporaryDirectory() as folder, quiet():
        path = Path(folder) / "quantised.onnx"
        quantize_static(
            copy,
            path,
            Examples(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8,
            op_types_to_quantize=_QUANTISED,
            nodes_to_exclude=[node.name for node in graph.graph.node if node.name not in answering],
        )
        found = onnx.load(path)
    for opset in [each for each in found.opset_import if each.domain not in ("", "ai.onnx")]:
        found.opset_import.remove(opset)
    del found.metadata_props[:]
    found.producer_name, found.producer_version = graph.producer_name, graph.producer_version
    return found


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Leave out the reports of exporter and quantiser: their own work, and preparations not needed here."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def training_batches(model: Model, exported: ExportedModel, folder: Path) -> Iterator[dict[str, np.ndarray]]:
    """Training examples as the graph takes them; the model lies in its run's `folder`.

    Raises: `DataError` if none can be read.
    """
    run = run_of(folder)
    assert run is not None  # or there were no held-out examples
    blocks = incoming_rows(model, *rows_of(run, (TRAIN,), _CALIBRATION_EXAMPLES)).blocks
    batches = [feed for block in blocks for feed, _ in exported.batches(block.inputs)]
    if not batches:
        raise DataError("export: no training examples from which ranges could be taken; use --precision fp16")
    return iter(batches)


# Judgement of a file of less precision: smaller, not slower, and not less accurate beyond chance.


class Figures(NamedTuple):
    """Figures of one file.

    Attributes:
        bytes: of the file.
        milliseconds: of one processor core for one example, in batches, the graph alone.
        score: accuracy, micro-F1 of several labels, or root mean squared error.
    """

    bytes: int
    milliseconds: float
    score: float


class Judgement(NamedTuple):
    """Figures of both files on the same held-out examples, and what speaks against the smaller one.

    Attributes:
        precision: of the smaller file.
        target: of the answers.
        full: figures of the file in full precision.
        less: figures of the other.
        examples: answered by both.
        same: of these with the same label; `None` for numbers.
        difference: largest one of a probability or number.
        p_value: that the scores differ as much by chance.
        reasons: why it is refused; none where it is worth it.
    """

    precision: str
    target: Target
    full: Figures
    less: Figures
    examples: int
    same: int | None
    difference: float
    p_value: float
    reasons: tuple[str, ...]

    def table(self, noun: str) -> list[str]:
        """Lines of the figures of both files."""
        head = HEADS[self.target]
        score, label = head.score, head.label
        lines = [f"{'':8}{'MB':>9}{'ms each':>10}{score:>10}"]
        for name, each in ((FP32, self.full), (self.precision, self.less)):
            lines.append(f"{name:8}{each.bytes / 1e6:9.2f}{each.milliseconds:10.3f}{each.score:10.4f}")
        same = "" if self.same is None else Sentence("{same:,} have the same {label}; ", self.same, label)
        lines.append(
            Sentence(
                "On {examples:,} held-out {noun}s {same}the largest difference is {difference:.1e}; "
                "p = {p_value:.2g} that {score} differs by chance.",
                self.examples,
                noun,
                same,
                self.difference,
                self.p_value,
                score,
            )
        )
        return lines

    def sentence(self) -> str:
        """Both files in one sentence."""
        full, less = self.full, self.less
        return Sentence(
            "{bytes:.2f} MB where fp32 takes {bytes2:.2f}, "
            "{milliseconds:.3f} ms where it takes {milliseconds2:.3f}, "
            "a score of {score:.4f} where it has {score2:.4f} (p = {p_value:.2g})",
            less.bytes / 1000000.0,
            full.bytes / 1000000.0,
            less.milliseconds,
            full.milliseconds,
            less.score,
            full.score,
            self.p_value,
        )


class Labelled(NamedTuple):
    """Held-out examples that could be read, as a model takes them, and their labels."""

    inputs: Shaped[np.ndarray, "examples ..."] | list[str]
    labels: Labels


def labelled(model: Model, examples: HeldOutExamples) -> Labelled:
    """Held-out examples from their original files, and their labels."""
    blocks = list(incoming_rows(model, examples.listing, examples.rows).blocks)
    errors = [error for block in blocks for error in block.errors]
    readable = [row for row, error in zip(examples.rows, errors, strict=True) if not error]
    labels = labels_for(model, examples.listing, readable)
    if isinstance(blocks[0].inputs, np.ndarray):
        return Labelled(np.concatenate([np.asarray(block.inputs) for block in blocks]), labels)
    return Labelled([text for block in blocks for text in block.inputs], labels)


def judge(precision: str, content: bytes, smaller: bytes, examples: Labelled) -> tuple[Judgement, Answers]:
    """Compare a file in full precision and a smaller one on the same held-out examples.

    Returns the judgement, and the answers of the smaller file.
    """
    # One thread each: its own processor time is hardly touched by other programs.
    full, less = opened(content, FP32, 1), opened(smaller, precision, 1)
    ours, theirs = full.computed(examples.inputs), less.computed(examples.inputs)
    times, is_slower = _timed(full, less, examples.inputs)
    decided = [full.target.labels(each.said, full.classes, full.threshold) for each in (ours, theirs)]
    found = scored(examples.labels, *decided)
    reasons = {
        "its answers are not finite": not np.isfinite(theirs.said).all(),
        "it is not smaller": len(smaller) >= len(content),
        "it is slower": is_slower,
        "it is less accurate beyond chance": found.is_worse and found.p_value < _ALPHA,
    }
    judged = Judgement(
        precision,
        full.target,
        Figures(len(content), times[0], found.full),
        Figures(len(smaller), times[1], found.less),
        len(examples.labels),
        int((~full.target.wrong(*decided)).sum()) if full.target.right else None,
        float(np.abs(ours.said - theirs.said).max()),
        found.p_value,
        tuple(reason for reason, holds in reasons.items() if holds),
    )
    return judged, theirs


def _timed(
    full: ExportedModel, less: ExportedModel, inputs: Shaped[np.ndarray, "n ..."] | list[str]
) -> tuple[tuple[float, float], bool]:
    """Median milliseconds of the processor for one example of each, and whether the second is slower.

    Both take turns; the graphs alone are timed.
    """
    some = inputs[:_TIMED]
    feeds = [feed for feed, _ in full.batches(some)]
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(_ROUNDS + 1):
        for model, found in zip((full, less), times, strict=True):
            started = time.thread_time()
            for _ in model.session.run(model.outputs, feeds):
                pass
            if turn:  # the first round warms up
                found.append(1000 * (time.thread_time() - started) / len(some))
    ratios = [theirs / ours for ours, theirs in zip(*times, strict=True)]
    faster = sum(ratio <= 1 for ratio in ratios)
    is_slower = statistics.median(ratios) > _SLOWER and at_most(faster, len(ratios), 0.5) < _ALPHA
    return (statistics.median(times[0]), statistics.median(times[1])), is_slower
