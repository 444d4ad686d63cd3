"""A model folder back into a model: every byte checked, nothing in it run, its first answer finite."""

import contextlib
import hashlib
import math
import os
import re
from collections.abc import Iterator, Mapping, Set
from pathlib import Path

import numpy as np
import scipy.sparse
import torch
from torch import Tensor

from pellucid.budgets import MEMORY
from pellucid.bundle.average_models import AverageModel, Member
from pellucid.bundle.description import SIZE_LIMIT, Description, Form, check_header, unpack
from pellucid.bundle.fields import (
    FILE_NAME,
    HELD_OUT_NAME,
    MEMBERS_NAME,
    NOVELTY_NAME,
    WEIGHTS_NAME,
    WORDS_LIMIT,
    EncodingPlan,
    MemberPlan,
)
from pellucid.bundle.generator_models import Generator
from pellucid.bundle.held_out import HeldOut
from pellucid.bundle.model import Inputs, Model, finite_answers
from pellucid.bundle.models import ClassicalModel, OnNetwork
from pellucid.bundle.parts import expected_forms, put_together
from pellucid.encoding.encoder import UNKNOWN
from pellucid.errors import ModelFileError
from pellucid.files import open_regular, sha256
from pellucid.networks import Network
from pellucid.networks.costs import require_affordable
from pellucid.novelty import Detector
from pellucid.tasks import CLASSIFICATION, GENERATION, TEXTS, VALUES

# A first question to a model that was just read: weights may be finite and its answers not.

# Bytes that one probability takes until it is written, and inputs that are answered at a time.
_OUTPUT_BYTES, _ROWS = 72, 256

_KNOWN = 64
_TEXTS = ("", "a", "The quick brown fox jumps over 13 lazy dogs!")


def require_answers(model: Model, place: str) -> None:
    """Ask a model about a few plain inputs, and make an image with one that makes some.

    Raises: `ModelFileError` if a number that it gives is not finite, or it cannot answer.
    """
    try:
        with np.errstate(all="ignore"):
            _ask(model)
    except ModelFileError as error:
        raise ModelFileError(f"{place}: {str(error).removeprefix('model: ')}") from error
    except (ArithmeticError, LookupError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelFileError(f"{place}: cannot answer ({reason}); use an undamaged copy") from error


def _ask(model: Model) -> None:
    inputs = _plain(model)
    network = getattr(model, "network", None)
    if isinstance(network, Network) and network.config.vocabulary:
        with torch.inference_mode():
            # Ids from all over a vocabulary, since plain words may be unknown: the first, and
            # some far apart.
            length = min(network.config.input_shape[0], _KNOWN)
            spread = np.linspace(UNKNOWN, network.config.vocabulary - 1, 2 * length).astype(np.int64)
            first = np.minimum(np.arange(UNKNOWN + 1, UNKNOWN + 1 + length), network.config.vocabulary - 1)
            finite_answers(network(torch.from_numpy(np.stack([first, spread[::2], spread[1::2]]))))
    if isinstance(model, ClassicalModel) and model.tfidf is not None:
        finite_answers(model.predictor.predict(_some_of(model.predictor.inputs)))
    if isinstance(model, Generator):
        model.sample(np.zeros(1, np.int64), seed=0)
        model.transform(inputs)
    elif isinstance(model, OnNetwork):
        model.said_of(model.outputs_and_seen(inputs)[:, : model.network.config.outputs])
    elif model.target is CLASSIFICATION:
        model.predict_proba(inputs)
    else:
        model.predict_values(inputs)


def _some_of(columns: int) -> scipy.sparse.csr_array:
    """One row of TF-IDF with features from all over a vocabulary, since plain texts may hold none of them."""
    chosen = np.unique(np.linspace(0, columns - 1, min(columns, _KNOWN)).astype(np.int64))
    values = np.full(len(chosen), 1 / math.sqrt(max(1, len(chosen))), np.float32)
    return scipy.sparse.csr_array((values, chosen, [0, len(chosen)]), shape=(1, columns))


def _plain(model: Model) -> Inputs:
    """Inputs without anything special: black, white and grey; short texts; vectors of zeros and ones."""
    if model.input_kind is TEXTS:
        return list(_TEXTS)
    prepared = model.preprocessing
    if prepared is not None:
        shape = (prepared.height, prepared.width, prepared.channels)
        ramp = np.linspace(0, 255, int(np.prod(shape))).reshape(shape).astype(np.uint8)
        return np.stack([np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8), ramp])
    length = getattr(model, "features", None)
    size = length if isinstance(length, int) else getattr(model, "length", 0)
    return np.stack([np.zeros(size or 1, np.float32), np.ones(size or 1, np.float32)])


