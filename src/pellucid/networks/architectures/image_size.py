"""The smallest image that networks of convolutions take."""

from pellucid.errors import UsageError
from pellucid.networks.config import InputFacts, NetworkConfig

# Fewest rows and columns.
SMALLEST_SIDE = 8


def require_large_images(name: str, facts: InputFacts, remedy: str = "choose a larger --image-size") -> None:
    """Refuse inputs that are no images of at least 8x8 pixels with a `UsageError`."""
    if not _is_large(facts.input_shape):
        raise UsageError(
            f"--model: {name} needs images of at least {SMALLEST_SIDE}x{SMALLEST_SIDE} pixels, "
            f"found inputs of shape {facts.input_shape}; {remedy}"
        )


def require_large_input(config: NetworkConfig) -> None:
    """Refuse a config for anything but images of at least 8x8 pixels with a `ValueError`."""
    if not _is_large(config.input_shape):
        raise ValueError(
            f"{config.name}: input_shape {list(config.input_shape)} is not an image of at least 8x8"
        )


def _is_large(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and min(shape[1:]) >= SMALLEST_SIDE
