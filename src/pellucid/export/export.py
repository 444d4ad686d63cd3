"""Write a trained model as one ONNX file, once it has proved to answer as the model does."""

import contextlib
import dataclasses
import hashlib
import importlib.util
import json
import math
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pellucid.answering.training_examples import model_of
from pellucid.bundle import Answers, AverageModel, HeldOut, Model, load
from pellucid.bundle.held_out import most_kept
from pellucid.confined.onnx_files import LARGEST
from pellucid.confined.onnx_worker import Feed
from pellucid.data.images.cache import cache_folder
from pellucid.encoding import Encoder
from pellucid.errors import DataError, ModelFileError, UsageError
from pellucid.export.app.shell import FolderPage, ServedPage, require_folder, script_values, style
from pellucid.export.proof import (
    FP16,
    FP32,
    Judgement,
    Proof,
    halved,
    held_out_examples,
    judge,
    labelled,
    prove,
    quantised,
    thresholds_of,
    training_batches,
)
from pellucid.language.sentence import Sentence, join
from pellucid.networks import Network
from pellucid.runtime.exported import ExportedModel, opened
from pellucid.runtime.metadata import MOST_ROWS, Metadata
from pellucid.safety.budgets import MEMORY, WORK
from pellucid.safety.files import make_folder, read_regular, write_file
from pellucid.safety.strict import read_sealed_bytes, write_sealed_bytes
from pellucid.targets import Labels

ENDING = ".onnx"
NEEDED = ("onnx", "onnxscript", "onnxruntime")  # what a plain installation lacks
_BATCHES_WORK = 2 * WORK.default * WORK.scale  # multiply-adds of one batch: a few seconds on two cores


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

    In a `precision` of `fp16` or `int8` it is compared with the file in full precision, proved first.

    Raises: `UsageError` if something is not installed, `out` has another ending, or `run` lies in no run;
    `DataError` if the held-out examples are gone; `ModelFileError` if the model is damaged, the file does not
    answer as it does, or less precision is not worth it; `StorageError` if `out` cannot be written.
    """
    require_place(out, ENDING)
    missing = [needed for needed in NEEDED if importlib.util.find_spec(needed) is None]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise UsageError(
            "export: needs {missing}, which {verb} not installed; pip install 'pellucid[export]'",
            ", ".join(missing),
            verb,
        )
    from pellucid.export.onnx_graph import graph_of

    found = model_of(run, name)
    model = load(found.folder)
    require_open(model)
    examples = held_out_examples(run, found.folder)
    say = announce or (lambda sentence: None)
    say(Sentence("writing {value} as a graph", found.name or model.name))
    metadata, graph = metadata_of(model, found.name or model.name), graph_of(model)
    content = finished(graph, metadata)
    say(
        Sentence(
            "comparing it with the model on {rows:,} held-out {nouns}",
            len(examples.rows),
            model.input_kind.nouns,
        )
    )
    exported = opened(content, str(out))
    proof, judged = prove(model, exported, by_reference(content, metadata), examples), None
    if precision != FP32:
        say(Sentence("judging it in {precision}", precision))
        if precision == FP16:
            smaller = halved(graph)
        else:
            smaller = quantised(graph, training_batches(model, exported, found.folder))
        asked = labelled(model, examples)
        judged, answers = judge(precision, content, finished(smaller, metadata), asked)
        for line in judged.table(model.input_kind.noun):
            say(line)
        if judged.reasons:
            raise ModelFileError(
                "export: not written: in {precision} {reasons}: {sentence}; leave --precision out",
                precision,
                join(" and ", judged.reasons),
                judged.sentence(),
            )
        content = finished(smaller, _with_promises(metadata, asked.labels, answers))
    write_file(out, content)
    return Exported(metadata.model, model.input_kind.noun, len(content), proof, judged)


def require_place(out: Path, ending: str) -> None:
    """Refuse a place where no file can be written, before anything slow.

    Raises: `UsageError` of another ending, `StorageError` without a folder.
    """
    if out.suffix.lower() != ending:
        raise UsageError(
            "--out: {out} does not end in {ending}; choose a name that ends in .onnx for a file for "
            "programs, or in .html for a page that answers in a browser",
            out,
            ending,
        )
    require_folder(out)


def require_open(model: Model) -> None:
    """Refuse a model that holds a closed encoder: to prove an export, files are run in this process.

    Raises: `ModelFileError` with what to do instead.
    """
    members = [each.model for each in model.members] if isinstance(model, AverageModel) else [model]
    networks = [network for each in members if isinstance(network := getattr(each, "network", None), Network)]
    if any(network.config.is_closed for network in networks):
        raise ModelFileError(
            "export: {name} is built on a closed encoder, an ONNX file that is run in a process under limits "
            "alone; answer with pellucid predict, or train on a folder with the encoder's safetensors",
            model.name,
        )


def metadata_of(model: Model, name: str) -> Metadata:
    """Metadata of a model's file beside its graph."""
    return Metadata(
        model=name,
        pellucid=version("pellucid"),
        input_kind=model.input_kind,
        classes=model.classes,
        target=model.target,
        temperature=model.temperature,
        preprocessing=model.preprocessing,
        encoders=model.encoders,
        novelty_rate=model.novelty_rate,
        abstention=thresholds_of(model, model.held_out),
        held_out=model.held_out,
        joined_columns=model.joined_columns,
        dialect=model.dialect,
        ignored=model.ignored,
        threshold=model.threshold,
    )


