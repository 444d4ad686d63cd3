"""One layer of the reference against torch's gradient, and against central differences."""

import numpy as np
import torch

from pellucid.reference import LAYERS, numerical_gradient


def tensor_of(array):
    """A tensor that follows gradients where the array holds numbers and not ids or a mask."""
    tensor = torch.from_numpy(np.array(array))
    return tensor.requires_grad_(tensor.is_floating_point())


def assert_agrees(kind, arrays, theirs, fixed=(), **settings):
    """Forward and backward equal torch's to 1e-10; the gradients of `fixed` arrays are `None`."""
    layer = LAYERS[kind]
    ours = layer.forward(*arrays, **settings)
    tensors = [tensor_of(array) for array in arrays]
    expected = theirs(*tensors)
    np.testing.assert_allclose(ours, expected.detach(), rtol=1e-10, atol=1e-10)
    if layer.backward is None:
        return
    above = _gradient_from_above(ours)
    expected.backward(torch.tensor(above))
    for place, (part, tensor) in enumerate(zip(_parts(kind, above, arrays, settings), tensors, strict=True)):
        if place in fixed:
            assert part is None, f"{kind}: argument {place} has no gradient"
        else:
            np.testing.assert_allclose(part, tensor.grad, rtol=1e-10, atol=1e-10)


def assert_differences_agree(kind, arrays, fixed=(), **settings):
    """Backward equals the central difference of forward, to what differences can tell."""
    layer = LAYERS[kind]
    above = _gradient_from_above(layer.forward(*arrays, **settings))
    for place, part in enumerate(_parts(kind, above, arrays, settings)):
        if place in fixed:
            continue

        def outcome(array, place=place):
            changed = [*arrays[:place], array, *arrays[place + 1 :]]
            return float(np.sum(above * layer.forward(*changed, **settings)))

        np.testing.assert_allclose(part, numerical_gradient(outcome, arrays[place]), rtol=1e-7, atol=1e-8)


def _gradient_from_above(result):
    """1 for a loss; for anything else numbers that differ from place to place."""
    return 1.0 if isinstance(result, float) else np.cos(np.arange(result.size)).reshape(result.shape)


def _parts(kind, above, arrays, settings):
    parts = LAYERS[kind].backward(above, *arrays, **settings)
    parts = parts if isinstance(parts, tuple) else (parts,)
    return parts[: len(arrays)]  # that of a bias is there even where the bias was left out
