"""Targets of the fuzzer: what a stranger may hand over, made whole, then changed and tried."""

import gzip
import hashlib
import io
import json
import math
import random
import struct
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from PIL import Image
from pyarrow import parquet

from every_model import MODELS
from fuzz.mutating import NAUGHTY, ODD_WHOLES, mutate_bytes, mutate_json, mutate_tensors
from fuzz.tables import FORMS
from generators import trained_generator
from pellucid.answering.answers import Answer, answers_to, columns_of
from pellucid.bundle import Generator, Model, load_any, save
from pellucid.bundle.format.description import Description
from pellucid.bundle.format.weights import Form, pack
from pellucid.bundle.parts import expected_forms
from pellucid.data.images.decoding import FORMATS, decode_image
from pellucid.data.reading.dispatch import read_data
from pellucid.errors import PellucidError
from pellucid.networks import InputFacts, design
from pellucid.novelty import Detector
from pellucid.pipeline.run.finished import Run
from pellucid.settings import Settings
from pellucid.strict import sealed as sealed_document
from pellucid.tasks import VALUES
from pellucid.training import Examples, Session, Surroundings, choose_recipe
from small_models import digits, sealed, untrained_model
from watched_models import KINDS, watched_model

_QUICK = (
    "cnn", "mlp of vectors", "text-cnn", "rnn", "bag", "svm", "random-forest", "ridge of texts, of numbers",
    "svm-on-cnn", "logistic-regression of texts", "sentence-encoder", "word-vectors", "majority",
)  # fmt: skip


@cache
def folder_of(name: str) -> Mapping[str, bytes]:
    """The files of a model folder, by name."""
    import tempfile

    make = {
        **MODELS,
        **{f"watched {each}": lambda each=each: watched_model(each) for each in KINDS},
        **{each: lambda each=each: trained_generator(epochs=1, model=each) for each in ("vae", "gan")},
    }
    with tempfile.TemporaryDirectory() as place:
        save(make[name](), Path(place) / "model", {})
        return {path.name: path.read_bytes() for path in (Path(place) / "model").iterdir()}


MODEL_KINDS = [*MODELS, *(f"watched {each}" for each in KINDS), "vae", "gan"]
QUICK_KINDS = [*_QUICK, "watched cnn, mirrored", "watched logistic-regression of texts", "vae", "gan"]


def model_trial(name: str) -> Callable[[random.Random, Path], str]:
    """Trial of the model folders of one kind, every checksum right again after the change."""
    whole = folder_of(name)

    def trial(draw: random.Random, place: Path) -> str:
        files = dict(whole)
        document = json.loads(files["model.json"])
        for _ in range(draw.choice((1, 1, 1, 2))):
            changed = draw.choice(
                ["model.json", *(each for each in files if each not in ("README.md", "model.json"))]
            )
            if changed == "model.json":
                document = mutate_json(
                    draw, {key: value for key, value in document.items() if key != "own_sha256"}
                )
            elif changed.endswith(".safetensors"):
                files[changed] = mutate_tensors(draw, files[changed])
            else:
                files[changed] = _mutated_words(draw, files[changed])
        if draw.random() < 0.6 and isinstance(document, dict):
            files.update(_fitting(draw, document))
        if isinstance(document, dict):
            if isinstance(document.get("sha256"), dict) and draw.random() < 0.95:
                document["sha256"] = {
                    each: hashlib.sha256(files[each]).hexdigest() if each in files else digest
                    for each, digest in document["sha256"].items()
                }
            try:
                files["model.json"] = sealed(document)
            except (ValueError, UnicodeError):
                return "unwritable"
        for each, content in files.items():
            (place / each).write_bytes(content)
        return _asked(load_any(place))

    return trial


def _mutated_words(draw: random.Random, content: bytes) -> bytes:
    """A vocabulary with other words, or with other bytes."""
    if draw.random() < 0.7:
        try:
            return json.dumps(mutate_json(draw, json.loads(content))).encode()
        except ValueError:
            pass  # it was changed before
    return mutate_bytes(draw, content)


