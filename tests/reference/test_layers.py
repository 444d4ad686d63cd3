"""What every layer of the reference promises."""

import numpy as np
import pytest
import torch

from pellucid.reference import LAYERS
from reference.agreement import assert_agrees, assert_differences_agree
from reference.cases import CASES

every_case = pytest.mark.parametrize(
    ("kind", "case"),
    [
        pytest.param(kind, case, id=f"{kind}-{number}")
        for kind, cases in CASES.items()
        for number, case in enumerate(cases, start=1)
    ],
)


def test_every_layer_has_a_case():
    assert CASES.keys() == LAYERS.keys()


@every_case
def test_forward_and_backward_are_those_of_torch_and_keep_precision_and_arguments(kind, case):
    assert_agrees(kind, case.arrays, case.theirs, case.fixed, **case.settings)
    floating = [np.issubdtype(array.dtype, np.floating) for array in case.arrays]
    arrays = [
        array.astype(np.float32) if floats else array.copy()
        for array, floats in zip(case.arrays, floating, strict=True)
    ]
    kept = [array.copy() for array in arrays]
    result = LAYERS[kind].forward(*arrays, **case.settings)
    if isinstance(result, float):
        above = 1.0
    else:
        assert result.dtype == (np.float32 if any(floating) else result.dtype)
        above = np.ones_like(result)
    if LAYERS[kind].backward is not None:
        parts = LAYERS[kind].backward(above, *arrays, **case.settings)
        for part in parts if isinstance(parts, tuple) else (parts,):
            assert part is None or part.dtype == np.float32
    for array, before in zip(arrays, kept, strict=True):
        np.testing.assert_array_equal(array, before)


@every_case
def test_backward_is_the_central_difference_of_forward(kind, case):
    if LAYERS[kind].backward is None:
        assert not np.issubdtype(LAYERS[kind].forward(*case.arrays).dtype, np.floating)
    else:
        assert_differences_agree(kind, case.arrays, case.fixed, **case.settings)


@pytest.mark.parametrize("kind", ["global-max", "text-max"])
def test_equal_winners_of_a_whole_map_or_text_share_the_gradient(kind):
    tied = (
        np.array([[[[1.0, 7.0], [7.0, 7.0]]]]) if kind == "global-max" else np.array([[[1.0], [7.0], [7.0]]])
    )
    others = [] if kind == "global-max" else [np.array([[True, True, True]])]
    parts = LAYERS[kind].backward(np.array([[6.0]]), tied, *others)
    shared = parts[0] if isinstance(parts, tuple) else parts
    assert shared.ravel().tolist() == ([0.0, 2.0, 2.0, 2.0] if kind == "global-max" else [0.0, 3.0, 3.0])
    values = torch.tensor(tied, requires_grad=True)
    values.amax((2, 3) if kind == "global-max" else 1).backward(torch.tensor([[6.0]]).double())
    np.testing.assert_array_equal(shared, values.grad)
