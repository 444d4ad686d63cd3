"""`ImageGenerator`: a network that makes images, as an estimator."""

import time
from typing import Any

import numpy as np
from jaxtyping import Float64, UInt8
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from pellucid.bundle import AutoencoderModel, Generator, Model
from pellucid.errors import DataError, UsageError
from pellucid.estimators.estimator import OF_GENERATORS, Estimator, FitProgress, advice_about_neighbours
from pellucid.estimators.fit_data import FitData, are_images, fit_data_of_image_input, is_place
from pellucid.estimators.fit_labels import texts_of
from pellucid.input_kinds import IMAGES
from pellucid.language.sentence import Sentence
from pellucid.networks.text_networks import cell_of
from pellucid.pipeline.judging.novelty_detectors import generator_with_detector
from pellucid.pipeline.learners.network import NetworkLearner, require_enough_images
from pellucid.pipeline.learners.preparation import require_precision
from pellucid.pipeline.run.context import learner_time
from pellucid.settings import GENERATIVE, Settings
from pellucid.training.hardware import choose_threads, pinned


class ImageGenerator(Estimator):
    """Learns to make images like those it is given, of classes where there are labels.

    `fit` takes an array of images, (n, height, width) or (n, height, width, 1 or 3), with or without a label
    each, or a path as the command `train` does; a folder without class folders is data too. The other methods
    take arrays, an image, a folder of images or a list of images. From 1,000 different training images on a
    tenth is set aside for validation. The same input and seed give, on the same kind of processor, the same
    model.

    {parameters}

    Attributes:
        classes_: the classes, sorted, of the type that `y` had; empty without labels, texts after
            `pellucid.load`.
        history_: one record for each epoch: losses, terms of the bound, learning rate, seconds.
        model_: the trained model.

    Examples:
        >>> from sklearn.datasets import load_digits
        >>> from pellucid import ImageGenerator
        >>> digits = load_digits()
        >>> generator = ImageGenerator(epochs=2, width=8, threads=1).fit(digits.images, digits.target)
        >>> generator.sample(5, label=3).shape
        (5, 8, 8)
        >>> generator.transform(digits.images[:7]).shape
        (7, 16)
    """  # noqa: DOC601, DOC602, DOC603  attributes that fit sets

    KIND = IMAGES
    PARAMETERS = OF_GENERATORS
    MODELS = GENERATIVE
    model_: Generator  # the one kind that it trains

    def fit(self, X: Any, y: Any = None) -> "ImageGenerator":
        """Train one model from scratch.

        Args:
            X: images or a path, in any of the forms above.
            y: one label for each image, or none; none for a path.

        Returns:
            The generator itself.

        Raises:
            UsageError: a parameter is unfit or contradicts the data.
            DataError: the data cannot be used as it is, or is too little.
            DivergedError: the loss stopped being finite.
        """
        began = time.monotonic()
        settings = self._settings()
        if settings.model not in GENERATIVE:
            raise UsageError("model: {model} makes no images; choose vae or gan", settings.model)
        progress = FitProgress(self.verbose)
        with progress.shown():
            with progress.stage("reading and checking the data", "read and checked the data"):
                data = self._fit_data(X, y, settings)
            require_enough_images(settings, len(data.material.train), "X")
            require_precision(settings, cell_of(settings))
            threads = choose_threads(settings)
            with advice_about_neighbours(threads), pinned(threads):
                learner = NetworkLearner(settings, observers=progress.observers)
                with progress.stage(
                    Sentence("training {name}", learner.name), Sentence("trained {name}", learner.name)
                ):
                    (fitted,) = learner.fit(data.material, learner_time(settings, began))
                assert isinstance(fitted.model, Generator)  # settings ask for one
                with progress.stage("fitting the novelty detector", "fitted the novelty detector"):
                    model = generator_with_detector(fitted.model, data.material, settings.seed)
        self._take(model, data.classes if len(data.classes) else np.array(model.classes))
        self.history_ = [dict(record) for record in fitted.history]
        return self

    def sample(
        self, n_samples: int = 1, label: Any = None, seed: int | None = None
    ) -> UInt8[np.ndarray, "n_samples height width ..."]:
        """Make images of the size that was learnt.

        Args:
            n_samples: how many.
            label: class of all of them; by default the classes take turns.
            seed: of the draws; by default the parameter `seed`.

        Returns:
            Grey levels, (n_samples, height, width) of grey images, with channels behind of colour images.

        Raises:
            UsageError: the number is below 1, or the class is not known.
        """
        check_is_fitted(self)
        if n_samples < 1:
            raise UsageError("n_samples: {n_samples} is below 1", n_samples)
        codes = self.model_.turns(n_samples)
        if label is not None:
            codes = np.full(n_samples, self._code(label), np.int64)
        images = self.model_.sample(codes, self.seed if seed is None else seed)
        return images[..., 0] if images.shape[3] == 1 else images

    def reconstruct(self, X: Any) -> UInt8[np.ndarray, "examples height width ..."]:
        """Rebuild images from their latent variables, each as of its likeliest class, as `sample` gives them.

        Raises: `DataError` if an image cannot be read or does not fit what was learnt, or the generator
        rebuilds nothing.
        """
        model, pixels = self._autoencoder(), self._inputs(X)
        images = model.reconstruct(pixels, model.likeliest(pixels))
        return images[..., 0] if images.shape[3] == 1 else images

    def novelty(self, X: Any) -> Float64[np.ndarray, " examples"]:
        """How odd each image is: the share, 0 to 1, of images held out from training that look less odd.

        Raises: `DataError` if an image cannot be read or does not fit what was learnt, or the generator has
        no encoder, or no images were set aside for validation when it was trained.
        """
        check_is_fitted(self)
        if self.model_.detector is None:
            raise DataError(
                "model: it cannot tell what is odd; train one with an encoder on 1,000 images or more, so "
                "that some are set aside for validation"
            )
        return self.model_.detector.novelty(self.model_.seen(self._inputs(X)))

    def score(self, X: Any, y: Any = None) -> float:
        """Mean evidence lower bound of images, in nats; larger is better.

        Without labels `y` each counts as of its likeliest class.

        Raises: `UsageError` if a label is not known; `DataError` if an image cannot be read or does not fit
        what was learnt, or the generator has no bound.
        """
        model, pixels = self._autoencoder(), self._inputs(X)
        codes = (
            model.likeliest(pixels)
            if y is None
            else np.array([self._code(label) for label in np.asarray(y)], np.int64)
        )
        return float(-model.bound(pixels, codes, self.seed).total.mean())

    def _take(self, model: Model, classes: np.ndarray) -> None:
        super()._take(model, classes)
        self.classes_ = classes

    def _code(self, label: Any) -> int:
        """Position of a class in the model."""
        name = texts_of(np.array([label]))[0]
        if name not in self.model_.classes:
            raise UsageError(
                "label: {label!r} is not known; classes are {classes}", label, list(self.model_.classes)
            )
        return self.model_.classes.index(name)

    def _autoencoder(self) -> AutoencoderModel:
        check_is_fitted(self)
        if not isinstance(self.model_, AutoencoderModel):
            raise DataError("model: this generator has no latent variables of images")
        return self.model_

    def _fit_data(self, X: Any, y: Any, settings: Settings) -> FitData:
        """Examples, and labels where there are some, in any of the forms that `fit` takes, checked."""
        if not is_place(X) and not are_images(X):
            raise DataError(
                "X: ImageGenerator takes images, (n, height, width) or (n, height, width, channels), or a "
                "path, but was given {name} of shape {X}",
                type(X).__name__,
                np.shape(X),
            )
        return fit_data_of_image_input(self, X, y, settings)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        return tags
