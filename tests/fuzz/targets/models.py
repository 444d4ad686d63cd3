"""Model folders of every kind, every checksum right again after the change."""

import hashlib
import json
import math
import random
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import torch

from every_model import AVERAGES, MODELS
from fuzz.mutating import NAUGHTY, mutate_bytes, mutate_json, mutate_tensors
from generators import trained_generator
from models_with_detectors import KINDS, model_with_detector
from pellucid.bundle import Generator, Model, load_any, save
from pellucid.bundle.format import Description, pack
from pellucid.bundle.reading import expected_forms
from pellucid.input_kinds import VALUES
from pellucid.networks.families import outline
from pellucid.novelty import Detector
from small_models import sealed

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
        **AVERAGES,
        **{f"{each}, with detector": lambda each=each: model_with_detector(each) for each in KINDS},
        **{each: lambda each=each: trained_generator(epochs=1, model=each) for each in ("vae", "gan")},
    }
    with tempfile.TemporaryDirectory() as place:
        save(make[name](), Path(place) / "model", {})
        folder = Path(place, "model")
        return {
            str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()
        }


MODEL_KINDS = [*MODELS, *AVERAGES, *(f"{each}, with detector" for each in KINDS), "vae", "gan"]
QUICK_KINDS = [
    *_QUICK,
    "average",
    "cnn, mirrored, with detector",
    "logistic-regression of texts, with detector",
    "vae",
    "gan",
]


def model_trial(name: str) -> Callable[[random.Random, Path], str]:
    """Trial of the model folders of one kind, every checksum right again after the change."""
    whole = folder_of(name)

    def trial(draw: random.Random, place: Path) -> str:
        try:
            files = _changed(draw, whole)
        except (ValueError, UnicodeError):
            return "unwritable"
        for each, content in files.items():
            (place / each).parent.mkdir(parents=True, exist_ok=True)
            (place / each).write_bytes(content)
        return _asked(load_any(place))

    return trial


def _changed(draw: random.Random, whole: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files of a model folder after one change or two; of an average also in the folders of members.

    Raises: `ValueError` or `UnicodeError` if what came of a description cannot be written as JSON.
    """
    files = dict(whole)
    members = sorted({name.rpartition("/")[0] for name in files} - {""})
    for member in members:
        if draw.random() < 0.6 / len(members):
            mine = {
                name.rpartition("/")[2]: each for name, each in files.items() if name.startswith(f"{member}/")
            }
            files.update({f"{member}/{name}": each for name, each in _changed(draw, mine).items()})
    document = json.loads(files["model.json"])
    for _ in range(draw.choice((1, 1, 1, 2)) if not members or draw.random() < 0.5 else 0):
        changed = draw.choice(["model.json", *(each for each in _alone(files) if each not in _SELDOM)])
        if changed == "model.json":
            document = mutate_json(draw, {key: each for key, each in document.items() if key != "own_sha256"})
        elif changed.endswith(".safetensors"):
            files[changed] = mutate_tensors(draw, files[changed])
        else:
            files[changed] = _mutated_words(draw, files[changed])
    if isinstance(document, dict):
        if not members and draw.random() < 0.6:
            files.update(_fitting(draw, document))
        if draw.random() < 0.95:
            _seal_others(document, files)
        files["model.json"] = sealed(document)
    return files


_SELDOM = ("README.md", "model.json")


def _alone(files: Mapping[str, bytes]) -> list[str]:
    """Names of the files that lie in the folder itself."""
    return [name for name in files if "/" not in name]


def _seal_others(document: dict, files: Mapping[str, bytes]) -> None:
    """Write the checksums of the other files, and of the descriptions of members, into a description."""
    if isinstance(document.get("sha256"), dict):
        document["sha256"] = {
            name: hashlib.sha256(files[name]).hexdigest() if name in files else digest
            for name, digest in document["sha256"].items()
        }
    members = document.get("members")
    for each in members if isinstance(members, list) else ():
        described = files.get(f"members/{each.get('name')}/model.json") if isinstance(each, dict) else None
        if described is not None:
            each["sha256"] = hashlib.sha256(described).hexdigest()


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
        network = None if description.architecture is None else outline(description.architecture)
        wanted = {"weights.safetensors": expected_forms(description, network)}
        if description.novelty is not None:
            wanted["novelty.safetensors"] = Detector.expected(description.novelty)
    except (ValueError, TypeError, KeyError):
        return {}
    found = {}
    for name, forms in wanted.items():
        if sum(math.prod(shape) for _, shape in forms.values()) < 1_000_000:
            found[name] = pack({each: _tensor(draw, *form) for each, form in forms.items()})
    return found


def _tensor(draw: random.Random, dtype: str, shape: tuple[int, ...]) -> torch.Tensor:
    numbers = np.random.default_rng(draw.randrange(1 << 30))
    if dtype.startswith("float"):
        scale = draw.choice((0.0, 1.0, 1.0, 1.0, 1e-30, 1e30))
        return torch.from_numpy(np.asarray(numbers.normal(size=shape) * scale, dtype))
    ascending = np.arange(math.prod(shape)).reshape(shape) + draw.choice((0, 1))
    drawn = numbers.integers(-2, 12, shape)
    return torch.from_numpy(np.asarray(ascending if draw.random() < 0.5 else drawn, dtype))


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
        assert ((answers.said >= 0) & (answers.said <= 1 + 1e-6)).all(), "probabilities outside 0 to 1"
    if model.target.exclusive(model.classes):
        assert np.allclose(answers.said.sum(axis=1), 1, atol=1e-6), "probabilities that do not sum to one"
    if answers.novelty is not None:
        assert ((answers.novelty >= 0) & (answers.novelty <= 1)).all(), "novelty outside 0 to 1"
    return "answered"
