"""What is said of each layer: its formula, shapes and costs."""

import pytest

from insight.small_networks import NAMES, model, opened
from pellucid.insight.layer_records import layer_records
from pellucid.networks import describe


def by_name(name):
    return {record.name: record for record in layer_records(opened(name))}


@pytest.mark.parametrize("name", NAMES)
def test_parameters_and_shapes_are_those_of_the_description(name):
    records = {at.removeprefix("body."): record for at, record in by_name(name).items()}
    rows = [row for row in describe(model(name).network.config) if "dropout" not in row.kind]
    for row in rows:
        if row.name in ("prepare", "encoder.pool"):
            continue  # several lines
        is_resized = "prepare.resize" in records  # whose edges a description does not count
        record = records[row.name]
        assert record.cost.parameters == row.parameters, row.name
        if not model(name).network.config.vocabulary:
            assert record.output_shape == row.output_shape
            assert is_resized or record.receptive_field == row.receptive_field, row.name
        if row.kind.startswith(("conv", "frozen", "linear")) and record.output_shape == row.output_shape:
            assert record.cost.multiply_adds == row.multiply_adds
    assert sum(record.cost.parameters for record in records.values()) == model(name).parameters
    for record in records.values():
        assert record.words
        assert record.formula.count("{") == record.formula.count("}")
        assert record.formula in record._repr_latex_()
        assert record.name in repr(record)
        assert record.values.shape == record.output_shape


def test_formulas_and_costs_by_hand():
    records = by_name("cnn")
    assert records["body.block1.conv1"].formula == (
        r"y_{o r c} = \sum_{i=0}^{7} \sum_{k=0}^{2} \sum_{l=0}^{2} W_{o i k l} x_{i, r + k - 1, c + l - 1}"
    )
    assert records["body.block1.pool"].formula == r"y_{o r c} = \max_{k < 2, l < 2} x_{o, 2 r + k, 2 c + l}"
    assert by_name("cnn-average-no-norm")["body.block1.conv1"].formula.endswith("+ b_{o}")
    assert by_name("lenet")["body.conv1"].formula.endswith("x_{i, r + k - 2, c + l - 2}")
    assert by_name("mlp")["body.linear1"].formula == r"y_{o} = \sum_{i=0}^{63} W_{o i} x_{i}"
    assert by_name("text-cnn")["body.filters.conv2"].formula == (
        r"y_{t o} = \sum_{i=0}^{127} \sum_{k=0}^{1} W_{o i k} x_{t + k, i} + b_{o}"
    )
    assert by_name("cnn")["body.activation"].formula == r"y_{o r c} = x_{o r c} \Phi(x_{o r c})"
    cost = by_name("cnn-average-no-norm")["body.block1.conv1"].cost
    assert cost.parameters == 8 * 8 * 9 + 8
    assert cost.multiply_adds == 7 * 7 * 8 * 8 * 9
    inputs = outputs = 8 * 7 * 7
    assert cost.dense_multiply_adds == inputs * outputs
    assert cost.dense_parameters == inputs * outputs + outputs
    dense = by_name("mlp")["body.linear1"].cost
    assert (dense.parameters, dense.multiply_adds, dense.dense_parameters) == (64 * 16, 64 * 16, None)
    pool = by_name("cnn-average-no-norm")["body.block1.pool"].cost
    assert (pool.parameters, pool.dense_parameters) == (0, 8 * 49 * 8 * 9)
    assert pool.multiply_adds == 8 * 9 * 4


def test_networks_that_read_a_text_from_both_ends_say_in_which_direction():
    records = {each.name: each.words for each in layer_records(opened("gru"))}
    assert records["body.layers.forwards2"] == "GRU, forwards"
    assert records["body.layers.backwards1"] == "GRU, backwards"