# Model files of other makers that can run code when they are opened: recognised, never opened.

_HEAD = 512
_TAR_MARK = slice(257, 262)  # a tar archive begins with a file name, its mark stands behind
_MARKS = (
    (b"PK", "a ZIP archive (as .pt, .pth, .keras and .npz are)"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file (as .h5 is)"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
)
_PICKLE_PROTOCOLS = range(2, 6)
_OLD_PICKLE = re.compile(rb"\(?[ci][\w.]+\n[\w.]+\n|\(?[dl]p\d+\n|[\]}]q.")  # protocols 0 and 1


def refuse_foreign_file(path: Path) -> None:
    """Refuse a pickle or an archive by its first bytes; nothing is unpickled or extracted.

    Raises: `ModelFileError` if the file is of a kind that may run code.
    """
    if not path.is_file():
        return
    with open_regular(path) as file:
        head = file.read(_HEAD)
    kind = _kind(head)
    if kind is not None:
        raise ModelFileError(
            f"{path}: {kind}; such a file may run code; refused; give a model folder that Pellucid saved"
        )


def _kind(head: bytes) -> str | None:
    """Kind of a file by its first bytes; `None` where it is harmless or unknown."""
    # Tell a file that starts with the length of a header, below 16 MB, and the header's brace.
    if head[3:9] == b"\0\0\0\0\0{":
        return None
    is_pickle = len(head) > 1 and head[0] == 0x80 and head[1] in _PICKLE_PROTOCOLS
    if is_pickle or _OLD_PICKLE.match(head):
        return "a pickle (as .pkl, .joblib and older .pt are)"
    if head[_TAR_MARK] == b"ustar":
        return "a tar archive"
    return next((words for mark, words in _MARKS if head.startswith(mark)), None)


def load(folder: str | Path) -> Model:
    """Load a model that predicts, of images or of texts.

    `folder` is a model folder, or a run, whose recommended model is taken.

    Raises: `ModelFileError` if there is no model, it is damaged, of a kind that may run code, takes
    feature vectors, or makes images.
    """
    model = load_to_open(folder)
    if model.target is GENERATION:
        raise ModelFileError(
            f"{folder}: this model makes images and predicts nothing; use pellucid generate {folder}"
        )
    return model


def load_to_open(folder: str | Path) -> Model:
    """Load a model of images or of texts, one that predicts or one that makes images.

    `folder` is a model folder, or a run, whose recommended model is taken.

    Raises: `ModelFileError` as `load_any`, or if the model takes feature vectors.
    """
    model = load_any(folder)
    if model.input_kind is VALUES:
        raise ModelFileError(
            f"{folder}: this model takes feature vectors, not images or texts; use pellucid.load in Python"
        )
    return model


def load_any(folder: str | Path) -> Model:
    """Load a model of images, of texts or of feature vectors, neural or classical.

    `folder` is a model folder, or a run, whose recommended model is taken.

    Raises: `ModelFileError` if there is no model, it is damaged, or it is of a kind that may run code.
    """
    place = model_folder(folder)
    try:
        path = _file_inside(place, FILE_NAME)
        description = Description.from_bytes(_read_bounded(path, SIZE_LIMIT), str(path))
        return _average(place, description) if description.members else _one(place, description)
    except MemoryError as error:
        raise ModelFileError(f"{place}: too large for this machine's memory; choose another model") from error
    except OSError as error:
        raise ModelFileError(
            f"{place}: cannot be read: {(error.strerror or str(error)).lower()}; check the folder"
        ) from error


def _one(place: Path, description: Description) -> Model:
    """The described model that is no average."""
    path = place / FILE_NAME
    encoding = description.preprocessing
    words_name = encoding.file if isinstance(encoding, EncodingPlan) else None
    _check_other_files(place, description.sha256, {WEIGHTS_NAME, NOVELTY_NAME, HELD_OUT_NAME, words_name})
    words = b"" if words_name is None else _words(_file_inside(place, words_name), description)
    with _impossible(path):
        forms = expected_forms(description)
    _require_forms(_file_inside(place, WEIGHTS_NAME), forms)
    # Refuse a model whose answers cost more than the budgets allow, before its weights are read.
    try:
        if description.kind.target is not GENERATION:
            # Refuse more classes than one block of answers has room for.
            classes = description.classes
            needed = _OUTPUT_BYTES * _ROWS * len(classes)
            if needed > MEMORY.value():
                raise ValueError(
                    f"{len(classes):,} classes: their probabilities would take {needed / 1e9:,.1f} GB "
                    f"for {_ROWS} inputs; {MEMORY.remedy}"
                )
        if description.architecture is not None:
            require_affordable(description.architecture)
    except ValueError as error:
        raise ModelFileError(f"{path}: {error}") from error
    model = _with_detector(place, description, _with_weights(place, description, words, forms))
    model = model.for_data(
        joined_columns=description.joined_columns,
        renamed=description.renamed,
        threshold=description.threshold,
    )
    require_answers(model, str(place))
    return _with_held_out(place, description, model)


def _average(place: Path, description: Description) -> Model:
    """The described average; each member is read as the model folder that it is, and is none itself."""
    _check_other_files(place, description.sha256, {NOVELTY_NAME, HELD_OUT_NAME})
    members = [Member(each.name, each.weight, _member(place, each)) for each in description.members]
    with _impossible(place / FILE_NAME):
        model = AverageModel(members, temperature=description.temperature)
        # Require a description that says of an average what its members say.
        for what in ("input_kind", "preprocessing", "classes", "joined_columns", "renamed", "threshold"):
            if getattr(model, what) != getattr(description, what):
                raise ValueError(f"{what} of the average are not those of its members")
    return _with_held_out(place, description, _with_detector(place, description, model))


def _member(place: Path, plan: MemberPlan) -> Model:
    """A member from its folder, whose description has the checksum that the average knows.

    Raises: `ModelFileError` if it is missing, a link, damaged, changed, or an average.
    """
    folder = place / MEMBERS_NAME / plan.name
    for each in (folder.parent, folder):
        if each.is_symlink() or not each.is_dir():
            what = "a link" if each.is_symlink() else "no folder"
            raise ModelFileError(f"{each}: {what}, where members of the average lie; use an undamaged copy")
    path = _file_inside(folder, FILE_NAME)
    content = _read_bounded(path, SIZE_LIMIT)
    if hashlib.sha256(content).hexdigest() != plan.sha256:
        raise _changed(path)
    description = Description.from_bytes(content, str(path))
    if description.members:
        raise ModelFileError(f"{path}: an average, which is no member of another; use an undamaged copy")
    return _one(folder, description)


def model_folder(folder: str | Path) -> Path:
    """Find the folder that holds `model.json`: a model folder itself, or one of a run.

    Raises: `ModelFileError` if there is none, or it is a file of a kind that may run code.
    """
    place = Path(folder)
    if not place.exists():
        raise ModelFileError(f"{place}: there is no such folder; give a run or a model folder")
    if not place.is_dir():
        refuse_foreign_file(place)
        raise ModelFileError(f"{place}: a file, not a model folder; give a run or a model folder")
    for candidate in (place, place / "model"):
        if os.path.lexists(candidate / FILE_NAME):
            return candidate
    for path in sorted(place.iterdir())[:100]:
        if path.is_file():
            refuse_foreign_file(path)
    raise ModelFileError(f"{place}: neither a model folder nor a finished run; {FILE_NAME} is missing")


def _file_inside(folder: Path, name: str) -> Path:
    """The path of a regular file of the folder, never one that a link leads to.

    Raises: `ModelFileError` if it is missing, a link, or no regular file.
    """
    path = folder / name
    if path.is_symlink():
        raise ModelFileError(f"{path}: a link; a model folder holds its own files; copy the file there")
    if not path.exists():
        raise ModelFileError(f"{path}: missing; use an undamaged copy")
    if not path.is_file():
        raise ModelFileError(f"{path}: not a regular file; use an undamaged copy")
    return path


def _read_bounded(path: Path, limit: int) -> bytes:
    """A file's bytes, at most so many of them."""
    refuse_foreign_file(path)
    with open_regular(path) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ModelFileError(f"{path}: larger than {limit >> 20} MB; use an undamaged copy")
    return content


def _words(path: Path, description: Description) -> bytes:
    """The file with the vocabulary, still to be parsed."""
    content = _read_bounded(path, WORDS_LIMIT)
    if hashlib.sha256(content).hexdigest() != description.sha256[path.name]:
        raise _changed(path)
    return content


def _check_other_files(folder: Path, hashes: Mapping[str, str], later: Set[str | None]) -> None:
    """Compare the checksum of every file but those that are hashed as they are read."""
    for name, digest in hashes.items():
        if name not in later:
            path = _file_inside(folder, name)
            if sha256(path) != digest:
                raise _changed(path)


def _require_forms(path: Path, forms: Mapping[str, Form]) -> None:
    """Compare the header of a file of weights, before layers are run to find out what an answer costs.

    They are run without weights, but a convolution copies even those.
    """
    refuse_foreign_file(path)
    with open_regular(path) as file:
        check_header(file, os.fstat(file.fileno()).st_size, forms, str(path))


def _with_weights(folder: Path, description: Description, words: bytes, forms: Mapping[str, Form]) -> Model:
    """Build the model and fill it with the weights of a file that was checked first."""
    path = _file_inside(folder, WEIGHTS_NAME)
    tensors = _tensors(path, forms, description.sha256[WEIGHTS_NAME])
    with _impossible(folder):
        return put_together(description, tensors, words)


def _with_detector(folder: Path, description: Description, model: Model) -> Model:
    """Give a model its detector, read with the same care, or leave it as it is."""
    if description.novelty is None:
        if NOVELTY_NAME in description.sha256:
            raise ModelFileError(f"{folder / NOVELTY_NAME}: belongs to no detector; use an undamaged copy")
        return model
    path = _file_inside(folder, NOVELTY_NAME)
    with _impossible(folder / FILE_NAME):
        forms = {name: Form(*form) for name, form in Detector.expected(description.novelty).items()}
    tensors = _tensors(path, forms, description.sha256[NOVELTY_NAME])
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    with _impossible(folder):
        return model.with_detector(Detector.from_parts(description.novelty, arrays))


def _with_held_out(folder: Path, description: Description, model: Model) -> Model:
    """Give a model its held-out answers, read with the same care, or leave it as it is."""
    settings, classes = description.held_out, description.classes
    if settings is None:
        if HELD_OUT_NAME in description.sha256:
            raise ModelFileError(
                f"{folder / HELD_OUT_NAME}: the description does not speak of it; use an undamaged copy"
            )
        return model
    path = _file_inside(folder, HELD_OUT_NAME)
    with _impossible(folder / FILE_NAME):
        forms = {name: Form(*form) for name, form in HeldOut.expected(settings, classes).items()}
    tensors = _tensors(path, forms, description.sha256[HELD_OUT_NAME])
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    with _impossible(folder):
        return model.with_held_out(HeldOut.from_parts(settings, classes, arrays))


def _tensors(path: Path, forms: Mapping[str, Form], digest: str) -> dict[str, Tensor]:
    """The tensors of a file whose header and checksum were compared first."""
    refuse_foreign_file(path)
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        check_header(file, size, forms, str(path))
        file.seek(0)
        content = file.read(size)
    if hashlib.sha256(content).hexdigest() != digest:
        raise _changed(path)
    with _impossible(path):
        tensors = unpack(content)
    if not all(tensor.isfinite().all() for tensor in tensors.values()):
        raise ModelFileError(f"{path}: holds weights that are not finite; train the model again")
    return tensors


@contextlib.contextmanager
def _impossible(place: Path) -> Iterator[None]:
    """Turn what is refused while a model is put together into an error that says where."""
    try:
        yield
    except (ValueError, TypeError, LookupError, ArithmeticError, RuntimeError) as error:
        raise ModelFileError(f"{place}: {error}; use an undamaged copy") from error


def _changed(path: Path) -> ModelFileError:
    return ModelFileError(
        f"{path}: its checksum does not match: it was changed after it was saved; use an undamaged copy"
    )
