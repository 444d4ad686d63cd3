"""Texts as a kind of input of pages: how a model reads them, and which models a page can answer for."""

import copy
from collections import OrderedDict
from typing import Any

import numpy as np
from torch import nn

from pellucid.bundle import ClassicalModel, Model, TextModel
from pellucid.data.listing import Listing
from pellucid.data.tables.headers import LABEL_NAMES, LESSER_TEXT_NAMES, TEXT_NAMES
from pellucid.export.app.classical import without_head
from pellucid.export.app.encoders import told_encoder, told_terms
from pellucid.export.app.tensors import Tensors
from pellucid.insight.layers.known_words import KnownWords
from pellucid.insight.layers.opened import Opened
from pellucid.insight.layers.opening import open_network
from pellucid.networks import Network
from pellucid.networks.layers.mean_and_max import MeanAndMax

_WORD_VECTORS = "word-vectors"
_NETWORKS = ("bag", "text-cnn", "rnn", "sentence-encoder", _WORD_VECTORS)
_PLACES, _LAST = "T", "T - 1"
# Parts of formulas that hold for one length of a text, and what they are for any.
_BY_LENGTH: dict[str, tuple[tuple[str, str], ...]] = {
    "text-max": (("t < {places}", "t < {any}"),),
    "text-average": (
        (r"\frac{{1}}{{{places}}}", r"\frac{{1}}{{{any}}}"),
        ("=0}}^{{{last}}}", "=0}}^{{{any_last}}}"),
    ),
    "turn": (("x_{{{last} - t", "x_{{{any_last} - t"),),
    "attention-weights": (("l=0}}^{{{last}}}", "l=0}}^{{{any_last}}}"),),
    "attention": (("j=0}}^{{{last}}}", "j=0}}^{{{any_last}}}"),),
}

ROOMS = {
    "inputs/texts/encoding": (
        *("bytes", "characters", "alignment", "words", "tokens"),
        *("subwords", "ngrams", "terms", "pieces", "encoder"),
    ),
    "inputs/texts/layers": ("products", "sliding", "recurring", "attending", "sums", "places", "kinds"),
    "inputs/texts/model": ("nearness", "lengths", "reading", "answering", "driving"),
    "inputs/texts/page": ("tables", "shown", "highlight", "terms"),
    "inputs/texts": ("start",),
}


def refusal_of_texts(model: Model) -> str:
    """Why a page cannot answer for a model of texts, as a sentence without its end; empty where it can."""
    assert isinstance(model, (TextModel, ClassicalModel))  # there is no other of texts
    if model.network is not None and model.network.config.name not in _NETWORKS:
        below = model.network.config.name
        whose = "its layers are of a kind" if isinstance(model, TextModel) else f"it stands on {below}"
        return f"pages do not compute {model.name}, since {whose} that they lack"
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
    places = opened.values["inputs"].shape[1]
    numbers = {"places": places, "last": places - 1, "any": _PLACES, "any_last": _LAST}
    for part, general in _BY_LENGTH.get(kind, ()):
        formula = formula.replace(part.format(**numbers), general.format(**numbers))
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


def text_facts(model: Model) -> dict[str, Any]:
    """Facts of texts in tables, of the form `TextFacts` in the script's types."""
    return {
        "columns": {
            "texts": [*TEXT_NAMES, *LESSER_TEXT_NAMES],
            "labels": [*LABEL_NAMES],
            "joined": [*model.joined_columns],
        },
    }


def text_body(model: Model, tensors: Tensors, number: str) -> dict[str, Any]:
    """Facts of how a model reads texts, of the form `ReaderFacts` in the script's types."""
    assert isinstance(model, (TextModel, ClassicalModel))  # there is no other of texts
    terms = model.tfidf if isinstance(model, ClassicalModel) else None
    if terms is not None:
        tensors.add_all(terms.arrays(), f"terms{number}.")
    return {
        "encoder": None if model.encoder is None else told_encoder(model.encoder),
        "knownAlone": model.network is not None and model.network.config.name == _WORD_VECTORS,
        "terms": None if terms is None else {**told_terms(terms), "idf": f"terms{number}.idf"},
    }


def original_text(model: Model, listing: Listing, row: int) -> dict[str, str]:
    """A held-out text as it stands in its file."""
    assert listing.texts is not None  # a listing of texts has them
    return {"text": listing.texts[row]}
