import functools
import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pellucid.errors import UsageError
from pellucid.input_kinds import TEXTS as TEXTS_KIND
from pellucid.networks import NETWORKS, InputFacts, NetworkConfig, build, design, parameter_shapes
from pellucid.settings import Settings

DIGITS = InputFacts(input_shape=(1, 8, 8), outputs=10, examples=1437)
TEXTS = InputFacts(input_shape=(20,), outputs=3, examples=500, vocabulary=50, groups=(2, 30, 50))


def facts_for(name):
    """Facts about data that the family takes."""
    return TEXTS if NETWORKS[name].input_kind is TEXTS_KIND else DIGITS


def changed(family="cnn", /, **values):
    """A good config's JSON with some values replaced."""
    return design(family, Settings(), facts_for(family)).to_json() | values


changed_bag = functools.partial(changed, "bag")
changed_sentence = functools.partial(changed, "sentence-encoder")


@pytest.mark.parametrize("name", NETWORKS)
def test_config_survives_json_and_parameter_shapes_are_those_of_the_state_dict(name):
    config = design(name, Settings(dropout=0.25), facts_for(name))
    document = json.loads(json.dumps(config.to_json()))
    assert NetworkConfig.from_json(document) == config
    state = build(config).state_dict()
    assert parameter_shapes(config) == {key: tuple(tensor.shape) for key, tensor in state.items()}
    if name == "cnn":
        assert not {"vocabulary", "embedding", "kernels", "cell", "groups", "attention_heads"} & set(document)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (changed(name="resnet"), "name: 'resnet' is not one of cnn, lenet, mlp"),
        (changed(outputs=0), "outputs: 0 is outside 1 to 100000"),
        (changed(dropout=1), "dropout: 1.0 is outside 0.0 to 0.95"),
        (changed(activation="swish"), "activation: 'swish' is not one of relu"),
        (changed(pooling="median"), "pooling: 'median' is not one of max, average"),
        (changed(input_shape=[8, 8]), r"input_shape: \[8, 8\] is neither"),
        (changed(input_shape=[1, 8, 10**9]), "input_shape: 1000000000 is outside 1 to 4096"),
        (changed(input_shape=[17, 8, 8]), "input_shape: 17 is outside 1 to 16"),
        (changed(input_shape=[10**8]), "input_shape: 100000000 is outside 1 to 10000000"),
        (changed(widths=[16] * 10**5), "widths: no list of 0 to 70 whole numbers"),
        (changed(widths=[16, -1]), "widths: -1 is outside 1 to 131072"),
        (changed(stem_filters=2**40), "stem_filters: 1099511627776 is no whole number from 0"),
        (changed_bag(vocabulary=10**9), "vocabulary: 1000000000 is outside 0 to 5000000"),
        (changed_bag(embedding=10**9), "embedding: 1000000000 is outside 0 to 16384"),
        (changed_bag(groups=[2, 51]), r"groups: \[2, 51\] do not ascend from 2 to the vocabulary of 50"),
        (changed_bag(groups=[2, 40, 30, 50]), r"groups: \[2, 40, 30, 50\] do not ascend"),
    ],
)
def test_hostile_json_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        NetworkConfig.from_json(values)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=6,
)


