"""A model folder back into a model: every byte checked, nothing in it run, its first answer finite."""

import contextlib
import hashlib
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import scipy.sparse
import torch
from torch import Tensor

from pellucid.bundle.average_models import AverageMember, AverageModel
from pellucid.bundle.by_target import IN_FOLDERS
from pellucid.bundle.format import (
    FILE_NAME,
    HELD_OUT_NAME,
    MEMBERS_NAME,
    NETWORK,
    NOVELTY_NAME,
    PREDICTOR,
    SIZE_LIMIT,
    TFIDF,
    WEIGHTS_NAME,
    Description,
    EncodingPlan,
    MemberPlan,
    check_header,
    forms_of,
    unpack,
)
from pellucid.bundle.generator_models import AdversarialModel, AutoencoderModel, Generator
from pellucid.bundle.held_out import HeldOut
from pellucid.bundle.model import Inputs, Model, finite_answers
from pellucid.bundle.models import ClassicalModel, FeatureModel, ImageModel, OnNetwork, TextModel
from pellucid.classical import PREDICTORS, TF_IDF
from pellucid.confined.onnx_files import LARGEST
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.data.trees import likely_path
from pellucid.encoding import ENCODERS
from pellucid.encoding.encoder import MOST_BYTES as WORDS_LIMIT
from pellucid.encoding.encoder import UNKNOWN
from pellucid.encoding.tfidf import Tfidf
from pellucid.errors import ModelFileError
from pellucid.input_kinds import TEXTS, VALUES
from pellucid.language.sentence import Sentence
from pellucid.networks import Autoencoder, Network
from pellucid.networks.closed_encoders import CONTENT, ENCODER_NAME
from pellucid.networks.costs import require_affordable
from pellucid.networks.families import outline
from pellucid.novelty import Detector
from pellucid.safety.budgets import MEMORY
from pellucid.safety.files import open_regular, sha256
from pellucid.safety.stored import Forms

# Model files of other makers that can run code when they are opened: recognised, never opened.

_HEAD = 512
_TAR_MARK = slice(257, 262)  # a tar archive begins with a file name, its mark comes behind
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
    if head[3:9] == b"\0\0\0\0\0{":  # the length of a header, below 16 MB, and the header's brace
        return
    kind = next((words for mark, words in _MARKS if head.startswith(mark)), None)
    is_pickle = len(head) > 1 and head[0] == 0x80 and head[1] in _PICKLE_PROTOCOLS
    if is_pickle or _OLD_PICKLE.match(head):
        kind = "a pickle (as .pkl, .joblib and older .pt are)"
    elif head[_TAR_MARK] == b"ustar":
        kind = "a tar archive"
    if kind is not None:
        raise ModelFileError(
            "{path}: {kind}; such a file may run code; refused; give a model folder that Pellucid saved",
            path,
            kind,
        )


# Finding the folder, and what may be loaded from where.


def load(folder: str | Path) -> Model:
    """Load a model that predicts, of images or of texts.

    `folder` is a model folder, or a run, whose recommended model is taken.

    Raises: `ModelFileError` if there is no model, it is damaged, of a kind that may run code, takes feature
    vectors, or makes images.
    """
    model = load_to_open(folder)
    if isinstance(model, Generator):
        raise ModelFileError(
            "{folder}: this model makes images and predicts nothing; use pellucid generate {folder2}",
            folder,
            folder,
        )
    return model


def load_to_open(folder: str | Path) -> Model:
    """Load a model of images or of texts, one that predicts or one that makes images, as `load`.

    Raises: `ModelFileError` as `load_any`, or if the model takes feature vectors.
    """
    model = load_any(folder)
    if model.input_kind is VALUES:
        raise ModelFileError(
            "{folder}: this model takes feature vectors, not images or texts; use pellucid.load in Python",
            folder,
        )
    return model


