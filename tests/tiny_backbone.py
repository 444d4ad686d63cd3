"""A tiny network of timm with weights drawn by a seed, as a user's own file of weights."""

from pathlib import Path

import timm
import torch
from safetensors.torch import save_file

NAME = "test_efficientnet"


def tiny_weights(folder: Path, name: str = NAME, classes: int = 7) -> Path:
    """Write the weights of a tiny network, its classifier among them."""
    torch.manual_seed(0)
    path = folder / f"{name}.safetensors"
    save_file(timm.create_model(name, pretrained=False, num_classes=classes).state_dict(), path)
    return path