def _fitting(draw: random.Random, document: dict) -> dict[str, bytes]:
    """Tensors of the very forms that a changed description asks for, so that it is not refused for these."""
    try:
        description = Description.from_bytes(sealed(document), "model.json")
        wanted = {"weights.safetensors": expected_forms(description)}
        if description.novelty is not None:
            forms = Detector.expected(description.novelty)
            wanted["novelty.safetensors"] = {name: Form(*form) for name, form in forms.items()}
    except (ValueError, TypeError, KeyError):
        return {}
    found = {}
    for name, forms in wanted.items():
        if sum(math.prod(form.shape) for form in forms.values()) < 1_000_000:
            found[name] = pack({each: _tensor(draw, form) for each, form in forms.items()})
    return found


def _tensor(draw: random.Random, form: Form) -> torch.Tensor:
    numbers = np.random.default_rng(draw.randrange(1 << 30))
    if form.dtype.startswith("float"):
        scale = draw.choice((0.0, 1.0, 1.0, 1.0, 1e-30, 1e30))
        return torch.from_numpy(np.asarray(numbers.normal(size=form.shape) * scale, form.dtype))
    ascending = np.arange(math.prod(form.shape)).reshape(form.shape) + draw.choice((0, 1))
    drawn = numbers.integers(-2, 12, form.shape)
    return torch.from_numpy(np.asarray(ascending if draw.random() < 0.5 else drawn, form.dtype))


def _asked(model: Model) -> str:
    """Ask a model that was loaded, and see that its answers are finite."""
    if isinstance(model, Generator):
        images = model.sample(model.turns(3), seed=1)
        assert images.dtype == np.uint8
        seen = model.transform(np.zeros((2, *model.shape), np.uint8))
        assert np.isfinite(seen).all(), "features that are not finite"
        return "answered"
    if model.input_kind is VALUES:
        length = getattr(model, "features", None)
        size = length if isinstance(length, int) else model.length
        inputs = np.random.default_rng(0).normal(size=(5, size or 3)).astype(np.float32)
    elif model.preprocessing is not None:
        fitted = model.preprocessing
        inputs = np.arange(3 * fitted.height * fitted.width * fitted.channels, dtype=np.int64).astype(
            np.uint8
        )
        inputs = inputs.reshape(3, fitted.height, fitted.width, fitted.channels)
    else:
        inputs = ["", "zero one two", "a b c " * 50, *NAUGHTY[:5]]
    answers = model.answer(inputs)
    assert np.isfinite(answers.said).all(), "answers that are not finite"
    if model.classes:
        assert np.allclose(answers.said.sum(axis=1), 1, atol=1e-6), "probabilities that do not sum to one"
    if answers.novelty is not None:
        assert ((answers.novelty >= 0) & (answers.novelty <= 1)).all(), "novelty outside 0 to 1"
    return "answered"


# Checkpoints and runs


@cache
def _checkpoint() -> tuple[dict[str, bytes], Callable[[], Session]]:
    import tempfile

    from pellucid.training.watching.checkpoints import save_checkpoint

    pixels, labels = digits()
    examples = Examples(pixels, labels, np.arange(60), np.arange(60, 90), 10)
    chosen = Settings(model="mlp", width=8, depth=1, epochs=2, batch_size=32, threads=1)
    around = Surroundings(
        train_labels=labels[:60], classes=10, takes="images", shortest_side=8, mirror_keeps_class=False,
        precision="fp32", device="cpu", threads=1,
    )  # fmt: skip
    config = design("mlp", chosen, InputFacts((1, 8, 8), 10, 60))

    def begin() -> Session:
        return Session.start(config, examples, choose_recipe(chosen, around))

    session = begin()
    session.run()
    with tempfile.TemporaryDirectory() as place:
        path = save_checkpoint(Path(place), session.state, {"data": 1})
        return {each.name: each.read_bytes() for each in path.iterdir()}, begin