def load_any(folder: str | Path) -> Model:
    """Load a model of images, of texts or of feature vectors, neural or classical, as `load`.

    Raises: `ModelFileError` if there is no model, it is damaged, or it is of a kind that may run code.
    """
    place = model_folder(folder)
    try:
        path = _file_inside(place, FILE_NAME)
        description = Description.from_bytes(_read_bounded(path, SIZE_LIMIT), str(path))
        return _average(place, description) if description.members else _one(place, description)
    except MemoryError as error:
        raise ModelFileError(
            "{place}: too large for this machine's memory; choose another model", place
        ) from error
    except OSError as error:
        raise ModelFileError(
            "{place}: cannot be read: {lower}; check the folder",
            place,
            (error.strerror or str(error)).lower(),
        ) from error


def model_folder(folder: str | Path) -> Path:
    """Find the folder that holds `model.json`: a model folder itself, or one of a run.

    Raises: `ModelFileError` if there is none, or it is a file of a kind that may run code.
    """
    place = Path(folder)
    if not place.exists():
        meant = likely_path(str(place))
        raise ModelFileError(
            "{place}: there is no such folder{meant}; give a run or a model folder", place, meant
        )
    if not place.is_dir():
        refuse_foreign_file(place)
        raise ModelFileError("{place}: a file, not a model folder; give a run or a model folder", place)
    for candidate in (place, place / "model"):
        if os.path.lexists(candidate / FILE_NAME):
            return candidate
    if _is_unfinished(place):
        raise ModelFileError(
            "{place}: a run that is not finished, so it has no model yet; if it was interrupted, finish it "
            "by the command that began it, with --resume",
            place,
        )
    for path in sorted(place.iterdir())[:100]:
        if path.is_file():
            refuse_foreign_file(path)
    raise ModelFileError(
        "{place}: neither a model folder nor a finished run; {FILE_NAME} is missing", place, FILE_NAME
    )


def _is_unfinished(place: Path) -> bool:
    """True of the folder of a run that has begun and not ended; others have a `config.json`, too."""
    has_begun = (place / "config.json").is_file() and any(
        (place / each).exists() for each in (".lock", "checkpoints")
    )
    return has_begun and not (place / "metrics.json").exists()


def _one(place: Path, description: Description) -> Model:
    """The described model that is no average."""
    path, encoding = place / FILE_NAME, description.preprocessing
    words_name = encoding.file if isinstance(encoding, EncodingPlan) else ""
    later = (WEIGHTS_NAME, NOVELTY_NAME, HELD_OUT_NAME, words_name, ENCODER_NAME)
    _check_other_files(place, description, *later)
    words = b""
    if words_name:
        words_path = _file_inside(place, words_name)
        words = _unchanged(words_path, _read_bounded(words_path, WORDS_LIMIT), description.sha256[words_name])
    with _impossible(path):
        network = None if description.architecture is None else outline(description.architecture)
        forms = expected_forms(description, network)
        of_file = [name for name in forms if name.endswith(CONTENT)]
        forms = {name: form for name, form in forms.items() if name not in of_file}

    def check_cost() -> None:
        """Refuse a model whose answers cost more than the budgets allow, before its weights are read."""
        classes = description.classes
        needed = _OUTPUT_BYTES * _ROWS * description.is_of.target.outputs(len(classes))
        try:
            if needed > MEMORY.value():
                raise ValueError(
                    Sentence(
                        "{classes:,} classes: their probabilities would take {needed:,.1f} GB "
                        "for {ROWS} inputs; {remedy}",
                        len(classes),
                        needed / 1000000000.0,
                        _ROWS,
                        MEMORY.remedy,
                    )
                )
            if description.architecture is not None:
                require_affordable(description.architecture)
        except ValueError as error:
            raise ModelFileError("{path}: {error}", path, error) from error

    tensors = _tensors(place, WEIGHTS_NAME, forms, description, check_cost)
    for name in of_file:
        file = _file_inside(place, ENCODER_NAME)
        content = _unchanged(file, _read_bounded(file, LARGEST), description.sha256[ENCODER_NAME])
        tensors[name] = torch.frombuffer(bytearray(content), dtype=torch.uint8)
    with _impossible(place):
        model = put_together(description, network, tensors, words).for_data(
            joined_columns=description.joined_columns,
            dialect=description.dialect,
            renamed=description.renamed,
            threshold=description.threshold,
            ignored=description.ignored,
        )
    require_answers(model, str(place))
    return _completed(place, description, model)


