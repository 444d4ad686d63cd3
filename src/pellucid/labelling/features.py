"""Features of examples, computed once: of images by a backbone or HOG, of texts by TF-IDF, and near copies.

They are computed in a process of their own, `python -m pellucid.labelling.features`, so that people are
answered meanwhile.

Images that look like photographs get the features of the installed pretrained backbone, all others histograms
of oriented gradients; texts their TF-IDF. Either is reduced to at most 128 numbers by principal components
(of texts, whose rows are sparse, by a truncated singular value decomposition), and every row scaled to the
same length, so that logistic regression of few labels knows one strength of its penalty.
"""

import atexit
import contextlib
import hashlib
import io
import sys
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.sparse
from jaxtyping import Bool, Float32, Int64, UInt8

from pellucid.classical import image_features
from pellucid.classical.text_features import READINGS, survey_texts
from pellucid.data.image_copies import first_with_content, near_copies
from pellucid.data.images.cache import cache_folder
from pellucid.data.images.preprocessing import (
    Preprocessing,
    array_digests,
    difference_hashes,
    look_like_photographs,
)
from pellucid.data.raw_texts import Texts
from pellucid.data.sibling_sets import first_of_sets
from pellucid.data.text_copies import near_texts, text_digests
from pellucid.encoding.tfidf import fit_tfidf
from pellucid.errors import DataError, StorageError
from pellucid.safety.files import make_folder, read_regular, write_file
from pellucid.safety.isolation import Channel, Child, answer_parent, isolated

# Numbers of a row: with 64 or 256 models of 300 labels were up to half a point worse on R8 or photographs.
_NUMBERS = 128
# Images are decoded to 160 x 160 pixels, the size at which backbones see them; copies are compared at 32.
_SIDE = 160  # pixels
_SMALL = 32  # pixels
_BLOCK = 64  # examples at a time
_DECODERS = 4  # threads
_LARGEST_CACHE = 1 << 28
_FORMAT = 1

Progress = Callable[[int, int], object]


class Rows(NamedTuple):
    """Features of examples."""

    rows: Float32[np.ndarray, "examples features"]  # zeros where an image cannot be read
    is_readable: Bool[np.ndarray, " examples"]
    first: Int64[np.ndarray, " examples"]  # for each example the first that it is a near copy of, or itself

    def packed(self) -> bytes:
        """The arrays as the content of an npz file."""
        content = io.BytesIO()
        np.savez(content, **self._asdict())  # type: ignore[arg-type,unused-ignore]
        return content.getvalue()

    @classmethod
    def unpacked(cls, content: bytes) -> "Rows":
        """Arrays from what `packed` gave; `ValueError` or `KeyError` if it is something else."""
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            found = cls(*(file[name] for name in cls._fields))
        if (
            not len(found.rows) == len(found.is_readable) == len(found.first)
            or not np.isfinite(found.rows).all()
        ):
            raise ValueError("arrays that do not fit one another")
        return found


def features_apart(
    examples: Texts | Sequence[Path], progress: Progress | None = None, *, is_isolated: bool = False
) -> Rows:
    """Features, computed in a process of their own; `is_isolated` has it decode in children under limits.

    Raises: `DataError` if no image can be read, or the process ends.
    """
    child = Child("features", "pellucid.labelling.features")
    atexit.register(child.close)
    try:
        if isinstance(examples, Texts):
            content = np.ascontiguousarray(examples.content).tobytes()
            child.send({"offsets": examples.offsets.tolist()}, content)
        else:
            child.send({"sources": list(map(str, examples)), "isolate": is_isolated})
        while True:
            message, content = child.receive()
            if "done" not in message:
                return Rows.unpacked(content)
            if progress is not None:
                progress(int(message["done"]), int(message["of"]))
    finally:
        child.close()
        atexit.unregister(child.close)


def main() -> None:
    """Compute what the parent asks for, and end with it."""
    answer_parent(_compute, sys.maxsize)


def _compute(channel: Channel) -> None:
    channel.send({"unlimited": []})
    asked = channel.receive()
    if asked is None:
        return
    message, content = asked
    try:
        if "offsets" in message:
            texts = Texts(np.frombuffer(content, np.uint8), np.array(message["offsets"], np.int64))
            found = features_of_texts(texts)
        else:
            with isolated() if message["isolate"] else contextlib.nullcontext():
                found = features_of_images(
                    [Path(each) for each in message["sources"]],
                    lambda done, of_all: channel.send({"done": done, "of": of_all}),
                )
    except DataError as error:
        channel.send({"error": str(error)})
    else:
        channel.send({}, found.packed())