def checkpoint_trial(draw: random.Random, place: Path) -> str:
    """A checkpoint whose seals are right again after the change, gone on from."""
    from pellucid.training.watching.checkpoints import load_checkpoint

    whole, begin = _checkpoint()
    files = dict(whole)
    document = json.loads(files["state.json"])
    if draw.random() < 0.6:
        document = mutate_json(draw, document)
    else:
        files["state.safetensors"] = mutate_tensors(draw, files["state.safetensors"])
    if isinstance(document, dict) and draw.random() < 0.9:
        document["sha256"] = hashlib.sha256(files["state.safetensors"]).hexdigest()
    try:
        files["state.json"] = (
            sealed_document(document) if isinstance(document, dict) else json.dumps(document).encode()
        )
    except (ValueError, UnicodeError):
        return "unwritable"
    folder = place / "step-000000009"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    session = begin()
    total = session.batches.recipe.total_steps
    load_checkpoint(place, session.state, total)
    assert 0 <= session.state.step <= total
    session.run()
    assert all(bool(tensor.isfinite().all()) for tensor in session.network.state_dict().values())
    return "gone on from"


_METRICS = {
    "format": 2, "task": "image-classification", "seed": 0, "classes": ["a", "b"], "recommended": "cnn",
    "reason": "it is", "data": {"train": 1, "validation": 1, "test": 4}, "comparisons": [],
    "models": {"cnn": {"test": {"accuracy": {"value": 0.5, "low": 0.4, "high": 0.6}}, "train_examples": 10,
                       "train_seconds": 1.0, "bytes": 100}},
}  # fmt: skip
_CONFIG = {
    "format": 1, "settings": {"seed": 0, "model": "cnn", "epochs": 2}, "versions": {"torch": "2"},
    "data": {"place": "data.npz", "train": 1, "validation": 1, "test": 4},
    "plan": {"network": {"name": "cnn"}, "recipe": {}},
}  # fmt: skip
_ROWS = [
    {
        "id": row,
        "source": f"data.npz:x_train:{row}",
        "label": "a",
        "split": "train",
        "fate": "used",
        "reason": "",
    }
    for row in range(4)
]


def run_trial(draw: random.Random, place: Path) -> str:
    """The files of a finished run, read by whatever reads them."""
    from pellucid.answering.naming import model_of
    from pellucid.answering.predict import _same_for_all
    from pellucid.answering.training_examples import is_data_of, known_label, rows_of
    from pellucid.pipeline.continual.starting_point import _config_of
    from pellucid.pipeline.run.configuration import settings_of
    from pellucid.pipeline.run.folder import RunFolder
    from pellucid.pipeline.run.journal import Journal

    metrics, config = mutate_json(draw, _METRICS), mutate_json(draw, _CONFIG)
    rows = mutate_json(draw, _ROWS)
    config = config if isinstance(config, dict) else {}
    try:
        (place / "config.json").write_bytes(sealed_document(config))
        (place / "metrics.json").write_text(json.dumps(metrics))
        lines = "\n".join(map(json.dumps, rows if isinstance(rows, list) else [])).encode()
    except (ValueError, UnicodeError):
        return "unwritable"
    (place / "data.jsonl").write_bytes(mutate_bytes(draw, lines) if draw.random() < 0.5 else lines)
    outcomes = []
    reading: list[Callable[[], object]] = [
        lambda: settings_of({}, Journal(RunFolder(place), resume=True)),
        lambda: Run(place).metrics,
        lambda: model_of(place),
        lambda: _same_for_all(place, "image"),
        lambda: is_data_of(place, "data.npz", 10),
        lambda: known_label(place, "data.npz"),
        lambda: _config_of(place),
    ]
    for read in reading:
        try:
            read()
            outcomes.append("read")
        except PellucidError:
            outcomes.append("refused")
    try:
        rows_of(place, ("train",), 10)
    except (OSError, ValueError, KeyError, TypeError):  # what its only caller turns into a sentence
        pass
    return "read" if "refused" not in outcomes else "partly refused"


# Tables


def _table(draw: random.Random) -> dict[str, list]:
    count = draw.choice((4, 30, 60))
    texts = [f"text number {row} of them" for row in range(count)]
    columns = {"text": texts, "label": [draw.choice(["a", "b"]) for _ in range(count)]}
    if draw.random() < 0.3:
        columns["split"] = [draw.choice(["train", "test", ""]) for _ in range(count)]
    if draw.random() < 0.3:
        columns["when"] = [f"2024-03-{1 + row % 28:02}" for row in range(count)]
    for _ in range(draw.choice((0, 1, 3))):
        column = draw.choice(sorted(columns))
        columns[column][draw.randrange(count)] = draw.choice([*NAUGHTY, 1, 1.5, None, True, 10**20])
    return columns


