"""Kinds of input that a page can take: images and texts, and what each of them needs in Python."""

import base64
import copy
import io
from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from torch import nn

from pellucid.bundle import ClassicalModel, ImageModel, Model, TextModel
from pellucid.data.data_files import Stored
from pellucid.data.listing import Listing
from pellucid.export.app.page_data import Tensors, encoder_page_data, terms_page_data, without_head
from pellucid.export.app.shell import text_columns
from pellucid.insight.opened_networks import Opened, layered, open_network
from pellucid.insight.reference_lines import CLOSED, taken_apart
from pellucid.insight.unfolded_layers import KnownWords
from pellucid.language.sentence import Sentence, join
from pellucid.networks import Network
from pellucid.networks.text_layers import MeanAndMax
from pellucid.reference import LAYERS

# Texts as a kind of input of pages: how a model reads them, and which models a page can answer for.

_WORD_VECTORS = "word-vectors"
_NETWORKS = ("bag", "text-cnn", "rnn", "transformer", "sentence-encoder", "ngram-encoder", _WORD_VECTORS)
# Parts of a formula that hold for one length of a text, by the letter of its places, the length and the last.
_OF_LENGTH = (
    "{at} < {length}",
    r"\frac{{1}}{{{length}}}",
    r"\sqrt{{{length}}}",
    "{at}=0}}^{{{last}}}",
    "x_{{{last} - {at}",
)


def refusal_of_texts(model: Model) -> str:
    """Why a page cannot answer for a model of texts, as a sentence without its end; empty where it can."""
    assert isinstance(model, (TextModel, ClassicalModel))  # there is no other of texts
    if model.network is not None and model.network.config.name not in _NETWORKS:
        below = model.network.config.name
        whose = (
            "its layers are of a kind"
            if isinstance(model, TextModel)
            else Sentence("it is built on {below}", below)
        )
        return Sentence("pages do not compute {name}, since {whose} that they lack", model.name, whose)
    return ""


def opened_on_text(model: Model) -> Opened | None:
    """The network opened on a short text; its layers have as many places as a text has ids."""
    assert isinstance(model, (TextModel, ClassicalModel))  # there is no other of texts
    if model.network is None:
        return None
    assert model.encoder is not None  # a network of texts has one
    ids = np.ones((1, min(3, model.encoder.length)), np.int64)
    opened = open_network(_of_known_words(model.network), ids)
    return opened if isinstance(model, TextModel) else without_head(opened)


def formula_of_text(kind: str, formula: str, opened: Opened) -> str:
    """Formula of a kind of layer for texts of any length T: pages answer for all of them."""
    letter, length = LAYERS[kind].letter, opened.values["inputs"].shape[1]
    for part in _OF_LENGTH if letter else ():
        own = part.format(at=letter, length=length, last=length - 1)
        formula = formula.replace(own, part.format(at=letter, length="T", last="T - 1"))
    return formula


def _of_known_words(network: Network) -> Network:
    """The network as pages compute it: mean and maximum of known words' vectors, layer by layer."""
    if network.config.name != _WORD_VECTORS:
        return network
    layer = network.body.get_submodule("words")
    assert isinstance(layer, MeanAndMax)  # there is no other
    found = copy.deepcopy(network)
    found.body = nn.Sequential(OrderedDict(words=KnownWords(layer)))
    return found


def text_body(model: Model, tensors: Tensors, number: str) -> dict[str, Any]:
    """Facts of how a model reads texts, of the form `ReaderFacts` in the script's types."""
    assert isinstance(model, (TextModel, ClassicalModel))  # there is no other of texts
    terms = model.tfidf if isinstance(model, ClassicalModel) else None
    if terms is not None:
        tensors.add_all(terms.arrays(), f"terms{number}.")
    return {
        "encoder": None if model.encoder is None else encoder_page_data(model.encoder),
        "knownAlone": model.network is not None and model.network.config.name == _WORD_VECTORS,
        "terms": None if terms is None else {**terms_page_data(terms), "idf": f"terms{number}.idf"},
    }


def original_text(model: Model, listing: Listing, row: int) -> dict[str, str]:
    """A held-out text as it stands in its file."""
    assert listing.texts is not None  # a listing of texts has them
    return {"text": listing.texts[row]}


