"""Lines of index notation: every number, gradient and field that follows from them is the layer's own."""

import itertools

import numpy as np
import pytest

from pellucid.reference import LAYERS
from pellucid.reference.notation import Declaration, places_of, read_line
from reference.cases import CASES

LINES = {kind: layer.declared for kind, layer in LAYERS.items() if isinstance(layer.declared, Declaration)}
OF_EXAMPLES = "xas-"
"""Names of what each example has its own of; the others are weights."""


def examples():
    """Every case of every kind with a line, cut to its last example, which has no padding."""
    for kind, declared in LINES.items():
        for number, case in enumerate(CASES[kind], start=1):
            own = [
                at < len(declared.names) and declared.names[at] in OF_EXAMPLES
                for at in range(len(case.arrays))
            ]
            arrays = [each[-1:] if is_own else each for each, is_own in zip(case.arrays, own, strict=True)]
            taken = [each[0] if is_own else each for each, is_own in zip(arrays, own, strict=True)]
            outputs = LAYERS[kind].forward(*arrays, **case.settings)
            bound = declared.bind(taken, outputs.shape[1:], case.settings)
            yield pytest.param(kind, case, arrays, bound, outputs[0], id=f"{kind}-{number}")


every_example = pytest.mark.parametrize(("kind", "case", "arrays", "bound", "outputs"), list(examples()))


def value_of(bound, unit):
    sums = bound.unit(unit)
    if bound.notation.operation == "max":
        return sums.patch.max()
    return (sums.weights * sums.patch).sum() + sums.bias


@every_example
def test_every_number_is_that_of_the_layer(kind, case, arrays, bound, outputs):
    found = np.array([value_of(bound, unit) for unit in np.ndindex(outputs.shape)]).reshape(outputs.shape)
    np.testing.assert_allclose(found, outputs, rtol=0, atol=4e-15)


@every_example
def test_the_terms_of_every_weight_add_up_to_its_gradient(kind, case, arrays, bound, outputs):
    above = np.cos(np.arange(outputs.size)).reshape(outputs.shape)
    parts = LAYERS[kind].backward(above[None], *arrays, **case.settings)
    parts = parts if isinstance(parts, tuple) else (parts,)
    for name, part in zip(LINES[kind].names, parts, strict=False):
        if name in OF_EXAMPLES or (name == "b" and bound.notation.bias is None):
            continue
        for index in np.ndindex(part.shape):
            gradients, met = bound.terms(name, index, above)
            assert gradients @ met == pytest.approx(part[index], rel=0, abs=4e-14), (name, index)


@every_example
def test_the_field_is_what_the_units_at_a_place_sum(kind, case, arrays, bound, outputs):
    seen = bound.notation.factors[-1].name
    if seen in bound.computed:
        return
    shape = bound.arrays[seen].shape
    by_place = {}
    for unit in np.ndindex(outputs.shape):
        places = np.stack([each.ravel() for each in bound.unit(unit).places])
        inside = ((places.T >= 0) & (places.T < shape)).all(axis=1)
        by_place.setdefault(unit[places_of(outputs.ndim)], []).append(places[places_of(len(shape)), inside])
    for place, found in by_place.items():
        summed = np.concatenate(found, axis=1)
        box = bound.field(seen, [(at, at) for at in place])
        for (low, high), each, size in zip(box, summed, shape[places_of(len(shape))], strict=True):
            assert not each.size or (max(low, 0), min(high, size - 1)) == (each.min(), each.max())


@every_example
def test_the_field_of_a_box_is_what_its_places_see_together(kind, case, arrays, bound, outputs):
    seen = bound.notation.factors[-1].name
    if seen in bound.computed:
        return
    sizes = outputs.shape[places_of(outputs.ndim)]
    for first, last in ((0, 0), (1, 0), (0, 1)):
        box = [(min(first, size - 1), size - 1 - min(last, size - 1)) for size in sizes]
        if any(low > high for low, high in box):
            continue
        every = [
            bound.field(seen, [(at, at) for at in place])
            for place in itertools.product(*(range(low, high + 1) for low, high in box))
        ]
        lows, highs = np.array(every).min(axis=0)[:, 0], np.array(every).max(axis=0)[:, 1]
        assert bound.field(seen, box) == tuple(zip(lows.tolist(), highs.tolist(), strict=True)), box


@every_example
def test_work_is_counted_from_the_letters(kind, case, arrays, bound, outputs):
    if bound.is_copy or bound.notation.operation == "max":
        assert bound.multiply_adds == 0
    elif kind == "transposed-convolution":  # what is cut off at the edges is counted too
        assert bound.multiply_adds == arrays[0].size * arrays[1][0].size
    else:
        summed = sum(bound.unit(unit).patch.size for unit in np.ndindex(outputs.shape))
        assert bound.multiply_adds == summed


def test_a_convolution_by_hand():
    image = np.array([[[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]])
    kernel = np.array([[[[1.0, 10], [100, 1000]]]])
    bound = LINES["convolution"].bind([image, kernel, np.array([0.5])], (1, 2, 2), {"stride": (1, 1)})
    sums = bound.unit((0, 0, 1))
    assert sums.patch.tolist() == [[[2, 3], [5, 6]]]
    assert sums.weights.tolist() == kernel[0].tolist()
    assert sums.bias == 0.5
    assert bound.latex == (
        r"y_{o r c} = \sum_{i=0}^{0} \sum_{k=0}^{1} \sum_{l=0}^{1} W_{o i k l} x_{i, r + k, c + l} + b_{o}"
    )
    edge = LINES["convolution"].bind([image, kernel], (1, 4, 4), {"padding": (1, 1)})
    assert edge.unit((0, 0, 0)).patch.tolist() == [[[0, 0], [0, 1]]]
    assert edge.field("x", ((0, 0), (3, 3))) == ((-1, 0), (2, 3))
    assert edge.notation.text == "y[o,r,c] = W[o,i,k,l] * x[i,S*r+k-P,s*c+l-p]"
    assert edge.to_json()["factors"][1] == {
        "name": "x",
        "indices": [[[1, "i"]], [[1, "r"], [1, "k"], [-1, ""]], [[1, "c"], [1, "l"], [-1, ""]]],
    }


def test_a_transposed_convolution_says_where_its_kernel_is():
    bound = LINES["transposed-convolution"].bind(
        [np.ones((2, 3, 3)), np.ones((2, 4, 4, 4))], (4, 6, 6), {"stride": (2, 2), "padding": (1, 1)}
    )
    assert bound.latex == (
        r"y_{o h w} = \sum_{i=0}^{1} \sum_{r=0}^{2} \sum_{c=0}^{2} W_{i o k l} x_{i r c} \\ "
        r"k = h - 2 r + 1, 0 \le k \le 3 \\ l = w - 2 c + 1, 0 \le l \le 3"
    )


def test_what_is_no_line_is_refused():
    for text in ("y[o]", "y[o] = x", "y = x[o]"):
        with pytest.raises(ValueError, match="is no line of index notation"):
            read_line(text, ())


def test_copies_are_what_moves_numbers_alone():
    found = {each.values[0] for each in examples() if each.values[3].is_copy}
    copies = {"flatten", "unflatten", "part", "turn", "without-padding", "patches-to-tokens", "choose-token"}
    assert found == copies