@pytest.mark.parametrize(
    "good", [changed(), changed_bag(), changed_sentence()], ids=["cnn", "bag", "sentence-encoder"]
)
@given(data=st.data(), value=json_values)
def test_any_value_in_any_field_is_read_or_refused(good, data, value):
    name = data.draw(st.sampled_from(sorted(good)))
    try:
        config = NetworkConfig.from_json(good | {name: value})
        shapes = parameter_shapes(config)
    except ValueError:
        return
    assert all(length >= 0 for shape in shapes.values() for length in shape)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (changed("mlp", input_shape=[3, 4096, 4096], widths=[4096]), "parameters is over the limit"),
        (changed(input_shape=[64]), r"cnn: input_shape \[64\] is not an image"),
        (changed(widths=[]), "cnn: no widths found"),
        (changed(stem_kernel=0), "cnn: stem of 0 pixels every 1 is not 1 to 8"),
        (changed(stem_stride=9), "cnn: stem of 2 pixels every 9 is not 1 to 8"),
        (changed(stem_filters=7), "cnn: stem_filters 7 is not an even number from 2 to 8"),
        (changed(pooled_blocks=3), "cnn: pooled_blocks 3 is more than 7 pixels can be halved"),
        (changed("lenet", input_shape=[1, 7, 9]), r"lenet: input_shape \[1, 7, 9\] is not an image"),
        (changed("lenet", widths=[120, 84]), "lenet: 2 widths found, at least 3 expected"),
        (changed(vocabulary=50), "cnn takes images or feature vectors, not ids of texts"),
        (
            changed("rnn", input_shape=[1, 8, 8], vocabulary=0),
            r"rnn takes texts: one length and .* \[1, 8, 8\] and 0 found",
        ),
        (changed_bag(vocabulary=1, groups=[]), r"bag takes texts: .* at least 2 ids expected, \[20\] and 1"),
        (changed_bag(widths=[]), "bag: at least 1 of widths and 2 of groups expected"),
        (
            changed_bag(vocabulary=5_000_000, groups=[2, 5_000_000], widths=[128]),
            "parameters is over the limit",
        ),
        (changed("text-cnn", kernels=[]), r"text-cnn: kernels \[\], where at least one"),
        (changed("text-cnn", kernels=[2, 2]), r"text-cnn: kernels \[2, 2\], where"),
        (changed("text-cnn", embedding=0), "text-cnn: at least 1 of widths and an embedding of 1"),
        (changed("rnn", widths=[]), "rnn: at least 1 of widths, an embedding of 1 and a cell"),
        (
            changed("ngram-encoder", embedding=0),
            "ngram-encoder: an embedding of at least 1 expected, 0 found",
        ),
        (
            changed("ngram-encoder", kernels=[2, 2]),
            r"ngram-encoder: kernels \[2, 2\], where at least one, each",
        ),
        (changed("word-vectors", embedding=0), "word-vectors: an embedding of at least 1 expected, 0 found"),
        (changed_sentence(embedding=0), "sentence-encoder: at least 1 of embedding, .* 0, 2, 4, 256 found"),
        (changed_sentence(feed_forward=0), "sentence-encoder: at least 1 of .* 64, 2, 4, 0 found"),
        (changed_sentence(attention_heads=6), "sentence-encoder: 64 numbers do not split into 6 heads"),
        (changed_sentence(input_shape=[8193]), "sentence-encoder: texts of 8193 tokens, where 8192 are"),
    ],
)
def test_layers_that_cannot_stand_are_refused_before_memory_is_taken(values, message):
    config = NetworkConfig.from_json(values)
    with pytest.raises(ValueError, match=message):
        parameter_shapes(config)
    with pytest.raises(ValueError, match=message):
        build(config)


@pytest.mark.parametrize(
    ("name", "settings", "shape", "message"),
    [
        ("resnet", Settings(), (1, 8, 8), "--model: 'resnet' is not known .*; choose one of cnn, lenet, mlp"),
        ("cnn", Settings(), (64,), "cnn needs images of at least 8x8"),
        ("cnn", Settings(depth=0), (1, 8, 8), "--depth: cnn needs at least 1 block"),
        ("lenet", Settings(), (1, 7, 8), "lenet needs images of at least 8x8"),
        ("lenet", Settings(depth=0), (1, 8, 8), "--depth: lenet needs at least 1 convolution"),
        ("mlp", Settings(width=4096), (3, 4096, 4096), "over the limit .* choose a smaller --image-size"),
        ("bag", Settings(), (1, 8, 8), "--model: bag takes texts; choose one of cnn, lenet, mlp$"),
    ],
)
def test_design_refuses_what_cannot_be_built(name, settings, shape, message):
    with pytest.raises(UsageError, match=message):
        design(name, settings, InputFacts(input_shape=shape, outputs=10, examples=100))


@pytest.mark.parametrize("name", NETWORKS)
def test_build_draws_from_the_passed_generator_alone(name):
    config = design(name, Settings(), facts_for(name))
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = build(config, torch.Generator().manual_seed(7)).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    again = build(config, torch.Generator().manual_seed(7)).state_dict()
    other = build(config, torch.Generator().manual_seed(8)).state_dict()
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not all(torch.equal(first[key], other[key]) for key in first)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("cnn", Settings(), "--model: cnn takes images; choose one of text-cnn, rnn, bag, transformer$"),
        ("bag", Settings(depth=0), "--depth: bag has at least 1 hidden layer; give 1 or more"),
        ("transformer", Settings(depth=0), "--depth: transformer has at least 1 layer; give 1 or more"),
        ("rnn", Settings(depth=0), "--depth: rnn has at least 1 recurrent layer; give 1 or more"),
        ("rnn", Settings(activation="relu"), "--activation: the cells of rnn have sigmoid and tanh"),
        ("bag", Settings(width=4096), "over the limit .* choose a smaller --width or --depth"),
    ],
)
def test_design_refuses_texts_that_cannot_be_learnt_so(name, settings, message):
    with pytest.raises(UsageError, match=message):
        design(name, settings, TEXTS._replace(vocabulary=200_000, groups=()))


def test_a_transformer_refuses_texts_longer_than_attention_can_read():
    with pytest.raises(
        UsageError, match="--length: transformer reads at most 8192 tokens of a text; give fewer"
    ):
        design("transformer", Settings(), TEXTS._replace(input_shape=(8193,)))
    assert design("transformer", Settings(), TEXTS._replace(input_shape=(8192,))).input_shape == (8192,)
