"""Generators as models: autoencoders and adversarial networks that make images."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import NamedTuple, NoReturn, TypeVar

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64, UInt8
from torch import Tensor, nn

from pellucid.arithmetic.draws import Purpose, generator, torch_seed
from pellucid.bundle.model import Inputs, Model, finite_answers, require_images
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.errors import DataError
from pellucid.input_kinds import IMAGES
from pellucid.language.sentence import Sentence
from pellucid.networks import Adversarial, Autoencoder, Network
from pellucid.networks.costs import hidden_units, rows_at_once
from pellucid.novelty import FeatureKind
from pellucid.pieces import in_pieces
from pellucid.targets import GENERATION

_BLOCK = 256

Found = TypeVar("Found")


class Generator(Model):
    """A model that makes images: uint8 (count, height, width, channels), of the size it was trained on.

    There are no `classes` where images had no labels. A `ValueError` where the network has more or
    fewer classes. A detector takes nothing, unless there is an encoder.
    """

    input_kind = IMAGES
    target = GENERATION
    network: Network
    preprocessing: Preprocessing
    shape: tuple[int, int, int]  # height, width and channels of every image
    sort_seen: FeatureKind = "layer"

    def __init__(self, network: Network, preprocessing: Preprocessing, classes: Sequence[str]) -> None:
        if network.config.conditions != max(1, len(classes)):
            raise ValueError(
                Sentence(
                    "the network distinguishes {conditions} classes, and {classes} are named",
                    network.config.conditions,
                    len(classes),
                )
            )
        self.network = network.eval()
        self.sees_through = network
        self.preprocessing = preprocessing
        self.shape = preprocessing.height, preprocessing.width, preprocessing.channels
        self.classes = tuple(classes)
        self.temperature = 1.0

    @property
    def name(self) -> str:
        """The network's family."""
        return self.network.name

    @property
    def parameters(self) -> int:
        """Weights and biases that were learnt."""
        return sum(each.numel() for each in self.network.parameters() if each.requires_grad)

    @abstractmethod
    def sample(
        self, labels: Int64[np.ndarray, " count"], seed: int
    ) -> UInt8[np.ndarray, "count height width channels"]:
        """Make an image of each label; the same seed gives the same images, fewer labels the first of them.

        Labels are positions in `classes`; all 0 where there are none.

        Raises: `ModelFileError` if a grey level is not finite.
        """

    def turns(self, count: int) -> Int64[np.ndarray, " count"]:
        """Labels of so many images, the classes in turn."""
        return np.arange(count, dtype=np.int64) % max(1, len(self.classes))

    def seen(self, inputs: Inputs) -> Float32[np.ndarray, "examples hidden"]:
        """The values of `transform`."""
        return self.transform(inputs)

    def answer(self, inputs: Inputs) -> NoReturn:
        """Nothing: a `DataError`."""
        raise DataError("model: it makes images and predicts nothing about them; use sample")

    predict_proba = predict_values = _answers = answer

    def _images(
        self,
        make: Callable[[Tensor, Tensor], Tensor],
        rows: Float32[np.ndarray, "count latent"],
        labels: Int64[np.ndarray, " count"],
    ) -> UInt8[np.ndarray, "count height width channels"]:
        """Decode in blocks, the last filled up, so that no image depends on how many are made."""
        images = np.empty((len(rows), *self.shape), np.uint8)
        size = rows_at_once(self.network.config, _BLOCK)

        @torch.inference_mode()
        def decode(start: int) -> None:
            part = rows[start : start + size]
            missing = size - len(part)
            block = torch.from_numpy(np.pad(part, ((0, missing), (0, 0))))
            codes = torch.from_numpy(np.pad(labels[start : start + size], (0, missing)))
            made = finite_answers(make(block, codes)).clamp(0, 255).round().to(torch.uint8)
            images[start : start + size] = made.permute(0, 2, 3, 1).numpy()[: len(part)]

        in_pieces(decode, range(0, len(rows), size))
        return images

    def _blocks(self, images: int) -> list[slice]:
        """Blocks in which the network takes so many images."""
        size = rows_at_once(self.network.config, _BLOCK)
        return [slice(start, min(start + size, images)) for start in range(0, images, size)]

    def _of_blocks(self, images: Inputs, ask: Callable[[Tensor, slice], Found]) -> list[Found]:
        """What `ask` gives for each block, of images as the network takes them and of which they are.

        Raises: `DataError` if the inputs are of another form.
        """
        pixels = require_images(images, self.preprocessing)

        @torch.inference_mode()
        def asked(rows: slice) -> Found:
            block = np.array(pixels[rows], order="C")  # a copy: torch warns of arrays that are read alone
            return ask(torch.from_numpy(block).permute(0, 3, 1, 2).float(), rows)

        return in_pieces(asked, self._blocks(len(pixels)))


