"""Texts as a kind of input of pages: how a model reads them, and which models a page can answer for."""

import dataclasses
from typing import Any

import numpy as np

from pellucid.bundle import ClassicalModel, Model, TextModel
from pellucid.classical import Predictor
from pellucid.data.listing import Listing
from pellucid.data.tables.headers import LABEL_NAMES, LESSER_TEXT_NAMES, TEXT_NAMES
from pellucid.export.app.encoders import told_encoder, told_terms
from pellucid.export.app.tensors import Tensors
from pellucid.insight.layers.opened import Opened
from pellucid.insight.layers.opening import open_network

PREDICTOR, TERMS = "predictor.", "terms."
"""Prefixes of the arrays of a classical model, and of the weights of its n-grams, among the tensors."""

_NETWORKS = ("bag", "text-cnn", "rnn", "sentence-encoder")
ROOMS = {
    "inputs/texts/encoding": (
        *("bytes", "characters", "alignment", "words", "tokens"),
        *("subwords", "ngrams", "terms", "pieces", "encoder"),
    ),
    "inputs/texts/classical": ("kernel", "predictors", "nearness"),
    "inputs/texts/layers": ("products", "sliding", "recurring", "attending", "sums", "places", "kinds"),
    "inputs/texts/model": ("lengths", "reading", "answering", "driving"),
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
    opened = open_network(model.network, np.ones((1, min(3, model.encoder.length)), np.int64))
    return opened if isinstance(model, TextModel) else _without_head(opened)


def _without_head(opened: Opened) -> Opened:
    """Layers up to the last hidden one, which a classical model takes."""
    lines = tuple(line for line in opened.lines if line.name.split(".")[0] != "head")
    return dataclasses.replace(opened, lines=lines, output=lines[-1].name)


def text_facts(model: Model, tensors: Tensors) -> dict[str, Any]:
    """How texts are read, of the form `TextFacts` in the script's types."""
    assert isinstance(model, (TextModel, ClassicalModel))  # there is no other of texts
    predictor = model.predictor if isinstance(model, ClassicalModel) else None
    terms = model.tfidf if isinstance(model, ClassicalModel) else None
    if predictor is not None:
        exactly = predictor.kind != "linear"
        tensors.add_all(predictor.arrays(), PREDICTOR, exactly=exactly)
    if terms is not None:
        tensors.add_all(terms.arrays(), TERMS)
    return {
        "encoder": None if model.encoder is None else told_encoder(model.encoder),
        "terms": None if terms is None else told_terms(terms),
        "predictor": None if predictor is None else _told_predictor(predictor),
        "columns": {
            "texts": [*TEXT_NAMES, *LESSER_TEXT_NAMES],
            "labels": [*LABEL_NAMES],
            "joined": [*model.joined_columns],
        },
    }


def original_text(model: Model, listing: Listing, row: int) -> dict[str, str]:
    """A held-out text as it stands in its file."""
    assert listing.texts is not None  # a listing of texts has them
    return {"text": listing.texts[row]}


def _told_predictor(predictor: Predictor) -> dict[str, Any]:
    return {"kind": predictor.kind, "outputs": predictor.outputs, "number": predictor.number}