def _average(place: Path, description: Description) -> Model:
    """The described average; each member is read as the model folder that it is, and is none itself."""
    _check_other_files(place, description, NOVELTY_NAME, HELD_OUT_NAME)
    members = [AverageMember(each.name, each.weight, _member(place, each)) for each in description.members]
    with _impossible(place / FILE_NAME):
        model = AverageModel(members, temperature=description.temperature)
        if model.input_kind != description.is_of.input_kind:
            raise ValueError("input_kind of the average are not those of its members")
        if model.target is not description.is_of.target:
            raise ValueError("the target of the average is not that of its members")
        for what in IN_FOLDERS[model.target].shared:
            if getattr(model, what) != getattr(description, what):
                raise ValueError(Sentence("{what} of the average are not those of its members", what))
        model.threshold = description.threshold
    return _completed(place, description, model)


def _member(place: Path, plan: MemberPlan) -> Model:
    """A member from its folder, whose description has the checksum that the average knows."""
    folder = place / MEMBERS_NAME / plan.name
    for each in (folder.parent, folder):
        if each.is_symlink() or not each.is_dir():
            what = "a link" if each.is_symlink() else "no folder"
            raise ModelFileError(
                "{each}: {what}, where members of the average lie; use an undamaged copy", each, what
            )
    path = _file_inside(folder, FILE_NAME)
    content = _unchanged(path, _read_bounded(path, SIZE_LIMIT), plan.sha256)
    description = Description.from_bytes(content, str(path))
    if description.members:
        raise ModelFileError("{path}: an average, which is no member of another; use an undamaged copy", path)
    return _one(folder, description)


# Files of a folder.


def _file_inside(folder: Path, name: str) -> Path:
    """The path of a regular file of the folder, never one that a link leads to."""
    path = folder / name
    if path.is_symlink():
        raise ModelFileError("{path}: a link; a model folder holds its own files; copy the file there", path)
    if not path.exists():
        raise ModelFileError("{path}: missing; use an undamaged copy", path)
    if not path.is_file():
        raise ModelFileError("{path}: not a regular file; use an undamaged copy", path)
    return path


def _read_bounded(path: Path, limit: int) -> bytes:
    refuse_foreign_file(path)
    with open_regular(path) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ModelFileError("{path}: larger than {limit} MB; use an undamaged copy", path, limit >> 20)
    return content


def _check_other_files(folder: Path, description: Description, *later: str) -> None:
    """Compare the checksum of every file but those that are hashed as they are read."""
    for name, digest in description.sha256.items():
        if name not in later:
            path = _file_inside(folder, name)
            if sha256(path) != digest:
                raise _changed(path)


def _tensors(
    folder: Path,
    name: str,
    forms: Forms,
    description: Description,
    check_cost: Callable[[], None] = lambda: None,
) -> dict[str, Tensor]:
    """The finite tensors of a file, of which header, cost and checksum are checked in this order."""
    path = _file_inside(folder, name)
    refuse_foreign_file(path)
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        check_header(file, size, forms, str(path))
        check_cost()
        file.seek(0)
        content = file.read(size)
    with _impossible(path):
        tensors = unpack(_unchanged(path, content, description.sha256[name]))
    if not all(tensor.isfinite().all() for tensor in tensors.values()):
        raise ModelFileError("{path}: holds weights that are not finite; train the model again", path)
    return tensors


def _arrays(tensors: Mapping[str, Tensor], prefix: str = "") -> dict[str, np.ndarray]:
    """The arrays of one part by their own names."""
    return {
        name.removeprefix(prefix): each.numpy() for name, each in tensors.items() if name.startswith(prefix)
    }


def _completed(folder: Path, description: Description, model: Model) -> Model:
    """The model with its detector and its held-out answers, read with the same care, where it has them."""
    classes, target = description.classes, description.is_of.target
    settings, stray = description.novelty, "belongs to no detector"
    arrays = _arrays_beside(folder, description, NOVELTY_NAME, settings, Detector.expected, stray)
    if arrays is not None:
        with _impossible(folder):
            model = model.with_detector(Detector.from_parts(settings, arrays))
    settings, stray = description.held_out, "the description does not speak of it"
    expected = partial(HeldOut.expected, classes=classes, target=target)
    arrays = _arrays_beside(folder, description, HELD_OUT_NAME, settings, expected, stray)
    if arrays is not None:
        with _impossible(folder):
            model = model.with_held_out(HeldOut.from_parts(settings, classes, target, arrays))
    return model