class Bound(NamedTuple):
    """Evidence lower bound of each of some images, in its two terms, in nats.

    `reconstruction` is minus the logarithm of the probability of the grey levels, given the latent variables;
    `divergence` is from the prior of the image's class.
    """

    reconstruction: Float64[np.ndarray, " examples"]
    divergence: Float64[np.ndarray, " examples"]

    @property
    def total(self) -> Float64[np.ndarray, " examples"]:
        """Minus the bound."""
        total: Float64[np.ndarray, " examples"] = self.reconstruction + self.divergence
        return total


class AutoencoderModel(Generator):
    """A variational autoencoder that makes images, reconstructs them and says how likely they are.

    A detector takes the encoder's last hidden layer: a description of the image, whose length matters as
    much as its direction.
    """

    network: Autoencoder
    sort_seen = "image"

    @property
    def columns_seen(self) -> int:
        """Values of the encoder's last hidden layer."""
        assert isinstance(self.network.head, nn.Linear)  # every encoder ends in one
        return self.network.head.in_features

    def seen(self, inputs: Inputs) -> Float32[np.ndarray, "examples hidden"]:
        """The encoder's last hidden layer, before it is pressed into latent variables."""
        network = self.network
        found = self._of_blocks(inputs, lambda block, _: network.body(network.standardise(block)))
        values: Float32[np.ndarray, "examples hidden"] = torch.cat(
            [torch.zeros(0, self.columns_seen), *found]
        ).numpy()
        return values

    def sample(
        self, labels: Int64[np.ndarray, " count"], seed: int
    ) -> UInt8[np.ndarray, "count height width channels"]:
        """Make images as `Generator.sample`: latent variables from the prior of each class, decoded."""
        draws = generator(seed, Purpose.GENERATED)
        noise = draws.standard_normal((len(labels), self.network.latent), dtype=np.float32)
        places = generator(seed, Purpose.GENERATED, 1).random(len(labels), dtype=np.float32)
        codes = torch.from_numpy(labels)
        with torch.inference_mode():
            latent = self.network.prior.drawn(codes, torch.from_numpy(places), torch.from_numpy(noise))
        return self.decode(latent.numpy(), labels)

    @torch.inference_mode()
    def likeliest(self, images: Inputs) -> Int64[np.ndarray, " examples"]:
        """Class under whose prior the latent means of each image are likeliest."""
        means = torch.from_numpy(self.transform(images))
        codes: Int64[np.ndarray, " examples"] = self.network.prior(means).numpy()
        return codes

    def decode(
        self, latent: Float32[np.ndarray, "count latent"], labels: Int64[np.ndarray, " count"]
    ) -> UInt8[np.ndarray, "count height width channels"]:
        """Images of latent variables and classes."""
        return self._images(self.network.decode, latent, labels)

    def walk(
        self, ends: UInt8[np.ndarray, "2 height width channels"], labels: Int64[np.ndarray, " 2"], steps: int
    ) -> UInt8[np.ndarray, "steps height width channels"]:
        """Images on the straight way between the latent variables, and the classes, of two images."""
        way = np.linspace(0.0, 1.0, steps, dtype=np.float32)[:, None]
        first, last = self.transform(ends)
        shares = np.eye(self.network.config.conditions, dtype=np.float32)[labels]
        mixed = torch.from_numpy((1 - way) * shares[0] + way * shares[1])
        return self._images(
            lambda block, codes: self.network.decode_between(block, mixed[codes]),
            (1 - way) * first + way * last,
            np.arange(steps, dtype=np.int64),
        )

    def reconstruct(
        self, images: Inputs, labels: Int64[np.ndarray, " examples"]
    ) -> UInt8[np.ndarray, "examples height width channels"]:
        """Images rebuilt from their latent means; a `DataError` of inputs of another form."""
        return self.decode(self.transform(images), labels)

    def transform(self, inputs: Inputs) -> Float32[np.ndarray, "examples latent"]:
        """Means of the latent variables of each image, as `Model.transform`."""
        return self.posteriors(inputs)[0]

    def posteriors(
        self, inputs: Inputs
    ) -> tuple[Float32[np.ndarray, "examples latent"], Float32[np.ndarray, "examples latent"]]:
        """Means and variances of the latent variables of each image; a `DataError` as for `transform`."""
        found = self._of_blocks(inputs, lambda block, _: self.network.posterior(block))
        none = torch.zeros(0, self.network.latent)
        means = finite_answers(torch.cat([none, *(block.means for block in found)]))
        return means.numpy(), torch.cat([none, *(block.log_variances.exp() for block in found)]).numpy()

    @staticmethod
    def draws_of_bound(seed: int) -> torch.Generator:
        """Generator of the noise that the bound is taken with, a row for each image."""
        return torch.Generator().manual_seed(torch_seed(seed, Purpose.BOUND))

    def bound(self, images: Inputs, labels: Int64[np.ndarray, " examples"], seed: int) -> Bound:
        """Evidence lower bound of images with their classes, the latent variables drawn by a seed.

        Raises: `DataError` if the inputs are of another form.
        """
        draws, network = self.draws_of_bound(seed), self.network
        noise = {
            rows.start: torch.randn(rows.stop - rows.start, network.latent, generator=draws)
            for rows in self._blocks(len(images))
        }

        def terms(block: Tensor, rows: slice) -> list[np.ndarray]:
            codes = torch.from_numpy(np.ascontiguousarray(labels[rows]))
            return [term.double().numpy() for term in network.terms(block, codes, noise[rows.start])]

        found = [[np.zeros(0)] * 2, *self._of_blocks(images, terms)]
        return Bound(*(np.concatenate(term) for term in zip(*found, strict=True)))


