import pytest
import torch

from pellucid.input_kinds import IMAGES
from pellucid.input_kinds import TEXTS as TEXTS_KIND
from pellucid.networks import NETWORKS, InputFacts, as_text, build, describe, design
from pellucid.settings import Settings

FASHION = InputFacts((1, 28, 28), 10, 55_000)
TEXTS = InputFacts((40,), 3, 500, vocabulary=50, groups=(2, 30, 50))
OF_IMAGES = [name for name, family in NETWORKS.items() if family.input_kind is IMAGES]
OF_TEXTS = [name for name, family in NETWORKS.items() if family.input_kind is TEXTS_KIND]


def table(name, settings=None, facts=FASHION):
    """Rows of the described network by their names."""
    rows = describe(design(name, settings or Settings(), facts))
    return {row.name: row for row in rows}


def test_lenet_by_hand():
    rows = table("lenet", Settings(batch_norm=False))
    assert list(rows)[:4] == ["standardise", "conv1", "pool1", "activation1"]
    assert rows["conv1"] == ("conv1", "conv 5x5", (6, 28, 28), 156, 25 * 6 * 28 * 28, (5, 5))
    assert rows["pool1"] == ("pool1", "max pool 2x2", (6, 14, 14), 0, 0, (6, 6))
    # One step of the second convolution is 2 pixels: 6 + 4 * 2.
    assert rows["conv2"] == ("conv2", "conv 5x5", (16, 10, 10), 2416, 150 * 16 * 100, (14, 14))
    assert rows["linear3"] == ("linear3", "linear", (120,), 48_120, 48_000, (28, 28))
    assert rows["head"] == ("head", "linear", (10,), 850, 840, (28, 28))
    wide = table("lenet", Settings(activation="leaky-relu"), InputFacts((1, 20, 30), 10, 100))
    assert wide["conv1"].multiply_adds == 25 * 6 * 20 * 30
    assert wide["activation1"].kind == "leaky relu"


def test_rows_name_every_kind_of_layer():
    rows = table("cnn", Settings(activation="gelu", dropout=0.5, pooling="average"))
    kinds = {row.kind for row in rows.values()}
    assert kinds == {
        "standardise", "frozen conv 2x2", "gelu", "conv 3x3", "average pool 2x2", "batch norm",
        "add shortcut", "global average", "dropout 0.5", "linear", "divide by 3",
    }  # fmt: skip


def test_layers_that_do_nothing_have_no_row():
    rows = table("cnn", Settings(batch_norm=False))
    assert not [name for name in rows if "norm" in name or "dropout" in name]


@pytest.mark.parametrize("name", OF_IMAGES)
@pytest.mark.parametrize("batch_norm", [True, False])
def test_parameters_add_up_to_those_of_the_network(name, batch_norm):
    config = design(name, Settings(batch_norm=batch_norm), FASHION)
    expected = sum(parameter.numel() for parameter in build(config).parameters())
    assert sum(row.parameters for row in describe(config)) == expected


def test_tables_of_features_have_no_receptive_field():
    rows = table("mlp", facts=InputFacts((13,), 3, 120))
    assert {row.receptive_field for row in rows.values()} == {None}
    assert rows["linear1"].output_shape == (32,)


def box_by_gradient(network, name, shape):
    """Height and width of the part of the image that the middle of a layer's output depends on."""
    outputs = []
    layer = network.standardise if name == "standardise" else network.body.get_submodule(name)
    handle = layer.register_forward_hook(lambda _layer, _inputs, output: outputs.append(output.clone()))
    image = torch.rand(1, *shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 255
    image.requires_grad_()
    network(image)
    handle.remove()
    output = outputs[0]
    output[0, :, output.shape[2] // 2, output.shape[3] // 2].sum().backward()
    seen = image.grad[0].abs().sum(0).nonzero()
    return tuple((seen.amax(0) - seen.amin(0) + 1).tolist())


@pytest.mark.parametrize("name", ["cnn", "lenet"])
@pytest.mark.parametrize("shape", [(1, 60, 90), (3, 90, 140)])
def test_receptive_fields_are_those_of_the_gradient(name, shape):
    # Average pooling and tanh let every pixel's gradient through.
    settings = Settings(activation="tanh", pooling="average", width=4)
    config = design(name, settings, InputFacts(shape, 10, 55_000))
    network = build(config).double().eval()
    network.standardise.std.fill_(60.0)
    network.standardise.mean.fill_(127.0)
    checked = 0
    for row in describe(config):
        # From the middle, a field up to two thirds of the image is not cut off at the border.
        if len(row.output_shape) == 3 and all(
            3 * seen <= 2 * side for seen, side in zip(row.receptive_field, shape[1:], strict=True)
        ):
            assert box_by_gradient(network, row.name, shape) == row.receptive_field, row.name
            checked += 1
    assert checked >= 7


def test_the_text_fits_and_totals_are_grouped():
    text = as_text(describe(design("lenet", Settings(batch_norm=False), FASHION)))
    lines = text.splitlines()
    assert lines[0].split() == ["multiply-", "receptive"]
    assert lines[1].split() == ["layer", "kind", "output", "parameters", "adds", "field"]
    assert lines[3].split() == ["standardise", "standardise", "1x28x28", "0", "0", "1x1"]
    multiply_adds = 25 * 6 * 784 + 150 * 16 * 100 + 48_000 + 120 * 84 + 840
    assert lines[-1].split() == ["total", "61,706", f"{multiply_adds:,}"]
    assert len({len(line) for line in lines[3:-2]}) == 1


@pytest.mark.parametrize("name", OF_IMAGES)
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 256, 256), (3, 2048, 1024)])
def test_every_line_fits_80_columns(name, shape):
    settings = Settings(depth=12, width=20, pooling="average", activation="leaky-relu")
    text = as_text(describe(design(name, settings, InputFacts(shape, 1000, 10**6))))
    assert max(map(len, text.splitlines())) <= 80