def _settings(draw: random.Random, columns: Mapping[str, list]) -> Settings:
    given: dict[str, object] = {}
    if "when" in columns and draw.random() < 0.5:
        given["time_column"] = "when"
    if draw.random() < 0.2:
        given["target"] = draw.choice(("number", "class"))
    if draw.random() < 0.2:
        given["skip_bad"] = True
    if draw.random() < 0.2:
        given["label_column"] = draw.choice(sorted(columns))
    return Settings(**given)


def table_trial(form: str) -> Callable[[random.Random, Path], str]:
    """Trial of tables of one form, some of them packed."""

    def trial(draw: random.Random, place: Path) -> str:
        columns = _table(draw)
        content = _written(form, columns, draw)
        if draw.random() < 0.8:
            content = mutate_bytes(draw, content)
        name = f"t.{form}"
        if draw.random() < 0.2:
            content, name = gzip.compress(content), f"{name}.gz"
            if draw.random() < 0.3:
                content = mutate_bytes(draw, content)
        (place / name).write_bytes(content)
        listing = read_data(str(place / name), _settings(draw, columns))
        assert len(listing.sources) == len(listing.labels) == len(listing.splits)
        for label in listing.labels:
            label.encode()
        return "read"

    return trial


def _written(form: str, columns: Mapping[str, list], draw: random.Random) -> bytes:
    if form in FORMS:
        return FORMS[form](draw, columns)
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if form == "jsonl":
        return "\n".join(
            json.dumps(mutate_json(draw, row) if draw.random() < 0.02 else row) for row in rows
        ).encode()
    if form in ("csv", "tsv"):
        import csv

        text = io.StringIO()
        writer = csv.writer(text, delimiter="," if form == "csv" else "\t")
        writer.writerow(columns)
        writer.writerows(row.values() for row in rows)
        return text.getvalue().encode(
            draw.choice(("utf-8", "utf-8", "utf-16", "cp1252", "utf-32")), "replace"
        )
    arrays = {}
    for name, values in columns.items():
        kind = draw.choice((pa.string(), pa.large_string(), pa.binary()))
        cells = [None if each is None else str(each).encode("utf-8", "replace") for each in values]
        arrays[name] = pa.array(cells, pa.binary()).cast(kind)
    if draw.random() < 0.3:
        count = len(rows)
        arrays["odd"] = draw.choice([
            pa.array([draw.choice(ODD_WHOLES) for _ in range(count)], pa.int64()).cast(pa.timestamp("us")),
            pa.array([2**31 - 1] * count, pa.int32()).cast(pa.date32()), pa.array([[1.0]] * count),
            pa.array([{"a": 1}] * count), pa.array([1.5] * count), pa.nulls(count),
        ])  # fmt: skip
    sink = io.BytesIO()
    given = {"use_dictionary": draw.random() < 0.7, "data_page_version": draw.choice(("1.0", "2.0"))}
    packing = draw.choice(("none", "snappy", "zstd", "gzip"))
    parquet.write_table(pa.table(arrays), sink, compression=packing, **given)
    return sink.getvalue()


# Arrays


def npz_trial(draw: random.Random, place: Path) -> str:
    """Archives of arrays."""
    pixels, labels = digits()
    members = {
        "x_train": pixels[:6, ..., 0],
        "y_train": labels[:6].astype(draw.choice(("i8", "U3", "S3", "f4", "?"))),
    }
    if draw.random() < 0.3:
        members["x_test"], members["y_test"] = (
            pixels[6:8, ..., 0].astype(draw.choice(("u1", "f4", "i2"))),
            labels[6:8],
        )
    if draw.random() < 0.5:
        name = draw.choice(sorted(members))
        before = members[name]
        odd = draw.choice((np.nan, np.inf, 1e300))
        members[name] = draw.choice([
            before.astype("f8") * odd if before.dtype.kind in "iuf" else before, before[:0], before[:1],
            np.zeros(()), np.zeros((6, 0, 8), np.uint8), np.zeros((6, 8, 8, 3), np.uint8),
            np.array(["a"] * 6), np.zeros(6, "M8[ns]"),
            np.zeros((6, 8, 8), np.complex64), np.asfortranarray(before),
        ])  # fmt: skip
    sink = io.BytesIO()
    with np.errstate(all="ignore"):
        (np.savez_compressed if draw.random() < 0.5 else np.savez)(sink, **members)
    content = sink.getvalue()
    (place / "t.npz").write_bytes(mutate_bytes(draw, content) if draw.random() < 0.8 else content)
    listing = read_data(str(place / "t.npz"), Settings())
    found = listing.load_pixels()
    assert found.ndim == 4
    assert len(found) == len(listing.labels)
    return "read"


