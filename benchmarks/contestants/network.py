"""The network in PyTorch: what every torch-based contestant trains, Pellucid among them."""

import torch
from torch import Tensor, nn

from contestants import WIDTHS


def six_convolutions(input_shape: tuple[int, int, int], classes: int) -> nn.Sequential:
    """Layers from standardised images of (channels, height, width) to logits."""
    incoming, height, width = input_shape
    layers: list[nn.Module] = []
    for number, outgoing in enumerate(WIDTHS, start=1):
        layers += [
            nn.Conv2d(incoming, outgoing, 3, padding=1, bias=False),
            nn.BatchNorm2d(outgoing),
            nn.ReLU(inplace=True),
        ]
        if number % 2 == 0:
            layers.append(nn.MaxPool2d(2))
        incoming = outgoing
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(incoming * (height // 8) * (width // 8), classes))


def parameters_of(network: nn.Module) -> int:
    """Trainable parameters."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


class InBfloat16(nn.Module):
    """The same network under bf16 autocast, channels last, as Pellucid trains it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Tensor:
        """Return float32 logits."""
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits: Tensor = self.network(images)
        return logits.float()


def network_for(name: str, input_shape: tuple[int, int, int], classes: int) -> nn.Module:
    """The network as one contestant trains it: in bf16 and channels last where its name ends in `-bf16`."""
    network = six_convolutions(input_shape, classes)
    return InBfloat16(network) if name.endswith("-bf16") else network