def _arrays_beside(
    folder: Path,
    description: Description,
    name: str,
    settings: object,
    expected: Callable[[object], Forms],
    stray: str,
) -> dict[str, np.ndarray] | None:
    """The arrays of a file besides the weights; `None` where there are no settings of it, and no file."""
    if settings is None:
        if name in description.sha256:
            raise ModelFileError("{folder}: {stray}; use an undamaged copy", folder / name, stray)
        return None
    with _impossible(folder / FILE_NAME):
        forms = expected(settings)
    return _arrays(_tensors(folder, name, forms, description))


@contextlib.contextmanager
def _impossible(place: Path) -> Iterator[None]:
    """Turn what is refused while a model is put together into an error that says where."""
    try:
        yield
    except (ValueError, TypeError, LookupError, ArithmeticError, RuntimeError) as error:
        raise ModelFileError("{place}: {error}; use an undamaged copy", place, error) from error


def _unchanged(path: Path, content: bytes, digest: str) -> bytes:
    """The content of a file, or an error if it has another SHA-256."""
    if hashlib.sha256(content).hexdigest() != digest:
        raise _changed(path)
    return content


def _changed(path: Path) -> ModelFileError:
    return ModelFileError(
        "{path}: its checksum does not match: it was changed after it was saved; use an undamaged copy", path
    )


# A model put together from its description, its tensors and its words.


def expected_forms(description: Description, network: Network | None) -> Forms:
    """Forms of the tensors of a described model, by name; none is allocated.

    `network` is the outline of its architecture.

    Raises: `ValueError` if a predictor or TF-IDF says something impossible.
    """
    forms = forms_of({} if network is None else network.state_dict())
    plan, encoding = description.predictor, description.preprocessing
    if plan is None:
        return forms
    of_predictor = PREDICTORS[plan.kind].expected(plan.settings)
    of_tfidf = {}
    if isinstance(encoding, EncodingPlan) and encoding.kind == TF_IDF:
        of_tfidf = Tfidf.expected(dict(encoding.settings))
    parts = {NETWORK: forms, PREDICTOR: of_predictor, TFIDF: of_tfidf}
    return {prefix + name: form for prefix, part in parts.items() for name, form in part.items()}


def put_together(
    description: Description, network: Network | None, tensors: Mapping[str, Tensor], words: bytes
) -> Model:
    """Build the described model, in evaluation mode.

    `network` is the outline of its architecture; `tensors` are of the forms that `expected_forms` named,
    finite, and taken over. `words` are the content of the file with the vocabulary, in which nothing is
    trusted; empty where there is none.

    Raises: `ValueError` if the tensors hold something impossible, or the parts do not fit each other.
    """
    plan, prepared = description.predictor, description.preprocessing
    classes, target, temperature = description.classes, description.is_of.target, description.temperature
    images = prepared if isinstance(prepared, Preprocessing) else None
    encoder = tfidf = None
    if isinstance(prepared, EncodingPlan) and prepared.kind == TF_IDF:
        tfidf = Tfidf.from_parts(dict(prepared.settings), words, _arrays(tensors, TFIDF))
    elif isinstance(prepared, EncodingPlan):
        encoder = ENCODERS[prepared.kind].from_parts(dict(prepared.settings), words)
    if network is not None:
        prefix = "" if plan is None else NETWORK
        weights = {
            name.removeprefix(prefix): each for name, each in tensors.items() if name.startswith(prefix)
        }
        network.load_state_dict(weights, assign=True)
        # The layout in which it was trained: in another, some processors round its answers otherwise.
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,unused-ignore]
        network.origin = description.origin
        network.eval()
    if plan is not None:
        model = ClassicalModel(
            PREDICTORS[plan.kind].from_parts(plan.settings, _arrays(tensors, PREDICTOR)),
            str(description.features),
            classes,
            target,
            preprocessing=images,
            tfidf=tfidf,
            encoder=encoder,
            network=network,
            temperature=temperature,
        )
        if description.length is not None and model.length != description.length:
            raise ValueError(
                Sentence(
                    "the model takes vectors of {length} numbers where 'length' is {length2}",
                    model.length,
                    description.length,
                )
            )
        return model
    assert network is not None  # the description of a network holds its architecture
    if network.config.conditions:
        assert images is not None  # such a network takes images
        return generator_of(network, images, classes)
    if encoder is not None:
        return TextModel(network, encoder, classes, target, temperature=temperature)
    if images is None:
        return FeatureModel(network, classes, target, temperature=temperature)
    return ImageModel(network, images, classes, target, mirror=description.mirror, temperature=temperature)