def test_describing_takes_no_memory_for_weights():
    config = design("mlp", Settings(width=4096, depth=2), InputFacts((3, 190, 190), 10, 10**6))
    rows = describe(config)
    assert sum(row.parameters for row in rows) > 4e8  # 1.8 GB, were it built


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_of_numbers_ends_in_a_layer_that_rescales(name):
    is_texts = name in OF_TEXTS
    facts = TEXTS._replace(outputs=1) if is_texts else InputFacts((1, 8, 8), 1, 100)
    rows = describe(design(name, Settings(dropout=0.5), facts))
    assert rows[-1] == ("head.rescale", "rescale", (1,), 0, 0, (40,) if is_texts else (8, 8))
    linear = next(row for row in rows if row.name == "head.linear")
    assert linear.output_shape == (1,)
    assert all(len(line) <= 80 for line in as_text(rows).splitlines())


@pytest.mark.parametrize("name", OF_TEXTS)
def test_parameters_of_networks_of_texts_add_up_and_lines_fit(name):
    config = design(name, Settings(depth=3, width=20), TEXTS)
    expected = sum(parameter.numel() for parameter in build(config).parameters())
    assert sum(row.parameters for row in describe(config)) == expected
    assert max(map(len, as_text(describe(config)).splitlines())) <= 80


def test_text_cnn_by_hand():
    rows = table("text-cnn", Settings(width=6, dropout=0.0), TEXTS)
    assert rows["filters.embedding"] == (
        "filters.embedding",
        "vectors of tokens",
        (40, 128),
        50 * 128,
        0,
        (1,),
    )
    weights = 3 * 128 * 6
    assert rows["filters.conv3"] == ("filters.conv3", "conv 3", (40, 6), weights + 6, 40 * weights, (3,))
    assert rows["filters.activation"] == ("filters.activation", "relu", (40, 24), 0, 0, (5,))
    assert rows["filters.pool"] == ("filters.pool", "max over text", (24,), 0, 0, (40,))
    assert rows["head"] == ("head", "linear", (3,), 24 * 3 + 3, 24 * 3, (40,))


def test_rnn_by_hand():
    rows = table("rnn", Settings(width=6, depth=2, cell="gru"), TEXTS)
    weights = 3 * 6 * (128 + 6)
    first = ("layers.forwards1", "gru", (40, 6), weights + 2 * 3 * 6, 40 * weights, (40,))
    assert rows["layers.forwards1"] == first
    assert rows["layers.backwards2"].parameters == 3 * 6 * (12 + 6) + 2 * 3 * 6
    assert rows["layers.mean"] == ("layers.mean", "average over text", (12,), 0, 0, (40,))
    assert table("rnn", facts=TEXTS)["layers.forwards1"].kind == "lstm"


def test_bag_by_hand():
    rows = table("bag", Settings(width=6, depth=2), TEXTS)
    assert rows["sum"] == ("sum", "weighted sum", (6,), 50 * 6 + 6, 40 * 6, (40,))
    assert rows["linear2"] == ("linear2", "linear", (6,), 6 * 6 + 6, 36, (40,))


def test_sentence_encoder_by_hand():
    rows = table("sentence-encoder", Settings(depth=1, width=6), TEXTS)
    assert rows["encoder.places"] == ("encoder.places", "vectors of place", (40, 64), 40 * 64, 0, (1,))
    thrice = ("encoder.layer1.query_key_value", "linear", (40, 192), 65 * 192, 40 * 64 * 192, (1,))
    assert rows["encoder.layer1.query_key_value"] == thrice
    # Of each pair of tokens 64 products for the weight, and 64 for what is mixed by it.
    mixed = ("encoder.layer1.attend", "attention x4", (40, 64), 0, 2 * 40 * 40 * 64, (40,))
    assert rows["encoder.layer1.attend"] == mixed
    assert rows["encoder.layer2.norm2"] == ("encoder.layer2.norm2", "layer norm", (40, 64), 128, 0, (40,))
    assert rows["encoder.unit"] == ("encoder.unit", "to length 1", (64,), 0, 0, (40,))
    assert rows["head.linear1"] == ("head.linear1", "linear", (6,), 65 * 6, 64 * 6, (40,))


def test_word_vectors_by_hand():
    rows = table("word-vectors", facts=TEXTS._replace(embedding=4))
    assert rows["words"] == ("words", "mean and maximum", (8,), 50 * 4, 40 * 4, (40,))
    assert rows["head.linear"].parameters == 8 * 3 + 3