class AppKind(NamedTuple):
    """A kind of input, as far as pages go.

    Attributes:
        refusal: why a model of this kind cannot be a page, as a sentence without its end; empty where it can.
        opened: the model's network opened on a blank input, without its head below a classical model; `None`
            where it has none.
        blank: the input on which it is opened, as explanations hold it.
        formula: formula of a layer by its kind, for inputs of any length, from that for the blank input.
        facts: what the kind's scripts need, as `app.input`.
        body: what they need of how one model sees an input, as `input` of its body; arrays that it speaks of
            join the tensors, their names behind a number where several bodies have such.
        original: a held-out example as the page takes it, by listing and row: JSON for `kind.read`.
        template: in `page/`, the area that takes an input.
        below: another one, for what stands below the answer; empty for nothing.
        nothing: key of what is said before there is an input.
    """

    refusal: Callable[[Model], str]
    opened: Callable[[Model], Opened | None]
    blank: Callable[[Model], Any]
    formula: Callable[[str, str, Opened], str]
    facts: Callable[[Model], dict[str, Any]]
    body: Callable[[Model, Tensors, str], dict[str, Any]]
    original: Callable[[Model, Listing, int], dict[str, str]]
    template: str
    below: str
    nothing: str


def _refusal_of_images(model: Model) -> str:
    assert isinstance(model, (ImageModel, ClassicalModel))  # there is no other of images
    return "" if model.network is None else refusal_of_network(model.network)


def refusal_of_network(network: Network) -> str:
    """Why a page cannot compute a network: a layer without a formula; empty where it can."""
    try:
        lines, _ = taken_apart(layered(network))
    except ValueError as error:
        return Sentence("its network cannot be taken apart into layers ({error})", error)
    closed = sorted({str(line.settings["what"]) for line in lines if line.kind == CLOSED})
    return (
        Sentence("there is no formula for its layers of the kind {closed}", join(", ", closed))
        if closed
        else ""
    )


def _opened_on_black(model: Model) -> Opened | None:
    """The network opened on a black image."""
    assert isinstance(model, (ImageModel, ClassicalModel))  # there is no other of images
    if model.network is None:
        return None
    assert model.preprocessing is not None  # a model of images has one
    image = model.preprocessing
    blank = np.zeros((1, image.channels, image.height, image.width), np.float32)
    opened = open_network(model.network, blank)
    return opened if isinstance(model, ImageModel) else without_head(opened)


def _black_image(model: Model) -> np.ndarray:
    assert model.preprocessing is not None  # a model of images has one
    image = model.preprocessing
    return np.zeros((image.height, image.width, image.channels), np.uint8)


def _image_facts(model: Model) -> dict[str, Any]:
    assert model.preprocessing is not None  # a model of images has one
    image = model.preprocessing
    return {
        "height": image.height,
        "width": image.width,
        "channels": image.channels,
        "stretch": image.stretch,
        "columnsMayBeFirst": columns_may_be_first(),
    }


def _image_body(model: Model, tensors: Tensors, number: str) -> dict[str, Any]:
    """The features that a classical model without a network sees of an image."""
    del tensors, number
    return {
        "features": model.features if isinstance(model, ClassicalModel) and model.network is None else None
    }


@cache
def columns_may_be_first() -> bool:
    """True where this Pillow resamples columns before rows if that leaves it less to do.

    Numbers between both are rounded, so that the order changes a few of them.
    """
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 9), np.uint8))
    lanczos = Image.Resampling.LANCZOS
    columns_first = noise.resize((9, 8), lanczos).resize((8, 8), lanczos)
    return bool(np.array_equal(np.asarray(noise.resize((8, 8), lanczos)), np.asarray(columns_first)))


def _original_image(model: Model, listing: Listing, row: int) -> dict[str, str]:
    """The bytes of the file; of an image that came in an array, a lossless file of the same pixels.

    Raises: `DataError` if an array's image holds no numbers.
    """
    pixels = listing.load_pixels() if listing.load_pixels is not None else listing.pixels
    if pixels is None:
        assert listing.paths is not None
        path = listing.paths[row]
        content = path.content() if isinstance(path, Stored) else path.read_bytes()
    else:
        assert model.preprocessing is not None
        fitted = model.preprocessing.arrays(np.asarray(pixels[row : row + 1]))[0]
        file = io.BytesIO()
        Image.fromarray(fitted[:, :, 0] if fitted.shape[2] == 1 else fitted).save(file, "PNG")
        content = file.getvalue()
    return {"file": base64.b64encode(content).decode("ascii")}


# Every kind of input by the name of its `InputKind`.
KINDS: dict[str, AppKind] = {
    "images": AppKind(
        refusal=_refusal_of_images,
        opened=_opened_on_black,
        blank=_black_image,
        formula=lambda kind, formula, opened: formula,
        facts=_image_facts,
        body=_image_body,
        original=_original_image,
        template="images.html",
        below="",
        nothing="nothingYet",
    ),
    "texts": AppKind(
        refusal=refusal_of_texts,
        opened=opened_on_text,
        blank=lambda model: "",
        formula=formula_of_text,
        facts=lambda model: text_columns(model.joined_columns),
        body=text_body,
        original=original_text,
        template="texts.html",
        below="texts_below.html",
        nothing="nothingTyped",
    ),
}