def generator_of(network: Network, preprocessing: Preprocessing, classes: Sequence[str]) -> Generator:
    """The model of a network that makes images.

    Raises: `ValueError` if the network has more or fewer classes.
    """
    if isinstance(network, Autoencoder):
        return AutoencoderModel(network, preprocessing, classes)
    return AdversarialModel(network, preprocessing, classes)


# A first question to a model that was just read: weights may be finite and its answers not.

# Bytes that one probability takes until it is written, and inputs that are answered at a time.
_OUTPUT_BYTES = 72  # as text
_ROWS = 256  # inputs

_KNOWN = 64
_TEXTS = ("", "a", "The quick brown fox jumps over 13 lazy dogs!")


def require_answers(model: Model, place: str) -> None:
    """Ask a model about a few plain inputs, and make an image with one that makes some.

    Raises: `ModelFileError` if a number that it gives is not finite, or it cannot answer.
    """
    try:
        with np.errstate(all="ignore"), torch.inference_mode():
            _ask(model)
    except ModelFileError as error:
        raise ModelFileError("{place}: {removeprefix}", place, str(error).removeprefix("model: ")) from error
    except (ArithmeticError, LookupError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelFileError(
            "{place}: cannot answer ({reason}); use an undamaged copy", place, reason
        ) from error


def _ask(model: Model) -> None:
    inputs = _plain_inputs(model)
    network = getattr(model, "network", None)
    if isinstance(network, Network) and network.config.vocabulary:
        # Ids from all over a vocabulary, since plain words may be unknown: the first, and some wide apart.
        last = network.config.vocabulary - 1
        length = min(network.config.input_shape[0], _KNOWN)
        spread = np.linspace(UNKNOWN, last, 2 * length).astype(np.int64)
        first = np.minimum(np.arange(UNKNOWN + 1, UNKNOWN + 1 + length), last)
        finite_answers(network(torch.from_numpy(np.stack([first, spread[::2], spread[1::2]]))))
    if isinstance(model, ClassicalModel) and model.tfidf is not None:
        # One row with features from all over the vocabulary, of which plain texts may hold none.
        columns = model.predictor.inputs
        chosen = np.unique(np.linspace(0, columns - 1, min(columns, _KNOWN)).astype(np.int64))
        values = np.full(len(chosen), 1 / math.sqrt(max(1, len(chosen))), np.float32)
        row = scipy.sparse.csr_array((values, chosen, [0, len(chosen)]), shape=(1, columns))
        finite_answers(model.predictor.predict(row))
    if isinstance(model, Generator):
        model.sample(np.zeros(1, np.int64), seed=0)
        model.transform(inputs)
    elif isinstance(model, OnNetwork):
        model.said_of(model.outputs_and_seen(inputs)[:, : model.network.config.outputs])
    else:
        model.target.ask(model, inputs)


def _plain_inputs(model: Model) -> Inputs:
    """Inputs without anything special: black, white and grey; short texts; vectors of zeros and ones."""
    if model.input_kind is TEXTS:
        return list(_TEXTS)
    prepared = model.preprocessing
    if prepared is not None:
        shape = (prepared.height, prepared.width, prepared.channels)
        ramp = np.linspace(0, 255, int(np.prod(shape))).reshape(shape).astype(np.uint8)
        return np.stack([np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8), ramp])
    length = model.features if isinstance(model, FeatureModel) else getattr(model, "length", 0)
    return np.stack([np.zeros(length or 1, np.float32), np.ones(length or 1, np.float32)])
