"""What pages decide by the kind of answer, under node, equals what targets decide in Python."""

from typing import Any

import numpy as np
import pytest

from export.app.node import Node
from pellucid.targets import CLASSIFICATION, MULTILABEL, TARGETS, Target

NAMES = ["ant", "bee", "cat"]
THRESHOLD = {"ant": 0.2, "bee": 0.7, "cat": 0.5}
OUTPUTS = np.random.default_rng(4).normal(scale=2, size=(20, 3))

DECIDED = """
const texts = { app: JSON.stringify(given.app), "page-data": '{"layers": []}' };
const getElementById = (id) => ({ textContent: texts[id] });
Object.assign(globalThis, { document: { getElementById, documentElement: { lang: "en" } } });
const { decision, labelOf } = await import("./pellucid/export/app/script/decision.js");
return given.outputs.map((outputs) => {
  const said = decision.said(Float64Array.from(outputs), 1);
  return {
    said,
    tempered: decision.tempered(said, 1.7),
    scored: decision.columns(decision.scored(outputs, [0, 1, 2].slice(0, outputs.length), outputs.length)),
    decided: decision.decided(said),
    explained: decision.explained(said),
    label: labelOf(said),
    probability: decision.probability?.(said) ?? null,
    sorted: decision.sorted(said),
    text: decision.text(said),
  };
});
"""


def decided(
    node: Node, target: Target, outputs: np.ndarray, least: list[float | None], names: list[str]
) -> list[dict[str, Any]]:
    app = {"answer": target.noun, "classes": names, "least": least}
    found: list[dict[str, Any]] = node.run("", DECIDED, {"app": app, "outputs": outputs.tolist()})
    return found


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_pages_decide_as_targets_do(node: Node, target: Target) -> None:
    outputs = OUTPUTS[:, : target.outputs(len(NAMES))]
    threshold = THRESHOLD if target is MULTILABEL else {}
    answers = target.of_logits(outputs)
    labels = target.labels(answers, NAMES, threshold)
    names = NAMES if target.has_metric("log_loss") else []
    found = decided(node, target, outputs, [*threshold.values()], names)
    said = np.array([each["said"] for each in found])
    np.testing.assert_allclose(said, target.columns(answers), rtol=1e-12)
    np.testing.assert_allclose([each["scored"] for each in found], target.columns(answers), rtol=1e-12)
    np.testing.assert_allclose(
        [each["tempered"] for each in found], target.columns(target.calibrated(answers, 1.7)), rtol=1e-9
    )
    if not target.has_metric("log_loss"):
        assert {(each["label"], each["probability"], *each["sorted"]) for each in found} == {("", None)}
        assert found[0]["text"] == f"{answers[0]:.4g}".replace("-", "\N{MINUS SIGN}")
        return
    assert [each["label"] for each in found] == target.texts(labels, NAMES)
    np.testing.assert_allclose(
        [each["probability"] for each in found], target.probability(answers, labels), rtol=1e-12
    )
    for each, row in zip(found, answers, strict=True):
        among = each["decided"] or range(len(NAMES))
        assert each["explained"] == max(among, key=lambda at: row[at])
        first, rest = each["sorted"][: len(each["decided"])], each["sorted"][len(each["decided"]) :]
        assert sorted(first) == each["decided"]
        assert all(part == sorted(part, key=lambda at: -row[at]) for part in (first, rest))


def test_a_threshold_decides_between_two_classes(node: Node) -> None:
    outputs = OUTPUTS[:, :2]
    found = decided(node, CLASSIFICATION, outputs, [None, 0.9], NAMES[:2])
    answers = CLASSIFICATION.of_logits(outputs)
    labels = CLASSIFICATION.labels(answers, NAMES[:2], {"bee": 0.9})
    assert 0 < labels.sum() < (answers[:, 1] > 0.5).sum()
    assert [each["decided"] for each in found] == labels[:, None].tolist()


CORRECTED = """
globalThis.document = { getElementById: () => null, querySelector: () => null };
const { decisionOf } = await import("./pellucid/reports/script/decision.js");
return given.map(({ kind, text }) => {
  const page = { kind, classes: ["ant", "bee"] };
  const { canonical, words, suggested } = decisionOf(page);
  return [canonical(text), words(text, page), suggested(text)];
});
"""


def test_reports_take_labels_in_their_own_form(node: Node) -> None:
    given = {
        ("class", " ant "): ["ant", " ant  (a new class)", "ant"],
        ("class", "bee"): ["bee", "bee", "bee"],
        ("class", "cat"): ["cat", "cat (a new class)", "cat"],
        ("ordered", " bee "): ["bee", " bee ", "bee"],
        ("labels", "bee; ant;"): ["ant;bee", "ant, bee", "ant;bee"],
        ("labels", ""): ["", "no label", ""],
        ("number", "3.50"): ["3.5", "3.50", ""],
    }
    asked = [{"kind": kind, "text": text} for kind, text in given]
    assert node.run("", CORRECTED, asked) == [*given.values()]