class AdversarialModel(Generator):
    """A generative adversarial network, whose averaged generator makes images."""

    network: Adversarial

    def sample(
        self, labels: Int64[np.ndarray, " count"], seed: int
    ) -> UInt8[np.ndarray, "count height width channels"]:
        """Make images as `Generator.sample`, of noise."""
        return self._images(self.network.made, self.noise(len(labels), seed), labels)

    def noise(self, count: int, seed: int) -> Float32[np.ndarray, "count latent"]:
        """Noise that so many images are made of; less of it is the beginning of more."""
        draws = generator(seed, Purpose.NOISE)
        return draws.standard_normal((count, self.network.latent), dtype=np.float32)

    def transform(self, inputs: Inputs) -> Float32[np.ndarray, "examples hidden"]:
        """The discriminator's last hidden layer, as `Model.transform`."""
        rows = self._of_blocks(inputs, lambda block, _: finite_answers(self.network.features(block)).numpy())
        return np.concatenate([np.zeros((0, hidden_units(self.network.config)), np.float32), *rows])

    def scores(
        self, images: Inputs, labels: Int64[np.ndarray, " examples"]
    ) -> Float64[np.ndarray, " examples"]:
        """The discriminator's score of each image as one of its class: above 0 it takes it for a real one.

        Raises: `DataError` if the inputs are of another form.
        """

        def ask(block: Tensor, rows: slice) -> np.ndarray:
            codes = torch.from_numpy(np.ascontiguousarray(labels[rows]))
            return self.network.scores(block, codes).double().numpy()

        return np.concatenate([np.zeros(0), *self._of_blocks(images, ask)])
