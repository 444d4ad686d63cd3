"""Cost of one answer of an ONNX graph, from the shapes in the file, before anything is computed."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from pellucid.budgets import MEMORY, WORK
from pellucid.runtime.onnx_files import LARGEST, SIZES, Graph, Node, Tensor, shape_read, values_of

Shape = tuple[int, ...]
Given = Sequence[Tensor | None]
# From an operator and what it takes to the shapes of its outputs, and its multiply-adds.
Rule = Callable[[Node, Given], tuple[list[Shape], int]]


def needed(given: Given, place: int) -> Tensor:
    """The tensor at a place.

    Raises: `ValueError` if there is none.
    """
    tensor = given[place] if place < len(given) else None
    if tensor is None:
        raise ValueError("an operator lacks an input")
    return tensor


def known(given: Given, place: int) -> list[int]:
    """Whole numbers that decide a shape.

    Raises: `ValueError` if only the inputs of the graph decide them.
    """
    values = needed(given, place).values
    if values is None:
        raise ValueError("a shape depends on what the inputs hold")
    found: list[int] = values.ravel().tolist()
    return found


def axis_of(axis: int, axes: int) -> int:
    """Number of an axis, which may be counted from the end.

    Raises: `ValueError` if there is no such axis.
    """
    place = axis + axes if axis < 0 else axis
    if not 0 <= place < axes:
        raise ValueError("an axis that is not there")
    return place


def broadcast(*shapes: Shape) -> Shape:
    """Shape of operands that are stretched to each other's.

    Raises: `ValueError` if they cannot be.
    """
    axes = max(map(len, shapes))
    found = []
    for lengths in zip(*((1,) * (axes - len(shape)) + shape for shape in shapes), strict=True):
        others = {length for length in lengths if length != 1}
        if len(others) > 1:
            raise ValueError("shapes that do not fit to each other")
        found.append(others.pop() if others else 1)
    return tuple(found)


# Operators that rearrange, cut and repeat: shapes they give, from the shapes that they take.


def _concat(node: Node, given: Given) -> tuple[list[Shape], int]:
    shapes = [needed(given, place).shape for place in range(len(given))]
    axis = axis_of(node.attributes["axis"], len(shapes[0]))
    shape = list(shapes[0])
    shape[axis] = sum(each[axis] for each in shapes)
    return [tuple(shape)], math.prod(shape)


def _split(node: Node, given: Given) -> tuple[list[Shape], int]:
    shape, axis = needed(given, 0).shape, node.attributes.get("axis", 0)
    place, count = axis_of(axis, len(shape)), len(node.outputs)
    part = -(-shape[place] // count)
    equal = [part] * (count - 1) + [shape[place] - part * (count - 1)]
    lengths = known(given, 1) if len(given) > 1 else equal
    if sum(lengths) != shape[place]:
        raise ValueError("parts that are not the whole")
    return [(*shape[:place], each, *shape[place + 1 :]) for each in lengths], math.prod(shape)


def _transpose(node: Node, given: Given) -> tuple[list[Shape], int]:
    shape = needed(given, 0).shape
    order = node.attributes.get("perm") or range(len(shape))[::-1]
    return [tuple(shape[axis] for axis in order)], math.prod(shape)


def _reshape(node: Node, given: Given) -> tuple[list[Shape], int]:
    shape, wanted = needed(given, 0).shape, known(given, 1)
    if not node.attributes.get("allowzero", 0):
        wanted = [shape[place] if length == 0 else length for place, length in enumerate(wanted)]
    if wanted.count(-1) == 1:
        rest = math.prod(length for length in wanted if length != -1)
        wanted[wanted.index(-1)] = math.prod(shape) // rest if rest else 0
    if math.prod(wanted) != math.prod(shape) or min([*wanted, 0]) < 0:
        raise ValueError("a shape of another number of elements")
    return [tuple(wanted)], 0


def _unsqueeze(node: Node, given: Given) -> tuple[list[Shape], int]:
    shape, axes = list(needed(given, 0).shape), known(given, 1)
    for axis in sorted(axis_of(axis, len(shape) + len(axes)) for axis in axes):
        shape.insert(axis, 1)
    return [tuple(shape)], 0


def _squeeze(node: Node, given: Given) -> tuple[list[Shape], int]:
    shape = needed(given, 0).shape
    axes = known(given, 1) if len(given) > 1 else [at for at, length in enumerate(shape) if length == 1]
    dropped = {axis_of(axis, len(shape)) for axis in axes}
    return [tuple(length for place, length in enumerate(shape) if place not in dropped)], 0


def _flatten(node: Node, given: Given) -> tuple[list[Shape], int]:
    shape = needed(given, 0).shape
    axis = node.attributes.get("axis", 1)
    return [(math.prod(shape[:axis]), math.prod(shape[axis:]))], 0


def _gather(node: Node, given: Given) -> tuple[list[Shape], int]:
    data, places = needed(given, 0).shape, needed(given, 1).shape
    axis = axis_of(node.attributes.get("axis", 0), len(data))
    shape = (*data[:axis], *places, *data[axis + 1 :])
    return [shape], math.prod(shape)


def _gather_elements(node: Node, given: Given) -> tuple[list[Shape], int]:
    shape = needed(given, 1).shape
    return [shape], math.prod(shape)


def _gather_slices(node: Node, given: Given) -> tuple[list[Shape], int]:
    data, places = needed(given, 0).shape, needed(given, 1).shape
    shape = (*places[:-1], *data[node.attributes.get("batch_dims", 0) + places[-1] :])
    return [shape], math.prod(shape)


def _expand(node: Node, given: Given) -> tuple[list[Shape], int]:
    shape = broadcast(needed(given, 0).shape, tuple(known(given, 1)))
    return [shape], math.prod(shape)


def _tile(node: Node, given: Given) -> tuple[list[Shape], int]:
    pairs = zip(needed(given, 0).shape, known(given, 1), strict=True)
    shape = tuple(length * times for length, times in pairs)
    return [shape], math.prod(shape)


def _pad(node: Node, given: Given) -> tuple[list[Shape], int]:
    shape, pads = list(needed(given, 0).shape), known(given, 1)
    has_axes = len(given) > 3 and given[3] is not None
    axes = [axis_of(axis, len(shape)) for axis in (known(given, 3) if has_axes else range(len(shape)))]
    for place, axis in enumerate(axes):
        shape[axis] = max(0, shape[axis] + pads[place] + pads[place + len(axes)])
    return [tuple(shape)], math.prod(shape)


def _slice(node: Node, given: Given) -> tuple[list[Shape], int]:
    shape, starts, ends = list(needed(given, 0).shape), known(given, 1), known(given, 2)
    axes = known(given, 3) if len(given) > 3 and given[3] is not None else range(len(starts))
    steps = known(given, 4) if len(given) > 4 else [1] * len(starts)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        place = axis_of(axis, len(shape))
        length = shape[place]
        stop = end if step > 0 or end >= -length else None
        shape[place] = len(range(length)[slice(start, stop, step)])
    return [tuple(shape)], math.prod(shape)


# Rules of these operators.
REARRANGING: dict[str, Rule] = {
    "Concat": _concat,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "GatherND": _gather_slices,
    "Pad": _pad,
    "Reshape": _reshape,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Tile": _tile,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}


# Shapes that operators give, and their multiply-adds, from the shapes that they take.
#
# Each rule is that of ONNX's own documentation of the operator ("Operator Schemas"). What depends on numbers
# that only an input decides is refused: no export holds it.


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


# Memory and multiply-adds of one answer, and the refusal of a graph that asks too much of either.

_COST_OF_A_NODE = 1_000
# Growth allowed to what constants alone decide, computed once and kept: from 8 bits to 32 at most.
_FOLDED = 4

_MOST_AXES = 100
_BEYOND = 100


class GraphCost(NamedTuple):
    """Needs of computing a graph once.

    Attributes:
        memory: most bytes at a time beside the weights.
        multiply_adds: multiplications followed by an addition, and what takes as long.
    """

    memory: int
    multiply_adds: int


def cost_of(
    graph: Graph, inputs: dict[str, Tensor], hear: Callable[[str, Tensor], object] | None = None
) -> GraphCost:
    """Cost of computing a graph once, for inputs of those shapes; `hear` is told every tensor by its name.

    Raises: `ValueError` if shapes contradict each other, or an operator is unknown.
    """
    known: dict[str, Tensor] = {**graph.constants, **inputs}
    memory, work = _Memory(graph, inputs), 0
    most_memory, most_work = _BEYOND * MEMORY.value(), _BEYOND * WORK.value()
    for place, node in enumerate(graph.nodes):
        rule = RULES.get(node.operator)
        if rule is None:
            raise ValueError(f"the operator {node.operator[:40]!r}, which no export of Pellucid contains")
        given = [known[name] if name else None for name in node.inputs]
        shapes, multiply_adds = rule(node, given)
        work += multiply_adds + _COST_OF_A_NODE
        size = size_of(node, given)
        for name, shape in zip(node.outputs, shapes, strict=False):
            if any(not 0 <= length <= LARGEST for length in shape) or len(shape) > _MOST_AXES:
                raise ValueError("a shape that is impossible")
            if name in known:
                raise ValueError("a tensor is computed twice")
            values = values_of(node, given, shape) if name == node.outputs[0] else None
            known[name] = Tensor(shape, size, values)
            if hear is not None:
                hear(name, known[name])
        memory.after(place, node, known)
        if memory.peak > most_memory or work > most_work:
            break  # it is refused in any case
    return GraphCost(memory.peak, work)


class _Memory:
    """Bytes of the tensors that are still needed, operator by operator.

    Attributes:
        peak: most of them at a time, beside the weights.

    Args:
        graph: that is followed.
        inputs: what it takes.
    """

    peak: int

    def __init__(self, graph: Graph, inputs: dict[str, Tensor]) -> None:
        self._last = {name: place for place, node in enumerate(graph.nodes) for name in node.inputs}
        self._alive = {name: _bytes(tensor) for name, tensor in inputs.items()}
        self._fixed, self._folded = set(graph.constants), 0
        self._spared = _FOLDED * sum(map(_bytes, graph.constants.values()))
        self._now = self.peak = sum(self._alive.values())

    def after(self, place: int, node: Node, known: dict[str, Tensor]) -> None:
        """Count what an operator has made, then leave out what no later one needs."""
        is_fixed = self._fixed.issuperset(filter(None, node.inputs))
        for name in filter(None, node.outputs):
            if name not in known:
                continue
            if is_fixed:
                self._fixed.add(name)
                self._folded += _bytes(known[name])
            else:
                self._alive[name] = _bytes(known[name])
                self._now += self._alive[name]
        self.peak = max(self.peak, self._now + max(0, self._folded - self._spared))
        for name in {*node.inputs, *node.outputs}:
            if self._last.get(name, -1) <= place and name in self._alive:
                self._now -= self._alive.pop(name)


def _bytes(tensor: Tensor) -> int:
    return tensor.elements * tensor.size


def require_affordable(graph: Graph, inputs: dict[str, Tensor]) -> None:
    """Refuse a graph of which one answer costs more than the budgets.

    Raises: `ValueError` with the figures, or as `cost_of`.
    """
    cost = _sound(lambda: cost_of(graph, inputs))
    memory, work = MEMORY.value(), WORK.value()
    if cost.memory > memory:
        raise ValueError(
            f"one answer would take {cost.memory / 1e9:,.1f} GB of memory beside the weights, where "
            f"{memory / 1e9:g} GB are admitted; {MEMORY.remedy}"
        )
    if cost.multiply_adds > work:
        raise ValueError(
            f"one answer would take {cost.multiply_adds / 1e9:,.0f} billion multiply-adds, where "
            f"{work / 1e9:g} billion are admitted; {WORK.remedy}"
        )


def is_affordable(graph: Graph, inputs: dict[str, Tensor]) -> bool:
    """Tell whether inputs of those shapes can be answered at once within the memory of one answer."""
    try:
        return _sound(lambda: cost_of(graph, inputs)).memory <= MEMORY.value()
    except ValueError:
        return False


def _sound(compute: Callable[[], GraphCost]) -> GraphCost:
    """A cost; whatever goes wrong while a graph is followed is its own contradiction."""
    try:
        return compute()
    except (LookupError, TypeError, ArithmeticError, AssertionError, AttributeError) as error:
        raise ValueError("operators that contradict each other") from error
