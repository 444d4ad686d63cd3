"""Write a trained model as one ONNX file, once it has proved to answer as the model does."""

import importlib.util
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pellucid.answering.naming import model_of
from pellucid.bundle import Model, load
from pellucid.errors import ModelFileError, StorageError, UsageError
from pellucid.export.precision import FP32, Full, Judgement, lessened
from pellucid.export.proof import Proof, held_out_examples, prove, thresholds_of
from pellucid.files import write_file
from pellucid.runtime.exported import LARGEST, ExportedModel, opened
from pellucid.runtime.metadata import Metadata

# Needs of exports: what a plain installation lacks.

INSTALL = "pip install 'pellucid[export]'"
_NEEDED = ("onnx", "onnxscript", "onnxruntime")


def require_installed() -> None:
    """Refuse to start where something is missing; nothing is imported.

    Raises: `UsageError` naming what is missing and how to get it.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise UsageError(f"export: needs {', '.join(missing)}, which {verb} not installed; {INSTALL}")


# Places of files that are to be written, looked at before anything slow.


def require_place(out: Path, ending: str) -> None:
    """Refuse a place where no file can be written.

    Raises: `UsageError` of another ending, `StorageError` without a folder.
    """
    if out.suffix.lower() != ending:
        raise UsageError(
            f"--out: {out} does not end in {ending}; end it in .onnx for a file for programs, or in "
            ".html for a page that answers in a browser"
        )
    if out.is_dir():
        raise StorageError(f"{out}: a folder stands there; choose another --out")
    if not out.absolute().parent.is_dir():
        raise StorageError(f"{out}: its folder does not exist; create it first")


# An exported file answered by `onnx.reference`, which says what the operators mean without being fast.


def by_reference(content: bytes, metadata: Metadata) -> ExportedModel:
    """The file as a model that `onnx.reference` answers.

    Raises: `ModelFileError` if ONNX's own checker refuses it.
    """
    import onnx

    try:
        onnx.checker.check_model(content, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ModelFileError(f"export: not written: onnx.checker refuses the file: {error}") from error
    return ExportedModel(metadata, _Reference(onnx.load_model_from_string(content)))


class _Reference:
    """The reference implementation where a session of onnxruntime stands otherwise."""

    def __init__(self, graph: Any) -> None:
        from onnx.reference import ReferenceEvaluator

        self._inputs = graph.graph.input
        self._evaluator = ReferenceEvaluator(graph, new_ops=[_gather_elements()])

    def get_inputs(self) -> Any:
        """Inputs of the graph."""
        return self._inputs

    def run(self, outputs: list[str], inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        """Outputs by their names."""
        with np.errstate(all="ignore"):
            found = self._evaluator.run(outputs, inputs)
        return list(found)


def _gather_elements() -> Any:
    """GatherElements by NumPy: that of `onnx.reference` fails on axes of more than 32 places."""
    from onnx.reference.op_run import OpRun

    class GatherElements(OpRun):  # type: ignore[misc]  # onnx has no types
        def _run(self, data: np.ndarray, indices: np.ndarray, axis: int = 0) -> tuple[np.ndarray]:
            return (np.take_along_axis(data, indices, axis),)

    return GatherElements


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
    judged: Judgement | None = None


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
    from pellucid.export.onnx_graph import graph_of

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
    from pellucid.export.onnx_graph import graph_of

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
