"""Write a trained model as one ONNX file, once it has proved to answer as the model does."""

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from pellucid.answering.naming import model_of
from pellucid.bundle import Model, load
from pellucid.errors import UsageError
from pellucid.export.held_out import held_out_examples
from pellucid.export.needs import require_installed
from pellucid.export.places import require_place
from pellucid.export.precision.judging import Judged
from pellucid.export.precision.lessening import FP32, Full, lessened
from pellucid.export.proof import Proof, prove
from pellucid.export.reference import by_reference
from pellucid.export.thresholds import thresholds_of
from pellucid.files import write_file
from pellucid.runtime.metadata import Metadata
from pellucid.runtime.opening import LARGEST, opened

ENDING = ".onnx"


class Exported(NamedTuple):
    """Outcome of an export.

    Attributes:
        model: name of the model.
        noun: one example: `image` or `text`.
        bytes: of the file.
        proof: that was passed.
        judged: figures of a file of less precision; `None` in full precision.
    """

    model: str
    noun: str
    bytes: int
    proof: Proof
    judged: Judged | None = None


def export(
    run: str,
    out: Path,
    name: str | None = None,
    announce: Callable[[str], None] | None = None,
    precision: str = FP32,
) -> Exported:
    """Write the recommended model of a run, or another by its name, as ONNX; `announce` hears what is done.

    In a `precision` of `fp16` or `int8` it is judged beside the file in full precision, proved first.

    Raises: `UsageError` if something is not installed, `out` has another ending, or `run` lies in no run;
    `DataError` if the held-out examples are gone; `ModelFileError` if the model is damaged, the file does not
    answer as it does, or less precision is not worth it; `StorageError` if `out` cannot be written.
    """
    from pellucid.export.graph.writing import graph_of

    require_place(out, ENDING)
    require_installed()
    found = model_of(run, name)
    model = load(found.folder)
    examples = held_out_examples(run, found.folder)
    say = announce or (lambda sentence: None)
    say(f"writing {found.name or model.name} as a graph")
    metadata = metadata_of(model, found.name or model.name)
    graph = graph_of(model)
    content = _finished(graph, metadata)
    say(f"holding it against the model on {len(examples.rows):,} held-out {model.input_kind.nouns}")
    exported = opened(content, str(out))
    proof, judged = prove(model, exported, by_reference(content, metadata), examples), None
    if precision != FP32:
        say(f"judging it in {precision}")
        full = Full(model, metadata, graph, content, exported)
        content, judged = lessened(full, precision, examples, found.folder, _finished, say)
    write_file(out, content)
    return Exported(metadata.model, model.input_kind.noun, len(content), proof, judged)


def metadata_of(model: Model, name: str) -> Metadata:
    """Metadata of a model's file beside its graph."""
    return Metadata(
        model=name,
        pellucid=version("pellucid"),
        input_kind=model.input_kind,
        classes=model.classes,
        temperature=model.temperature,
        preprocessing=model.preprocessing,
        encoders=model.encoders,
        novelty_rate=model.novelty_rate,
        abstention=thresholds_of(model.held_out, model.classes, model.novelty_rate, model.threshold),
        held_out=model.held_out,
        joined_columns=model.joined_columns,
        threshold=model.threshold,
    )


def serialised(model: Model, metadata: Metadata) -> bytes:
    """The content of the file in full precision.

    Raises: `UsageError` if the model cannot be exported, or is too large for one file.
    """
    from pellucid.export.graph.writing import graph_of

    return _finished(graph_of(model), metadata)


def _finished(graph: Any, metadata: Metadata) -> bytes:
    """The content of a file of a graph, to which the metadata are added.

    Raises: `UsageError` if it is too large for one file.
    """
    del graph.metadata_props[:]
    for key, value in metadata.to_properties().items():
        graph.metadata_props.add(key=key, value=value)
    if graph.ByteSize() > LARGEST:
        raise UsageError(f"export: {metadata.model} takes {graph.ByteSize():,} bytes, one file at most 2 GB")
    return bytes(graph.SerializeToString(deterministic=True))
