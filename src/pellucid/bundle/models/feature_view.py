"""Feature views: from inputs to the features of a classical model."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32

from pellucid.bundle.checks import Inputs, require_agreement, require_images, require_texts, require_vectors
from pellucid.bundle.models.answering import answer_in_batches, blocks
from pellucid.bundle.models.answering_texts import answer_texts, text_blocks
from pellucid.classical import FEATURES, HIDDEN, TF_IDF, VALUES, extract, feature_length
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.encoding import Encoder
from pellucid.encoding.ngrams.tfidf import Tfidf
from pellucid.networks import Network
from pellucid.networks.costs import hidden_units
from pellucid.novelty import Sort
from pellucid.tasks import IMAGES, TEXTS, InputKind
from pellucid.tasks import VALUES as VECTORS

MOST_EXAMPLES = 1024


@dataclass(frozen=True, eq=False, kw_only=True)
class FeatureView:
    """From inputs to the features that a predictor takes.

    Attributes:
        kind: `pixels` or `hog` of images, `values` of vectors, `tf-idf` of texts, or `network`, the
            last hidden layer of `network`.
        preprocessing: how an image of any size becomes pixels; `None` where none are taken.
        network: the network it looks through, or `None`.
        tfidf: from texts to the weights of their words, or `None`.
        encoder: from texts to the ids of `network`, or `None`.
    """

    kind: str
    preprocessing: Preprocessing | None
    network: Network | None
    tfidf: Tfidf | None
    encoder: Encoder | None

    @property
    def input_kind(self) -> InputKind:
        """Kind of the inputs: images, texts or feature vectors."""
        if self.kind == TF_IDF or self.encoder is not None:
            return TEXTS
        return VECTORS if self.preprocessing is None else IMAGES

    @property
    def sort(self) -> Sort:
        """Sort of the features: a hidden layer, a description of images, or numbers as they were given."""
        if self.network is not None:
            return "layer"
        return "values" if self.preprocessing is None else "image"

    def checked(self, inputs: Inputs, length: int) -> Inputs:
        """Refuse inputs of another form; the same come back.

        `length` is the numbers in a feature vector, 0 where any will do.

        Raises: `DataError` with what was found and what is expected.
        """
        if self.input_kind is TEXTS:
            return require_texts(inputs)
        if self.preprocessing is None:
            return require_vectors(inputs, length)
        return require_images(inputs, self.preprocessing)

    def blocks(self, inputs: Inputs) -> Iterator[Inputs]:
        """Take checked inputs, perhaps a memory map, in blocks of consecutive ones."""
        if isinstance(inputs, np.ndarray):
            yield from blocks(inputs, MOST_EXAMPLES)
        else:
            yield from text_blocks(inputs)

    def features(self, inputs: Inputs) -> Any:
        """Features that the predictor takes, of as many inputs as one block holds.

        One row for each: an array, or the sparse rows of TF-IDF.
        """
        if self.network is not None:
            return self.hidden(self.network, inputs)
        if isinstance(inputs, np.ndarray):
            return extract(self.kind, inputs)
        if self.tfidf is None:
            return np.zeros((len(inputs), 0), np.float32)
        return self.tfidf.transform(inputs)

    def hidden(self, network: Network, inputs: Inputs) -> Float32[np.ndarray, "examples hidden"]:
        """Last hidden layer of `network`, the one it looks through: one row for each input."""
        if isinstance(inputs, np.ndarray):
            return answer_in_batches(network, inputs, network.features)
        assert self.encoder is not None  # texts and a network
        return answer_texts(network, self.encoder, inputs, network.features)

    def size(self) -> int:
        """Number of features, once the parts were found to fit each other; 0 where any may come.

        Raises: `ValueError` with what contradicts what.
        """
        if (self.kind == HIDDEN) != (self.network is not None):
            raise ValueError(f"features {self.kind!r} and a network: one without the other")
        if self.input_kind is TEXTS:
            return self._size_of_texts()
        if self.tfidf is not None:
            raise ValueError(f"features {self.kind!r} and TF-IDF: one without the other")
        image = self.preprocessing
        if self.network is not None:
            takes = self.network.config.input_shape
            made = None if image is None else (image.channels, image.height, image.width)
            if self.network.config.vocabulary or made != (None if len(takes) == 1 else takes):
                raise ValueError(f"the network takes {takes}, but preprocessing makes {made}")
            return hidden_units(self.network.config)
        if image is None:
            if self.kind != VALUES:
                raise ValueError(f"features {self.kind!r} are not made of feature vectors")
            return 0
        if self.kind not in FEATURES:
            raise ValueError(f"features {self.kind[:40]!r} are not made of images")
        return feature_length(self.kind, (image.height, image.width, image.channels))

    def _size_of_texts(self) -> int:
        """Count the features of texts.

        Raises: `ValueError` with what contradicts what.
        """
        if self.preprocessing is not None:
            raise ValueError(f"features {self.kind!r} of texts, but preprocessing makes images")
        if self.network is None:
            if self.encoder is not None:
                raise ValueError(f"features {self.kind!r} and tokens: one without the other")
            return 0 if self.tfidf is None else self.tfidf.features
        if self.encoder is None or self.tfidf is not None:
            raise ValueError(f"features {self.kind!r} of texts need tokens, and nothing else")
        require_agreement(self.network.config, self.encoder)
        return hidden_units(self.network.config)
