"""Exports of small models for tests, each made once: the exporter takes seconds."""

import functools
import importlib
from collections.abc import Callable

import pytest

import made_once
from every_model import AVERAGES, MODELS, average
from models_with_detectors import with_detector
from pellucid.bundle import AverageMember, AverageModel, Model
from pellucid.export.export import finished, metadata_of
from pellucid.export.onnx_graph import graph_of
from pellucid.runtime.exported import ExportedModel, opened
from small_models import label_model, number_model, untrained_model
from text_models import text_model

for library in ("onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(library)  # whatever asks for exports is skipped without them

WITH_NOVELTY: dict[str, Callable[[], Model]] = {
    "cnn, mirrored": lambda: with_detector(untrained_model(mirror=True)).at(1.7),
    "svm, with detector": lambda: with_detector(MODELS["svm"]()).at(0.8),
    "logistic-regression of texts, with detector": lambda: with_detector(
        MODELS["logistic-regression of texts"]()
    ).at(2.0),
    "rnn of lstm": lambda: text_model("rnn", cell="lstm", depth=2),
    "text-cnn of unigram pieces": lambda: text_model("text-cnn", tokens="unigram"),
    "lenet of numbers": lambda: number_model("lenet"),
    "cnn of labels, mirrored": lambda: with_detector(label_model(mirror=True)).at(1.7),
    "random-forest of labels, at a temperature": lambda: MODELS["random-forest of labels"]().at(0.8),
    "average of labels, at a temperature": lambda: with_detector(AVERAGES["average of labels"]()).at(0.6),
    "average of a network, models on it and another": lambda: with_detector(
        AverageModel(
            [
                AverageMember("svm-on-cnn", 3, MODELS["svm-on-cnn"]().at(1.3)),
                AverageMember("cnn", 2, untrained_model(mirror=True).at(1.7)),
                AverageMember("logistic-regression-on-cnn", 2, MODELS["logistic-regression-on-cnn"]()),
                AverageMember("svm", 1, MODELS["svm"]()),
            ],
            temperature=0.7,
        )
    ),
    "average of texts that are read in three ways": lambda: with_detector(
        average(
            {"logistic-regression of texts": 3, "random-forest of texts": 2, "bag": 2, "majority of texts": 1}
        )
    ).at(0.8),
}
EVERY = WITH_NOVELTY | MODELS | AVERAGES
QUICK = (
    "cnn, mirrored", "svm, with detector", "logistic-regression of texts, with detector", "rnn", "bag",
    "average of texts that are read in three ways", "cnn of labels, mirrored", "svm of texts, of labels",
)  # fmt: skip
"""Of every kind of graph one, for the default run."""


@functools.cache
def look_operators_up_once() -> None:
    """Keep torch's table of operators, which the exporter makes anew for each file in a third of its time."""
    table = importlib.import_module("torch.onnx._internal.exporter._registration").ONNXRegistry
    table.from_torchlib = staticmethod(functools.cache(table.from_torchlib))


@functools.cache
def content_of(name: str) -> bytes:
    """The file of a model."""

    def made() -> bytes:
        look_operators_up_once()
        model = EVERY[name]()
        return finished(graph_of(model), metadata_of(model, name))

    return made_once.content(f"export of {name}", made)


@functools.cache
def exported(name: str) -> ExportedModel:
    """A model out of its file."""
    return opened(content_of(name), f"{name}.onnx", 1)
