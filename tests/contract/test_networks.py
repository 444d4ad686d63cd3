"""What every network promises, under every setting, and what those of images promise besides."""

import dataclasses

import pytest
import torch
from sklearn.datasets import load_digits
from torch.nn import functional

from contract_cases import (
    IMAGE_CASES,
    IMAGE_SETTINGS,
    NUMBERS,
    OF_IMAGES,
    OF_TEXTS,
    TEXT_CASES,
    crops,
    in_turn,
    inputs_of,
    loss_of,
    started,
)
from pellucid.networks import build
from pellucid.settings import Settings

SHAPES = [(1, 8, 8), (3, 8, 8), (1, 13, 9), (1, 28, 28), (3, 32, 32), (3, 48, 64), (3, 64, 64)]
every_network = pytest.mark.parametrize("name", OF_IMAGES)
every_image_setting = pytest.mark.parametrize(("name", "settings"), IMAGE_CASES.values(), ids=IMAGE_CASES)
EVERY = {**IMAGE_CASES, **TEXT_CASES}
every_setting = pytest.mark.parametrize(("name", "settings"), EVERY.values(), ids=EVERY)
every_name = pytest.mark.parametrize("name", [*OF_IMAGES, *OF_TEXTS])


def digits(shape=(1, 8, 8), count=8):
    """Eight real digits of different classes, 0 to 255, and their labels."""
    data = load_digits()
    images = torch.from_numpy(data.images[:count]).float().unsqueeze(1) * (255 / 16)
    return images.view(count, *shape), torch.from_numpy(data.target[:count])


@every_network
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "x".join(map(str, shape)))
def test_every_size_gives_finite_logits_and_head_of_features(name, shape):
    images, outputs = crops(shape), (7, 1)[SHAPES.index(shape) % 2]
    network = started(name, Settings(width=8), images, outputs).eval()
    logits, features = network(images), network.features(images)
    assert logits.shape == (8, outputs)
    assert features.ndim == 2
    assert logits.isfinite().all()
    assert logits.std() > 0
    assert torch.equal(network.head(features), logits)


@every_image_setting
def test_rows_do_not_depend_on_their_batch_layouts_agree_and_bf16_is_near(name, settings):
    images = crops()
    outputs = in_turn(IMAGE_CASES, (name, settings))
    network = started(name, settings, images, outputs)
    network(images)  # moves the running means away from their start
    network.eval()
    with torch.inference_mode():
        expected = network(images)
        alone = torch.cat([network(image.unsqueeze(0)) for image in images])
    torch.testing.assert_close(expected, alone, rtol=1e-5, atol=1e-5)
    network = network.to(memory_format=torch.channels_last)
    images = images.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(network(images), expected, rtol=1e-4, atol=1e-4)
    with torch.autocast("cpu", torch.bfloat16):
        narrow = network(images)
    assert narrow.dtype == (torch.bfloat16 if outputs > 1 else torch.float32)  # rescaled in float32
    scale = max(1.0, expected.abs().max().item()) if outputs > 1 else NUMBERS.std().item()
    assert (narrow.float() - expected).abs().max() < 0.05 * scale
    narrow.float().sum().backward()  # what training needs besides
    assert all(each.grad.isfinite().all() for each in network.parameters() if each.grad is not None)


@every_network
@pytest.mark.parametrize("words", list(IMAGE_SETTINGS)[::3])
def test_eight_examples_are_learnt_by_heart(name, words):
    images, labels = digits()
    settings = dataclasses.replace(IMAGE_SETTINGS[words], dropout=0.0, width=None)
    network = started(name, settings, images)
    trainable = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trainable, lr=0.01)
    least_sure = 0.0
    for _ in range(1000):
        logits = network(images)
        least_sure = logits.softmax(1).gather(1, labels.unsqueeze(1)).min().item()
        if least_sure > 0.9:
            break
        optimizer.zero_grad()
        functional.cross_entropy(logits, labels).backward()
        optimizer.step()
    assert least_sure > 0.9


@every_network
@pytest.mark.parametrize("batch_norm", [True, False])
def test_eight_numbers_are_learnt_by_heart(name, batch_norm):
    images, _ = digits()
    network = started(name, Settings(batch_norm=batch_norm), images, outputs=1)
    trainable = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trainable, lr=0.01)
    bound, farthest = 0.1 * NUMBERS.std(), NUMBERS.std()
    for _ in range(1000):
        farthest = (network(images)[:, 0] - NUMBERS).abs().max()
        if farthest < bound:
            break
        optimizer.zero_grad()
        loss_of(network, images).backward()
        optimizer.step()
    assert farthest < bound


@every_network
@pytest.mark.parametrize("outputs", [8, 1])
def test_exported_programs_answer_the_same_at_another_batch_size(name, outputs):
    images, settings = crops(), list(IMAGE_SETTINGS.values())[7 if outputs == 1 else 0]
    network = started(name, settings, images, outputs).eval()
    batch = torch.export.Dim("batch", min=1, max=1024)
    program = torch.export.export(network, (images[:3],), dynamic_shapes=({0: batch},))
    torch.testing.assert_close(program.module()(images), network(images))


@pytest.mark.parametrize("features", [1, 13])
def test_mlp_takes_rows_of_features(features):
    values = torch.rand(20, features, generator=torch.Generator().manual_seed(0)) * 1e4
    network = started("mlp", Settings(), values, outputs=3)
    assert network(values).shape == (20, 3)
    assert network.eval().features(values).shape == (20, 32)


@every_setting
def test_gradient_reaches_every_trainable_parameter_and_saved_weights_answer_the_same(name, settings):
    inputs = inputs_of(name)
    network = started(name, settings, outputs=in_turn(EVERY, (name, settings)))
    torch.manual_seed(0)
    loss_of(network, inputs).backward()  # moves running means away from their start, too
    assert any(parameter.requires_grad for parameter in network.parameters())
    for key, parameter in network.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad.isfinite().all(), key
            assert parameter.grad.abs().sum() > 0, key
        else:
            assert parameter.grad is None, key
    other = build(network.config, torch.Generator().manual_seed(4))
    other.load_state_dict(network.state_dict())
    assert torch.equal(network.eval()(inputs), other.eval()(inputs))


@every_name
def test_dropout_acts_in_training_only_and_numbers_come_in_their_own_unit(name):
    inputs = inputs_of(name)
    network = started(name, Settings(dropout=0.5), outputs=1)
    torch.manual_seed(0)
    assert not torch.equal(network(inputs), network(inputs))
    network.eval()
    assert torch.equal(network(inputs), network(inputs))
    standardised = (network(inputs) - NUMBERS.mean()) / NUMBERS.std(correction=0)
    again = started(name, Settings(dropout=0.5), outputs=1, numbers=None).eval()
    again.load_state_dict(
        {**network.state_dict(), "head.rescale.mean": torch.zeros(1), "head.rescale.std": torch.ones(1)}
    )
    torch.testing.assert_close(again(inputs), standardised.float(), rtol=1e-4, atol=1e-4)


@every_name
def test_only_networks_of_numbers_rescale(name):
    classes, number = started(name, Settings()), started(name, Settings(), outputs=1)
    assert classes.rescale is None
    assert not [key for key in classes.state_dict() if "rescale" in key]
    found = {key for key in number.state_dict() if "rescale" in key}
    assert found == {"head.rescale.mean", "head.rescale.std"}
    with pytest.raises(ValueError, match="numbers: this network predicts classes; leave them out"):
        classes.initialise_from_data(inputs_of(name), NUMBERS)
