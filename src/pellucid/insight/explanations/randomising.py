"""Network with its weights in random order, for the test whether an explanation follows the weights.

The numbers of every weight tensor are put in random order, so that their size and spread stay and what was
learnt is gone. (The networks' own start would not do: some layers start as what they were given.)

Source: Adebayo et al. 2018, "Sanity checks for saliency maps", NeurIPS, section 3.1 (all layers at once),
there with weights drawn afresh.
"""

import torch
from torch import nn

from pellucid.bundle import ImageModel, TextModel
from pellucid.insight.layers.opening import still
from pellucid.networks import Network

# Randomised networks that an explanation is compared with.
NETWORKS = 3


@torch.no_grad()
def randomised(network: Network, seed: int) -> Network:
    """Copy with the numbers of every weight in random order; fixed tensors stay, such as input scales."""
    shuffled = still(network)
    draws = torch.Generator().manual_seed(seed)
    for weight in shuffled.parameters():
        weight.copy_(weight.flatten()[torch.randperm(weight.numel(), generator=draws)].view_as(weight))
    for layer in shuffled.modules():
        if isinstance(layer, nn.Embedding) and layer.padding_idx is not None:
            layer.weight[layer.padding_idx] = 0  # padding still changes nothing
    return shuffled


def randomised_model(model: ImageModel | TextModel, seed: int) -> ImageModel | TextModel:
    """Copy of a model with the numbers of every weight of its network in random order."""
    network = randomised(model.network, seed)
    if isinstance(model, TextModel):
        return TextModel(network, model.encoder, model.classes, temperature=model.temperature)
    return ImageModel(
        network, model.preprocessing, model.classes, mirror=model.mirror, temperature=model.temperature
    )