def _with_promises(metadata: Metadata, labels: Labels, answers: Answers) -> Metadata:
    """Metadata whose promises are made from a file's own answers about examples of these labels."""
    kept = slice(most_kept(len(metadata.classes)))
    novelty = None if answers.novelty is None else answers.novelty[kept]
    held_out = HeldOut.of(labels.at(kept), answers.said[kept], novelty)
    return dataclasses.replace(metadata, held_out=held_out, abstention=thresholds_of(metadata, held_out))


def finished(graph: Any, metadata: Metadata) -> bytes:
    """The content of a file of a graph, to which the metadata are added.

    Raises: `UsageError` if it is too large for one file.
    """
    del graph.metadata_props[:]
    rows = rows_at_once(graph, metadata)
    for key, value in dataclasses.replace(metadata, rows_at_once=rows).to_properties().items():
        graph.metadata_props.add(key=key, value=value)
    if graph.ByteSize() > LARGEST:
        raise UsageError(
            "export: {model} takes {ByteSize:,} bytes, one file at most 2 GB",
            metadata.model,
            graph.ByteSize(),
        )
    return bytes(graph.SerializeToString(deterministic=True))


def rows_at_once(graph: Any, metadata: Metadata) -> int:
    """Examples that are answered together within the memory that is the default, a power of two.

    By the tensors of one answer, of a text as long as it is read: the most bytes of those needed at a
    time, and the multiply-adds of convolutions and products.
    """
    import onnx
    import onnxruntime

    nodes = graph.graph.node
    copy = onnx.ModelProto()
    copy.CopyFrom(graph)
    del copy.graph.output[:]
    names = [name for node in nodes for name in node.output if name]
    for name in names:
        copy.graph.output.add(name=name)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        copy.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    feed = {}
    for taken in graph.graph.input:
        encoder = metadata.inputs[taken.name]
        axes = [axis.dim_value for axis in taken.type.tensor_type.shape.dim][1:]
        lengths = [encoder.length] if isinstance(encoder, Encoder) else axes
        kind = onnx.helper.tensor_dtype_to_np_dtype(taken.type.tensor_type.elem_type)
        feed[taken.name] = np.ones((1, *lengths), kind)
    arrays = {**feed, **dict(zip(names, session.run(names, feed), strict=True))}
    shapes = {each.name: tuple(each.dims) for each in graph.graph.initializer}
    fixed = set(shapes)  # what constants alone decide is computed once, for all examples
    shapes |= {name: array.shape for name, array in arrays.items()}
    last = {name: place for place, node in enumerate(nodes) for name in node.input}
    living = {name: array.nbytes for name, array in feed.items()}
    memory, work = sum(living.values()), 1
    for place, node in enumerate(nodes):
        outputs = [name for name in node.output if name]
        if fixed.issuperset(filter(None, node.input)):
            fixed.update(outputs)
            continue
        living |= {name: arrays[name].nbytes for name in outputs}
        memory = max(memory, sum(living.values()))
        if node.op_type in ("Conv", "Gemm", "MatMul"):
            first, second = (shapes[name] for name in node.input[:2])
            summed = math.prod(second[1:]) if node.op_type == "Conv" else first[-1]
            work += arrays[outputs[0]].size * summed
        for name in (*node.input, *outputs):
            if last.get(name, -1) <= place:
                living.pop(name, None)
    most = min(MEMORY.default * MEMORY.scale / max(1, memory), _BATCHES_WORK / work, MOST_ROWS)
    return 1 << int(math.log2(max(1, most)))


# An exported file answered by `onnx.reference`, which says what the operators mean without being fast.