def features_of_images(sources: Sequence[Path], progress: Progress | None = None) -> Rows:
    """Decode images and compute their features, or take them from the cache.

    Raises: `DataError` if none can be read.
    """
    place = _cached_place(sources)
    if (known := _read(place)) is not None:
        return known
    preprocessing = Preprocessing(_SIDE, _SIDE, 3)

    def decoded(source: Path) -> np.ndarray | None:
        try:
            return preprocessing.image_and_warning(source)[0]
        except DataError:
            return None

    is_readable = np.zeros(len(sources), bool)
    small = np.zeros((len(sources), _SMALL, _SMALL, 1), np.uint8)
    grey = Preprocessing(_SMALL, _SMALL, 1)
    found: list[np.ndarray] = []
    extract = None
    with ThreadPoolExecutor(_DECODERS) as threads:
        for start in range(0, len(sources), _BLOCK):
            images = list(threads.map(decoded, sources[start : start + _BLOCK]))
            there = [at for at, image in enumerate(images) if image is not None]
            block = np.stack(
                [image for image in images if image is not None] or [np.zeros((0, 0, 0), np.uint8)]
            )
            if there:
                extract = extract or _extractor(block)
                found.append(extract(block))
                is_readable[start + np.array(there)] = True
                for at, image in zip(there, block, strict=True):
                    small[start + at] = grey.fitted(image)
            if progress is not None:
                progress(min(start + _BLOCK, len(sources)), len(sources))
    if not found:
        raise DataError("no image can be read; give others")
    rows = np.zeros((len(sources), 0), np.float32)
    reduced = _components(np.concatenate(found))
    rows = np.zeros((len(sources), reduced.shape[1]), np.float32)
    rows[is_readable] = reduced
    first = first_with_content(array_digests(small), is_readable)
    distinct = np.flatnonzero((first == np.arange(len(first))) & is_readable)
    pairs = near_copies(small, difference_hashes(small), distinct).pairs
    result = Rows(rows, is_readable, _sets(first, pairs))
    _write(place, result)
    return result


def _extractor(
    block: UInt8[np.ndarray, "images height width 3"],
) -> Callable[[np.ndarray], np.ndarray]:
    """What computes features, by the first images: the backbone at hand for photographs, else HOG."""
    names = _backbones() if look_like_photographs(block, np.arange(len(block))) else []
    if not names:
        return lambda images: image_features.extract("hog", images)
    import torch

    from pellucid.pretrained import packaged_backbone
    from pellucid.settings import Settings

    backbone = packaged_backbone(names[0])
    config = backbone.config_for(2, Settings(), (3, _SIDE, _SIDE))
    network = backbone.network(config, torch.Generator()).to(memory_format=torch.channels_last)  # type: ignore[call-overload,unused-ignore]

    def of_backbone(images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            inputs = torch.from_numpy(images).permute(0, 3, 1, 2).float()
            features: np.ndarray = network.features(inputs).numpy()
        return features

    return of_backbone


def _backbones() -> list[str]:
    """Backbones of images that are installed; this loads torch, without which people are answered."""
    from pellucid.pretrained import OF_IMAGES, at_hand

    return at_hand(OF_IMAGES)


def features_of_texts(texts: Texts) -> Rows:
    """TF-IDF of words, or of whatever fits the language, reduced to few numbers; and near copies."""
    from sklearn.decomposition import TruncatedSVD

    positions = np.arange(len(texts), dtype=np.int64)
    reading = survey_texts(texts, positions).readings[0]
    fitted = fit_tfidf(texts, positions, READINGS[reading].shape)
    weights = scipy.sparse.csr_matrix(fitted.tfidf.weigh(fitted.counts))
    most = min(_NUMBERS, min(weights.shape) - 1)
    if most < 1:
        rows = np.asarray(weights.toarray())
    else:
        with np.errstate(invalid="ignore"):  # of equal texts it divides by their variance
            rows = TruncatedSVD(most, random_state=0).fit_transform(weights)
    first = first_with_content(text_digests(texts), np.ones(len(texts), bool))
    distinct = np.flatnonzero(first == np.arange(len(first)))
    sets = _sets(first, near_texts(texts, distinct).pairs)
    return Rows(_of_one_length(rows.astype(np.float32)), np.ones(len(texts), bool), sets)


def _sets(
    first: Int64[np.ndarray, " examples"], pairs: Int64[np.ndarray, "pairs 2"]
) -> Int64[np.ndarray, " examples"]:
    """Exact copies, each by the first of its content, and pairs of near ones as sets."""
    copies = np.stack([np.arange(len(first)), first], axis=1)
    return first_of_sets(len(first), np.concatenate([copies, pairs]))


def _components(rows: Float32[np.ndarray, "images wide"]) -> Float32[np.ndarray, "images features"]:
    """Principal components of standardised features."""
    from sklearn.decomposition import PCA

    rows = (rows - rows.mean(axis=0)) / (rows.std(axis=0) + 1e-6)
    most = min(_NUMBERS, *rows.shape)
    return _of_one_length(PCA(most, svd_solver="randomized", random_state=0).fit_transform(rows))


def _of_one_length(rows: Float32[np.ndarray, "n features"]) -> Float32[np.ndarray, "n features"]:
    """Rows scaled so that a feature is 1 on average."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-9) * np.sqrt(rows.shape[1]), np.float32)


# Features in the cache, found again by path, size and time of change of every file.


def _cached_place(sources: Sequence[Path]) -> Path:
    digest = hashlib.sha256(repr((_FORMAT, _backbones())).encode())
    for each in sources:
        try:
            status = each.stat()
        except OSError:
            digest.update(f"{each}\0\0".encode(errors="surrogateescape"))
            continue
        digest.update(
            f"{each.absolute()}\0{status.st_size}:{status.st_mtime_ns}\0".encode(errors="surrogateescape")
        )
    return cache_folder().parent / "labelling" / f"{digest.hexdigest()[:32]}.npz"


def _read(place: Path) -> Rows | None:
    """What the cache has; `None` where there is nothing, or nothing that can be read."""
    try:
        return Rows.unpacked(read_regular(place, _LARGEST_CACHE))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _write(place: Path, found: Rows) -> None:
    with contextlib.suppress(StorageError):  # without a cache they are computed again next time
        make_folder(place.parent)
        write_file(place, found.packed())


if __name__ == "__main__":
    main()