def idx_trial(draw: random.Random, place: Path) -> str:
    """Folders of IDX files."""
    pixels, labels = digits()
    for part, count in (("train", 6), ("t10k", 3)):
        for name, array in (
            ("images-idx3", pixels[:count, ..., 0]),
            ("labels-idx1", labels[:count].astype(np.uint8)),
        ):
            head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
            content = head + array.tobytes()
            if draw.random() < 0.4:
                content = mutate_bytes(draw, content)
            if draw.random() < 0.5:
                content, name = gzip.compress(content), name
                (place / f"{part}-{name}-ubyte.gz").write_bytes(
                    mutate_bytes(draw, content) if draw.random() < 0.2 else content
                )
            else:
                (place / f"{part}-{name}-ubyte").write_bytes(content)
    listing = read_data(str(place), Settings())
    assert len(listing.load_pixels()) == len(listing.labels)
    return "read"


# Images


@cache
def _images(form: str) -> tuple[bytes, ...]:
    found = []
    ramp = np.arange(24 * 20 * 4, dtype=np.uint8).reshape(24, 20, 4)
    for mode in ("L", "RGB", "RGBA", "P", "1", "I;16", "CMYK", "LA", "F", "I"):
        for more in ({}, {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"},
                     {"save_all": True, "append_images": [Image.new("L", (20, 24))] * 3},
                     {"progressive": True},
                     {"compression": "tiff_lzw"}, {"compression": "tiff_adobe_deflate"}):  # fmt: skip
            try:
                image = (
                    Image.fromarray(ramp[..., :3]).convert("L").convert(mode)
                    if mode != "RGBA"
                    else Image.fromarray(ramp)
                )
                sink = io.BytesIO()
                image.save(sink, form, **more)
                found.append(sink.getvalue())
            except (OSError, ValueError, KeyError, RuntimeError, SystemError, TypeError, AttributeError):
                continue
    return tuple(dict.fromkeys(found))


def image_trial(form: str) -> Callable[[random.Random, Path], str]:
    """Trial of images of one format."""
    whole = _images(form)

    def trial(draw: random.Random, place: Path) -> str:
        del place
        content = mutate_bytes(draw, draw.choice(whole))
        size = draw.choice((None, (8, 8), (30, 10)))
        pixels = decode_image(content, size).pixels
        assert pixels.dtype == np.uint8
        assert pixels.ndim == 3
        assert pixels.shape[2] in (1, 3)
        return "decoded"

    return trial


IMAGE_FORMATS = [form for form in FORMATS if form not in ("MPO",)]


# Names and texts


def name_trial(draw: random.Random, place: Path) -> str:
    """Class folders, file names and classes with odd names, read, answered and written in every form."""
    names = draw.sample(
        [name for name in NAUGHTY if name and "\0" not in name and "/" not in name and len(name) < 80], 3
    )
    content = io.BytesIO()
    Image.new("L", (8, 8), draw.randrange(256)).save(content, "PNG")
    for name in names:
        (place / "in" / name.strip("\x00")).mkdir(parents=True, exist_ok=True)
        (place / "in" / name / f"{draw.choice(names)}.png").write_bytes(content.getvalue())
    listing = read_data(str(place / "in"), Settings())
    model = untrained_model()
    model.classes = tuple(dict.fromkeys(draw.sample(NAUGHTY[1:], 10)))
    save(model, place / "model", {name: name for name in names})
    assert load_any(place / "model").classes == model.classes
    form = draw.choice(("csv", "jsonl", "parquet"))
    with answers_to(place / f"out.{form}", columns_of(model.classes)) as write:
        for source in listing.sources:
            shares = (0.1,) * len(model.classes)
            write([Answer(source, draw.choice(model.classes), 0.1, draw.choice(NAUGHTY), 0.5, shares)])
    return "written"
