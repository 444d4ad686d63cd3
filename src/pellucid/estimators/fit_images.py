"""Images and feature vectors as inputs of `fit` and `predict`."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from jaxtyping import Float32, Shaped, UInt8
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from pellucid.bundle import Inputs
from pellucid.data import Preprocessing
from pellucid.data.image_copies import first_with_content
from pellucid.data.images.pixels import training_size
from pellucid.data.images.preprocessing import array_digests, value_range, with_channel_axis
from pellucid.data.removal import of_images
from pellucid.data.sources.blocks import fit_inputs
from pellucid.data.sources.memory import is_in_memory
from pellucid.data.sources.places import open_places
from pellucid.errors import DataError, UsageError
from pellucid.estimators.by_target import read_targets
from pellucid.estimators.fit_data import FitData, fit_data_at_place, fit_data_in_memory
from pellucid.input_kinds import IMAGES
from pellucid.settings import Settings, parse_ignore

_MOST_DECODERS = 8


def is_place(inputs: object) -> bool:
    """True where inputs are a path, as a text or a `Path`."""
    return isinstance(inputs, (str, os.PathLike))


def are_paths(inputs: object) -> bool:
    """True for a list, tuple or one-dimensional array that starts with a text or a path."""
    is_list = isinstance(inputs, (list, tuple)) or (isinstance(inputs, np.ndarray) and inputs.ndim == 1)
    return is_list and len(inputs) > 0 and is_place(inputs[0])  # type: ignore[arg-type,index]


def are_images(inputs: object) -> bool:
    """True for images as an array of three or more dimensions, or as a list of arrays."""
    if isinstance(inputs, (list, tuple)):
        return len(inputs) > 0 and np.ndim(inputs[0]) >= 2
    return getattr(inputs, "ndim", 0) >= 3


def fit_data_of_images(images: object, y: object, settings: Settings) -> FitData:
    """Take images in memory, with their labels, which generators do without; nothing is written to the cache.

    Images are (n, height, width) or (n, height, width, 1 or 3), 8-bit or any other numbers.

    Raises: `UsageError` if there are no labels; `DataError` if the images have another shape or are not
    numbers, or labels do not fit.
    """
    pixels = with_channel_axis(as_array(images))
    labels = read_targets(y, len(pixels), settings, IMAGES)
    height, width = training_size(np.array([pixels.shape[1:3]]), settings)
    low, high = value_range(pixels, np.ones(len(pixels), bool))
    preprocessing = Preprocessing(
        height,
        width,
        pixels.shape[3],
        low,
        high,
        stretch=settings.resize == "stretch",
        ignored=of_images(parse_ignore(settings.ignore)),
    )
    fitted = preprocessing.arrays(pixels)
    first = first_with_content(array_digests(fitted), np.ones(len(fitted), bool))
    return fit_data_in_memory(fitted, labels, settings, first=first, preprocessing=preprocessing)


def as_array(inputs: Any) -> Shaped[np.ndarray, "..."]:
    """One array from an array, or from a list of equal ones.

    Raises: `DataError` if the images differ in size.
    """
    try:
        return np.asarray(inputs)
    except ValueError as error:
        raise DataError("images of different sizes cannot be one array ({error})", error) from error


def fit_images(images: Any, preprocessing: Preprocessing) -> UInt8[np.ndarray, "n height width channels"]:
    """Bring images to the form a model was trained on.

    `images` are an array of images of any one size, a list of such, a path or a list of paths; a folder
    stands for its images, those of sub-folders included, in the order of their paths.

    Raises: `DataError` if a file cannot be read, or the array holds no images.
    """
    if not is_place(images) and not are_paths(images):
        return preprocessing.arrays(as_array(images))
    places = [os.fspath(path) for path in ([images] if is_place(images) else images)]
    listed = list(open_places(places, Settings(), IMAGES))
    with ThreadPoolExecutor(min(_MOST_DECODERS, os.cpu_count() or 1)) as executor:
        fitted = fit_inputs(listed, preprocessing, executor)
    for image, error in zip(listed, fitted.errors, strict=True):
        if error:
            raise DataError("{name}: {error}; leave it out", image.name, error)
    return fitted.pixels


def fit_data_of_image_input(estimator: BaseEstimator, X: Any, y: Any, settings: Settings) -> FitData:
    """Examples and labels from arrays of images, tables of feature vectors, paths and data sets."""
    name = type(estimator).__name__
    is_read = is_in_memory(X) or is_place(X)
    if is_read and y is not None:
        place = os.fspath(X) if is_place(X) else type(X).__name__
        raise UsageError("y: {place} brings its own labels; leave y out", place)
    if is_read or are_images(X):
        # Forget what an earlier `fit` on feature vectors noted of them.
        for attribute in ("n_features_in_", "feature_names_in_"):
            vars(estimator).pop(attribute, None)
    if is_read:
        return fit_data_at_place(os.fspath(X) if is_place(X) else X, settings, IMAGES)
    if are_images(X):
        return fit_data_of_images(X, y, settings)
    if are_paths(np.asarray(X) if getattr(X, "ndim", 0) == 1 else X):
        raise DataError(
            "X: a list of texts; {name} learns from arrays of images, or from the path of a folder or "
            "table; learn texts with {replace}",
            name,
            name.replace("Image", "Text"),
        )
    if y is None:
        raise UsageError("y: {name} requires y to be passed, but the target y is None; give labels", name)
    rows: Float32[np.ndarray, "n features"] = validate_data(estimator, X, dtype=np.float32)
    if settings.image_size is not None:
        raise UsageError("image_size: feature vectors have no size in pixels; leave it out")
    labels = read_targets(y, len(rows), settings, IMAGES)
    return fit_data_in_memory(rows, labels, settings, first=np.arange(len(rows)))


def images_for(estimator: BaseEstimator, X: Any, preprocessing: Preprocessing | None) -> Inputs:
    """Inputs as a fitted model takes them: images, or feature vectors where it has no preprocessing."""
    if preprocessing is None:
        rows: np.ndarray = validate_data(estimator, X, dtype=np.float32, reset=False)
        return rows
    if is_place(X) or are_paths(X) or are_images(X):
        return fit_images(X, preprocessing)
    raise DataError(
        "this model takes images, (n, height, width) or (n, height, width, channels), "
        "but was given {name} of shape {X}",
        type(X).__name__,
        np.shape(X),
    )
