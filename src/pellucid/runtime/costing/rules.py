"""Shapes that operators give, and their multiply-adds, from the shapes that they take.

Each rule is that of ONNX's own documentation of the operator ("Operator Schemas"). What depends on numbers
that only an input decides is refused: no export holds it.
"""

import math
from collections.abc import Sequence

from pellucid.runtime.costing.given import Given, Rule, Shape, axis_of, broadcast, known, needed
from pellucid.runtime.costing.graph import SIZES, Node, Tensor
from pellucid.runtime.costing.rearranging import REARRANGING
from pellucid.runtime.costing.values import shape_read


def _each(node: Node, given: Given) -> tuple[list[Shape], int]:
    """One number of each input makes one of the output."""
    shape = broadcast(*(each.shape for each in given if each is not None))
    return [shape] * len(node.outputs), math.prod(shape)


def _first(node: Node, given: Given) -> tuple[list[Shape], int]:
    """The output has the shape of the first input; the others are its parameters."""
    shape = needed(given, 0).shape
    return [shape] * len(node.outputs), math.prod(shape)


def _matrices(node: Node, given: Given) -> tuple[list[Shape], int]:
    a, b = needed(given, 0).shape, needed(given, 1).shape
    if len(a) < 2 or len(b) < 2 or a[-1] != b[-2]:
        raise ValueError("matrices that do not fit to each other")
    shape = (*broadcast(a[:-2], b[:-2]), a[-2], b[-1])
    return [shape], math.prod(shape) * a[-1]


def _gemm(node: Node, given: Given) -> tuple[list[Shape], int]:
    a, b = needed(given, 0).shape, needed(given, 1).shape
    rows, inner = a[::-1] if node.attributes.get("transA", 0) else a
    other, columns = b[::-1] if node.attributes.get("transB", 0) else b
    if inner != other:
        raise ValueError("matrices that do not fit to each other")
    return [(rows, columns)], rows * columns * inner


def _einsum(node: Node, given: Given) -> tuple[list[Shape], int]:
    taken, arrow, wanted = node.attributes["equation"].decode().replace(" ", "").partition("->")
    sizes: dict[str, int] = {}
    terms = taken.split(",")
    if not arrow or "." in taken or len(terms) != len(given):
        raise ValueError("an equation of another form")
    for letters, place in zip(terms, range(len(given)), strict=True):
        shape = needed(given, place).shape
        for letter, length in zip(letters, shape, strict=True):
            if sizes.setdefault(letter, length) != length:
                raise ValueError("shapes that do not fit to each other")
    return [tuple(sizes[letter] for letter in wanted)], math.prod(sizes.values())


