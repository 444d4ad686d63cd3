"""Pages of texts answer as their models do: every network layer by layer, every classical model by its numbers."""

import functools
from typing import Any

import numpy as np
import pytest

from export.app.node import Node
from pellucid.bundle import ClassicalModel, Model
from pellucid.encoding.ngrams.encoder import Shape
from pellucid.encoding.ngrams.tfidf_fitting import fit_tfidf
from pellucid.data.texts.store import Texts
from pellucid.export.app.facts import app_facts
from pellucid.export.app.kinds import KINDS
from pellucid.export.app.tensors import Tensors
from pellucid.export.export import metadata_of
from pellucid.insight.explaining import with_probabilities
from pellucid.insight.explanation import Explanation
from pellucid.insight.layers.opening import open_network
from pellucid.insight.layers.records import layer_records
from pellucid.reports.explain.describing import described
from pellucid.reports.explain.packing import Packed
from text_models import text_model, texts

READ = """
globalThis.document = { getElementById: (id) => ({ textContent: given.documents[id] }) };
Object.defineProperty(globalThis, "navigator", { value: { language: "en" }, configurable: true });
const { keep } = await import("./pellucid/reports/explain/script/data/stored.js");
const { wholeOf } = await import("./pellucid/reports/explain/script/data/arrays.js");
const folder = "./pellucid/export/app/script/inputs/texts";
const { answeredText } = await import(`${folder}/model/answering.js`);
const { readText } = await import(`${folder}/model/reading.js`);
for (const [name, [shape, numbers]] of Object.entries(given.arrays)) keep(name, wholeOf(shape, Float32Array.from(numbers)));
return given.texts.map((text) => {
  const { said, novelty, values } = answeredText(readText(text));
  return { said, novelty, values: [...values].map(([name, { shape, data }]) => [name, shape, Array.from(data)]) };
});
"""


class Recorder(Tensors):
    """Tensors as they are, for a script that is asked without a page."""

    def __init__(self) -> None:
        super().__init__()
        self.arrays: dict[str, Any] = {}

    def add(self, name: str, array: np.ndarray, *, exactly: bool = False) -> None:
        """Keep an array as numbers of JSON."""
        self.arrays[name] = [list(array.shape), np.asarray(array, np.float64).ravel().tolist()]
        super().add(name, array, exactly=exactly)


"""
"""


def answered_by_script(node: Node, model: Model, asked: list[str]) -> list[dict[str, Any]]:
    """What a page's script says of texts, with weights in single precision."""
    import json

    kind, tensors = KINDS["texts"], Recorder()
    opened = kind.opened(model)
    facts = app_facts(model, kind, metadata_of(model, "model"), opened, tensors)
    told: dict[str, Any] = {"layers": [], "places": {}}
    if opened is not None:
        if isinstance(model, ClassicalModel):
            shown = opened
        else:
            shown = with_probabilities(opened, model.temperature) if model.classes else opened
        explanation = Explanation(
            model="model",
            classes=model.classes,
            answer=np.zeros(1),
            target=None,
            inputs="",
            opened=shown,
            layers=layer_records(shown),
        )
        told = described(explanation, Packed())
    documents = {"told": json.dumps(told), "app": json.dumps(facts)}
    return node.run("", READ, {"documents": documents, "arrays": tensors.arrays, "texts": asked})
