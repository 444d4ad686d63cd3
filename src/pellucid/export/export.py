"""Write a trained model as one ONNX file, once it has proved to answer as the model does."""

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pellucid.answering.naming import model_of
from pellucid.arithmetic.probabilities import trust
from pellucid.bundle import ClassicalModel, Model, TextModel, load
from pellucid.encoding import Encoder
from pellucid.encoding.ngrams.term_weights import TermWeights
from pellucid.errors import UsageError
from pellucid.evaluation.promises.abstention import least_examples, promise
from pellucid.export.held_out import held_out_examples
from pellucid.export.needs import require_installed
from pellucid.export.places import require_place
from pellucid.export.proof import Proof, prove
from pellucid.export.reference import by_reference
from pellucid.files import write_file
from pellucid.runtime.exported import LARGEST, opened
from pellucid.runtime.metadata import Metadata, Threshold

ENDING = ".onnx"
ERRORS = (0.01, 0.02, 0.05, 0.1, 0.2)
"""Errors for which a file holds thresholds, where the held-out answers suffice to promise them."""


class Exported(NamedTuple):
    """Outcome of an export.

    Attributes:
        model: name of the model.
        noun: one example: `image` or `text`.
        bytes: of the file.
        proof: that was passed.
    """

    model: str
    noun: str
    bytes: int
    proof: Proof


def export(
    run: str, out: Path, name: str | None = None, announce: Callable[[str], None] | None = None
) -> Exported:
    """Write the recommended model of a run, or another by its name, as ONNX; `announce` hears what is done.

    Raises: `UsageError` if something is not installed, `out` has another ending, or `run` lies in no run;
    `DataError` if the held-out examples are gone; `ModelFileError` if the model is damaged, or the file does
    not answer as it does; `StorageError` if `out` cannot be written.
    """
    require_installed()
    require_place(out, ENDING)
    found = model_of(run, name)
    model = load(found.folder)
    examples = held_out_examples(run, found.folder)
    say = announce or (lambda sentence: None)
    say(f"writing {found.name or model.name} as a graph")
    metadata = metadata_of(model, found.name or model.name)
    content = serialised(model, metadata)
    say(f"holding it against the model on {len(examples.rows):,} held-out {model.input_kind.nouns}")
    proof = prove(model, opened(content, str(out)), by_reference(content, metadata), examples)
    write_file(out, content)
    return Exported(metadata.model, model.input_kind.noun, len(content), proof)


def metadata_of(model: Model, name: str) -> Metadata:
    """What the file of a model says beside its graph."""
    return Metadata(
        model=name,
        pellucid=version("pellucid"),
        input_kind=model.input_kind,
        classes=model.classes,
        temperature=model.temperature,
        preprocessing=model.preprocessing,
        encoder=_encoder(model),
        novelty_rate=None if model.detector is None else model.detector.rate,
        abstention=_thresholds(model),
    )


def serialised(model: Model, metadata: Metadata) -> bytes:
    """The content of the file.

    Raises: `UsageError` if the model cannot be exported, or is too large for one file.
    """
    from pellucid.export.graph.writing import graph_of

    graph = graph_of(model)
    for key, value in metadata.to_properties().items():
        graph.metadata_props.add(key=key, value=value)
    if graph.ByteSize() > LARGEST:
        raise UsageError(f"export: {metadata.model} takes {graph.ByteSize():,} bytes, one file at most 2 GB")
    return bytes(graph.SerializeToString(deterministic=True))


def _encoder(model: Model) -> Encoder | TermWeights | None:
    """What turns texts into the input of the graph."""
    if isinstance(model, TextModel):
        return model.encoder
    if isinstance(model, ClassicalModel):
        return model.tfidf if model.encoder is None else model.encoder
    return None


def _thresholds(model: Model) -> tuple[Threshold, ...]:
    """Thresholds of trust for the errors that the model's held-out answers suffice to promise."""
    if model.held_out is None or not model.classes:
        return ()
    held_out = model.held_out
    said = held_out.said.astype(np.float64)
    answers = said.argmax(axis=1)
    rate = 1.0 if model.detector is None else model.detector.rate
    trusted = trust(said[np.arange(len(said)), answers], held_out.novelty, rate)
    wrong = answers != held_out.labels
    found = []
    for error in ERRORS:
        if len(held_out) >= least_examples(error):
            threshold = promise(trusted, wrong, error).threshold
            found.append(Threshold(error, threshold if np.isfinite(threshold) else None))
    return tuple(found)