def by_reference(content: bytes, metadata: Metadata) -> ExportedModel:
    """The file as a model that `onnx.reference` answers.

    Raises: `ModelFileError` if ONNX's own checker refuses it.
    """
    import onnx

    try:
        onnx.checker.check_model(content, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ModelFileError("export: not written: onnx.checker refuses the file: {error}", error) from error
    return ExportedModel(metadata, _Reference(onnx.load_model_from_string(content)))


class _Reference:
    """The reference implementation in the place of a session of onnxruntime."""

    def __init__(self, graph: Any) -> None:
        from onnx.reference import ReferenceEvaluator
        from onnx.reference.op_run import OpRun

        class GatherElements(OpRun):  # type: ignore[misc]  # onnx has no types
            """By NumPy: that of `onnx.reference` fails on axes of more than 32 places."""

            def _run(self, data: np.ndarray, indices: np.ndarray, axis: int = 0) -> tuple[np.ndarray]:
                return (np.take_along_axis(data, indices, axis),)

        self._evaluator = ReferenceEvaluator(graph, new_ops=[GatherElements])

    def run(self, outputs: Sequence[str], feeds: Iterable[Feed]) -> Iterator[list[np.ndarray]]:
        """Outputs by their names, of each batch."""
        for feed in feeds:
            with np.errstate(all="ignore"):
                found = list(self._evaluator.run(list(outputs), feed))
            yield found


# Models of runs as the files that a server answers from, exported once and kept in the cache.

# Files that are kept, of models served last.
_MOST_KEPT = 20


def served_content(place: str, announce: Callable[[str], None]) -> bytes:
    """The ONNX file of the recommended model of a run, or of a model folder.

    It is proved on the held-out examples of the run as `export` does; `announce` hears where there are none.

    Raises: Errors as `export`, but for examples that are gone.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            "serve: {place}: to export it needs {missing}; pip install 'pellucid[serve]', or "
            "give a file that pellucid export wrote",
            place,
            ", ".join(missing),
        )
    folder = model_of(place, None).folder
    key = _key(folder)
    kept = kept_folder() / f"{key[:40]}.onnx"
    with contextlib.suppress(OSError, ValueError):
        return read_sealed_bytes(kept, LARGEST)
    announce(Sentence("{place}: exporting it, once", place))
    content = _proved(place, announce)
    is_proved = content is not None
    if content is None:
        content = _unproved(place, folder)
    if _key(folder) != key:
        raise ModelFileError("{place}: changed while it was read; start again", place)
    if is_proved:
        keep(kept, content)
    return content


def kept_folder() -> Path:
    """Folder of what is made of models to be served, which need not exist yet."""
    return cache_folder().parent / "served"


def keep(kept: Path, content: bytes) -> None:
    """Keep a file, and the last ones of its ending."""
    with contextlib.suppress(OSError):  # a cache that cannot be written costs seconds next time
        make_folder(kept.parent)
        write_sealed_bytes(kept, content)
        alike = sorted(kept.parent.glob(f"*{kept.suffix}"), key=lambda file: file.stat().st_mtime)
        for old in alike[:-_MOST_KEPT]:
            old.unlink(missing_ok=True)


def described(folder: Path) -> bytes:
    """What decides a file made of a model: the program, and its description, which holds checksums."""
    return version("pellucid").encode() + read_regular(folder / "model.json", MEMORY.value())


def _key(folder: Path) -> str:
    return hashlib.sha256(described(folder)).hexdigest()


def _proved(place: str, announce: Callable[[str], None]) -> bytes | None:
    """The file as `export` writes it; `None` where there are no examples to prove it by."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "model.onnx"
        try:
            export(place, out, announce=announce)
        except (UsageError, DataError) as error:
            announce(Sentence("warning: {error}; it is served without having been compared", error))
            return None
        return read_regular(out, LARGEST)


def _unproved(place: str, folder: Path) -> bytes:
    from pellucid.export.onnx_graph import graph_of

    model = load(folder)
    return finished(graph_of(model), metadata_of(model, model.name))


# Pages of runs as a server hands them out, made once and kept in the cache beside the file that answers.

# Parameters of a model whose page may hold it, at two bytes each and a third more in base64, and bytes that
# its weights may have there: beyond them a slow network takes longer for the page than for many answers.
_MOST_PARAMETERS = 1_500_000
_MOST_BYTES = 4_000_000

_MOST_KEPT_BYTES = 4 * _MOST_BYTES
_STARTS = ("images/start.js", "texts/start.js")


def folder_page(place: str) -> FolderPage:
    """What the folder of a served model adds to its page: the card of its run, and answers of its own.

    Raises: `UsageError` if there is no model, `ModelFileError` if it is damaged.
    """
    folder = model_of(place, None).folder
    kept = kept_folder() / f"{_page_key(folder)[:40]}.json"
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
        found = json.loads(read_sealed_bytes(kept, _MOST_KEPT_BYTES))
        return FolderPage(found["card"], None if found["page"] is None else ServedPage(*found["page"]))
    made = _made(folder)
    page = None if made.page is None else [*made.page]
    keep(kept, json.dumps({"card": made.card, "page": page}).encode())
    return made


def _page_key(folder: Path) -> str:
    """Digest of what decides a page: the program with its scripts and style, and the model."""
    scripts = "".join(script_values(start)["script"] for start in _STARTS)
    return hashlib.sha256(f"{scripts}{style()}".encode() + described(folder)).hexdigest()


def _made(folder: Path) -> FolderPage:
    from pellucid.bundle import load
    from pellucid.export.app.content import card_of, page_of, refusal
    from pellucid.export.export import metadata_of

    model = load(folder)
    metadata = metadata_of(model, model.name)
    card = card_of(model, metadata.model, folder)
    if model.parameters > _MOST_PARAMETERS or refusal(model):
        return FolderPage(card, None)
    page = page_of(model, metadata, card)
    return FolderPage(card, page.served() if len(page.values["weights"]) <= _MOST_BYTES else None)
