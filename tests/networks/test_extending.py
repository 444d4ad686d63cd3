"""A network that goes on with other classes: old rows are kept to the bit, new ones start by the formula."""

import numpy as np
import pytest
import torch
from torch import nn

from every_model import network_model
from pellucid.input_kinds import TEXTS
from pellucid.networks import NETWORKS, InputFacts, Network, build, design
from pellucid.networks.config import NetworkConfig
from pellucid.networks.families import Centres, centres_of, copied, with_classes
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION, REGRESSION, Target
from small_models import digits

PIXELS, LABELS = digits()
IMAGES = torch.from_numpy(PIXELS[:64]).permute(0, 3, 1, 2).float()


def no_centres() -> Centres:
    raise AssertionError("no class is new")


def network_of(name: str, outputs: int = 4) -> tuple[Network, torch.Tensor]:
    """A started network of a family, and inputs for it."""
    if NETWORKS[name].input_kind is TEXTS:
        facts = InputFacts((12,), outputs, 100, vocabulary=30, groups=(2, 30))
        inputs = torch.randint(2, 30, (16, 12), generator=torch.Generator().manual_seed(1))
    else:
        facts, inputs = InputFacts((1, 8, 8), outputs, 1000), IMAGES
    network = build(design(name, Settings(width=8), facts))
    network.initialise_from_data(inputs)
    return network, inputs


@pytest.mark.parametrize("name", NETWORKS)
def test_old_classes_answer_as_before_in_another_order(name: str) -> None:
    network, inputs = network_of(name)
    turned = with_classes(network, [2, 0, 3, 1], no_centres)
    assert turned.training
    with torch.no_grad():
        before, after = network.eval()(inputs), turned.eval()(inputs)
    torch.testing.assert_close(after, before[:, [2, 0, 3, 1]], rtol=0, atol=1e-6)
    weights = turned.state_dict()
    same = [key for key, tensor in network.state_dict().items() if torch.equal(tensor, weights[key])]
    assert len(same) >= len(weights) - 2  # all but the rows of the last layer


@pytest.mark.parametrize("name", NETWORKS)
def test_a_new_class_leaves_the_logits_of_the_old_ones(name: str) -> None:
    network, inputs = network_of(name)
    labels = torch.arange(len(inputs)) % 5
    centres = centres_of(network, [(inputs, labels)], 5)
    grown = with_classes(network, [0, 1, None, 2, 3], lambda: centres)
    assert grown.config.outputs == 5
    with torch.no_grad():
        before, after = network.eval()(inputs), grown.eval()(inputs)
    torch.testing.assert_close(after[:, [0, 1, 3, 4]], before, rtol=0, atol=1e-6)
    assert network.config.outputs == 4


def network_by_hand() -> Network:
    """Two inputs, two classes: the head is all there is."""
    network = build(NetworkConfig(name="mlp", input_shape=(2,), outputs=2, batch_norm=False))
    assert isinstance(network.head, nn.Linear)
    with torch.no_grad():
        network.head.weight.copy_(torch.tensor([[3.0, 0.0], [1.0, 0.0]]))
        network.head.bias.copy_(torch.tensor([0.5, 1.5]))
    return network


def test_a_new_row_by_hand() -> None:
    r"""$\bar w = (2, 0)$, $\ell = 1$, $\bar b = 1$; $\mu = (1, 1)$, $\mu_c = (1, 3)$, so $u = (0, 1)$."""
    of_class = torch.tensor([[0.0, 0.0], [0.0, 0.0], [1.0, 3.0]]).double()
    grown = with_classes(
        network_by_hand(), [0, 1, None], lambda: Centres(torch.tensor([1.0, 1.0]).double(), of_class)
    )
    assert grown.head.weight.tolist() == [[3.0, 0.0], [1.0, 0.0], [2.0, 1.0]]
    assert grown.head.bias.tolist() == [0.5, 1.5, 0.0]
    mean = grown.eval()(torch.tensor([[1.0, 1.0]]))[0]
    assert mean[2] == mean[:2].mean()


def test_a_class_that_lies_at_the_mean_of_all_gets_the_mean_row() -> None:
    centre = torch.tensor([1.0, 1.0]).double()
    grown = with_classes(network_by_hand(), [None, 1], lambda: Centres(centre, centre.expand(2, 2)))
    assert grown.head.weight.tolist() == [[2.0, 0.0], [1.0, 0.0]]
    assert grown.head.bias.tolist() == [1.0, 1.5]


def test_centres_are_means_of_what_the_last_layer_is_given() -> None:
    network = network_of("mlp", 10)[0].train()
    labels = torch.from_numpy(LABELS[:64])
    batches = [(IMAGES[:40], labels[:40]), (IMAGES[40:], labels[40:])]
    found = centres_of(network, batches, 12)
    assert network.training
    hidden = network.eval().features(IMAGES).detach().double().numpy()
    np.testing.assert_allclose(found.of_all, hidden.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(found.of_class[3], hidden[LABELS[:64] == 3].mean(axis=0), atol=1e-6)
    np.testing.assert_array_equal(found.of_class[11], found.of_all)  # a class without an example


@pytest.mark.parametrize("target", [CLASSIFICATION, REGRESSION], ids=["classes", "numbers"])
@pytest.mark.parametrize("kind", ["network", "text network"])
def test_a_copy_has_the_same_weights_in_memory_of_its_own(kind: str, target: Target) -> None:
    network = network_model(kind, target).network
    frozen = [parameter.requires_grad for parameter in network.parameters()]
    other = copied(network)
    assert [parameter.requires_grad for parameter in other.parameters()] == frozen
    state = network.state_dict()
    for key, tensor in other.state_dict().items():
        assert torch.equal(tensor, state[key])
        assert tensor.data_ptr() != state[key].data_ptr()


def test_what_is_frozen_stays_frozen() -> None:
    network, _ = network_of("rnn")
    table = next(layer for layer in network.modules() if isinstance(layer, nn.Embedding))
    table.weight.requires_grad_(False)
    other = with_classes(network, [3, 2, 1, 0], no_centres)
    assert [name for name, each in other.named_parameters() if not each.requires_grad] == [
        name for name, each in network.named_parameters() if each is table.weight
    ]


def test_a_head_without_a_dense_layer_is_refused() -> None:
    network, _ = network_of("mlp")
    network.head = nn.Identity()
    with pytest.raises(ValueError, match="mlp: its head does not end in a dense layer of 4 units"):
        with_classes(network, [0, 1, 2, 3], no_centres)
