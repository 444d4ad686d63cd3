"""The layers over the epochs as small multiples, and the findings above them."""

import dataclasses
import re

import pytest

from pellucid.insight.findings import dead_units
from pellucid.insight.training_courses import Course, Finding
from pellucid.reports import ReportFacts, render
from pellucid.reports.training_sections import HEIGHT, layer_tables
from reports.report_page import part


def line(epoch, gradients, update=0.001, **activation):
    weights = {
        f"layer{place}": {"gradient_norm": gradient, "weight_norm": 5.0, "update_to_weight": update}
        for place, gradient in enumerate(gradients)
    }
    shown = {"kind": "relu", "mean": 1.0, "deviation": 1.0, **activation}
    return {"epoch": epoch, "health": {"steps": 2, "weights": weights, "activations": {"act": shown}}}


HISTORY = [line(1, (0.1, 10.0), dead=0.0), {"epoch": 2}, line(3, (10.0, 10.0), dead=0.5)]


def test_curves_of_weights_run_over_the_epochs_on_one_scale():
    weights, _ = layer_tables(HISTORY)
    assert weights.columns[0][1] == "0.01 to 100, by powers of ten"
    (_, (low, _)), (_, (high, _)) = weights.rows
    quarter = (HEIGHT - 6) / 4
    assert low.path == f"M0,{HEIGHT - 3 - quarter:g} L100,{3 + quarter:g}"
    assert high.end == (100, 3 + quarter)
    assert low.value == "10.0"
    weights, _ = layer_tables([line(1, (1.0,), update=0.5)])
    assert weights.columns[1][1] == "0.0001 to 1, by powers of ten"
    update = weights.rows[0][1][1]
    assert update.reference == pytest.approx(HEIGHT - 3 - (HEIGHT - 6) / 4)
    assert update.end[1] < update.reference
    weights, _ = layer_tables([line(1, (1.0,)), line(2, (1.0, 1.0))])
    assert weights.rows[1][1][0].path.startswith("M100,")
    weights, *_ = layer_tables([line(1, (0.0, 1.0)), line(2, (float("nan"), 1.0))])
    assert weights.rows[0][1][0].end == (0, HEIGHT - 3)
    assert layer_tables([]) == layer_tables([{"epoch": 1, "health": None}]) == []
    weights, _ = layer_tables([line(1, tuple(range(1, 33)))])
    assert (len(weights.rows), weights.layers) == (12, 32)
    assert (weights.rows[0][0], weights.rows[-1][0]) == ("layer0", "layer31")


def test_bands_of_activations_and_the_column_of_dead_units():
    _, activations = layer_tables(HISTORY)
    mean, share = activations.rows[0][1]
    assert activations.columns[0][1] == "0 to 2"
    assert mean.band == f"M0,{HEIGHT - 3:g} L100,{HEIGHT - 3:g} L100,3 L0,3Z"
    assert mean.value == "1.00 ± 1.00"
    assert share.value == "50.0\u00a0% dead"
    assert share.end == (100, HEIGHT / 2)
    _, activations = layer_tables([line(1, (1.0,), kind="gelu")])
    assert [title for title, _ in activations.columns] == ["Mean and deviation"]
    assert len(activations.rows[0][1]) == 1


def with_layers(facts: ReportFacts, findings: list[Finding] | None) -> ReportFacts:
    history = [{**each, **line(each["epoch"], (1.0, 2.0), dead=0.9)} for each in facts.history]
    told = None if findings is None else [each.to_json() for each in findings]
    return dataclasses.replace(facts, history=history, metrics={**facts.metrics, "findings": told})


def test_findings_come_first_or_what_was_looked_for(digit_facts: ReportFacts) -> None:
    found = dead_units(Course(with_layers(digit_facts, None).history))
    assert found is not None
    page = part(with_layers(digit_facts, [found]), "training")
    text = page.text[page.text.index("Validation accuracy went from") :]
    places = [text.index(part) for part in (found.sentence, found.evidence, found.remedy, found.method)]
    assert places == sorted(places)
    assert places[-1] < text.index("How to read the curves") < text.index("In the layers")
    assert "Nothing went wrong" not in text
    page = part(with_layers(digit_facts, []), "training")
    assert "No problems detected. Checked: vanishing and exploding gradients" in page.text
    labels = [each["aria-label"] for each in page.all("svg") if each.get("class") == "spark"]
    assert "Gradient norm of layer1: 2.00" in labels
    assert "Dead or saturated of act: 90.0\u00a0% dead" in labels
    assert "24 steps of training" in page.text
    bare = part(digit_facts, "training").text
    assert "Nothing went wrong" not in bare
    assert "The layers were not measured" in bare


def test_names_of_layers_are_escaped(digit_facts: ReportFacts) -> None:
    facts = with_layers(digit_facts, [])
    for record in facts.history:
        record["health"]["weights"]["<script>x"] = record["health"]["weights"].pop("layer0")
    assert not re.search("<script", render(facts))