def _windows(node: Node, lengths: Shape, kernel: Sequence[int]) -> Shape:
    """Places of a window along each axis."""
    count = len(kernel)
    strides = node.attributes.get("strides") or [1] * count
    dilations = node.attributes.get("dilations") or [1] * count
    pads = node.attributes.get("pads") or [0] * 2 * count
    manner = node.attributes.get("auto_pad") or b"NOTSET"
    if len(lengths) != count or min(*strides, *dilations, *kernel, 1) < 1 or min(*pads, 0) < 0:
        raise ValueError("windows of an impossible form")
    found = []
    for place, length in enumerate(lengths):
        if manner.startswith(b"SAME"):
            found.append(-(-length // strides[place]))
            continue
        room = length + pads[place] + pads[place + count] - (dilations[place] * (kernel[place] - 1) + 1)
        steps = -(-room // strides[place]) if node.attributes.get("ceil_mode") else room // strides[place]
        found.append(max(0, steps + 1))
    return tuple(found)


def _conv(node: Node, given: Given) -> tuple[list[Shape], int]:
    images, weights = needed(given, 0).shape, needed(given, 1).shape
    shape = (images[0], weights[0], *_windows(node, images[2:], weights[2:]))
    return [shape], math.prod(shape) * math.prod(weights[1:])


def _pool(node: Node, given: Given) -> tuple[list[Shape], int]:
    images, kernel = needed(given, 0).shape, node.attributes["kernel_shape"]
    shape = (*images[:2], *_windows(node, images[2:], kernel))
    return [shape] * len(node.outputs), math.prod(shape) * math.prod(kernel)


def _global_pool(node: Node, given: Given) -> tuple[list[Shape], int]:
    shape = needed(given, 0).shape
    return [shape[:2] + (1,) * (len(shape) - 2)], math.prod(shape)


def _recurrent(gates: int) -> Rule:
    def rule(node: Node, given: Given) -> tuple[list[Shape], int]:
        """Shapes of all states and of the last ones, and multiply-adds."""
        length, batch, width = needed(given, 0).shape
        hidden = node.attributes["hidden_size"]
        directions = 2 if node.attributes.get("direction") == b"bidirectional" else 1
        if node.attributes.get("layout") or needed(given, 1).shape != (directions, gates * hidden, width):
            raise ValueError("a recurrent layer of another form")
        last = (directions, batch, hidden)
        work = length * batch * directions * gates * hidden * (width + hidden)
        return [(length, directions, batch, hidden), last, last][: len(node.outputs)], work

    return rule


def _reduce(node: Node, given: Given) -> tuple[list[Shape], int]:
    shape = needed(given, 0).shape
    axes = known(given, 1) if len(given) > 1 and given[1] is not None else node.attributes.get("axes") or []
    if not axes and not node.attributes.get("noop_with_empty_axes", 0):
        axes = list(range(len(shape)))
    dropped = {axis_of(axis, len(shape)) for axis in axes}
    if node.attributes.get("keepdims", 1):
        reduced = tuple(1 if place in dropped else length for place, length in enumerate(shape))
    else:
        reduced = tuple(length for place, length in enumerate(shape) if place not in dropped)
    return [reduced], math.prod(shape)


def _best(node: Node, given: Given) -> tuple[list[Shape], int]:
    """`ArgMax`: the place of the largest along one axis."""
    shape = needed(given, 0).shape
    place = axis_of(node.attributes.get("axis", 0), len(shape))
    kept = (1,) if node.attributes.get("keepdims", 1) else ()
    return [(*shape[:place], *kept, *shape[place + 1 :])], math.prod(shape)


def _top(node: Node, given: Given) -> tuple[list[Shape], int]:
    shape, (count,) = list(needed(given, 0).shape), known(given, 1)
    work = math.prod(shape) * max(1, count.bit_length())
    shape[axis_of(node.attributes.get("axis", -1), len(shape))] = count
    return [tuple(shape)] * 2, work


def _constant(node: Node, given: Given) -> tuple[list[Shape], int]:
    value = node.attributes.get("value")
    if not isinstance(value, Tensor):
        raise ValueError("a constant of another form")
    return [value.shape], 0


def _range(node: Node, given: Given) -> tuple[list[Shape], int]:
    (start,), (end,), (step,) = (known(given, place) for place in range(3))
    if step == 0:
        raise ValueError("a range without an end")
    length = len(range(start, end, step))
    return [(length,)], length


_EACH = """Abs Add And Atan Cast Ceil Div Equal Erf Exp Floor Gelu Greater GreaterOrEqual HardSigmoid
    HardSwish Identity IsNaN LeakyRelu Less LessOrEqual Log Max Min Mod Mul Neg Not Or Pow Reciprocal Relu
    Sigmoid Sign Sqrt Sub Tanh Where"""
_FIRST = """BatchNormalization Clip CumSum DequantizeLinear LayerNormalization LogSoftmax QuantizeLinear
    ScatterElements Softmax Trilu"""
_REDUCE = "ReduceL2 ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare"

# Every operator that an export may contain; none runs a graph of its own, and none draws random numbers.
RULES: dict[str, Rule] = {
    **dict.fromkeys(_EACH.split(), _each),
    **dict.fromkeys(_FIRST.split(), _first),
    **REARRANGING,
    **dict.fromkeys(_REDUCE.split(), _reduce),
    "ArgMax": _best,
    "AveragePool": _pool,
    "Constant": _constant,
    "Conv": _conv,
    "Einsum": _einsum,
    "GRU": _recurrent(3),
    "Gemm": _gemm,
    "GlobalAveragePool": _global_pool,
    "GlobalMaxPool": _global_pool,
    "LSTM": _recurrent(4),
    "MatMul": _matrices,
    "MaxPool": _pool,
    "Range": _range,
    "Shape": lambda node, given: ([(len(shape_read(node, given)),)], 0),
    "TopK": _top,
}


def size_of(node: Node, given: Given) -> int:
    """Bytes of one element of what an operator gives; at least those that it takes."""
    if node.operator == "Cast":
        kind = node.attributes["to"]
        if kind not in SIZES:
            raise ValueError("numbers of an unknown type")
        return SIZES[kind]
    if node.operator == "DequantizeLinear":
        return 4
    if node.operator in ("ArgMax", "Shape", "TopK", "Constant"):
        return 8
    some = given if RULES[node.operator] is _each else given[:1]  # the others say where or how long
    return max((each.size for each in some if each is not None), default=8)
