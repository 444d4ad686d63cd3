"""Memory and multiply-adds of one answer, and the refusal of a graph that asks too much of either."""

from collections.abc import Callable
from typing import NamedTuple

from pellucid.budgets import MEMORY, WORK
from pellucid.runtime.costing.graph import LARGEST, Graph, Node, Tensor
from pellucid.runtime.costing.rules import RULES, size_of
from pellucid.runtime.costing.values import values_of

_COST_OF_A_NODE = 1_000
# Growth allowed to what constants alone decide, computed once and kept: from 8 bits to 32 at most.
_FOLDED = 4

_MOST_AXES = 100
_BEYOND = 100


class Cost(NamedTuple):
    """Needs of computing a graph once.

    Attributes:
        memory: most bytes at a time beside the weights.
        multiply_adds: multiplications followed by an addition, and what takes as long.
    """

    memory: int
    multiply_adds: int


def cost_of(
    graph: Graph, inputs: dict[str, Tensor], hear: Callable[[str, Tensor], object] | None = None
) -> Cost:
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
    return Cost(memory.peak, work)


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


def _sound(compute: Callable[[], Cost]) -> Cost:
    """A cost; whatever goes wrong while a graph is followed is its own contradiction."""
    try:
        return compute()
    except (LookupError, TypeError, ArithmeticError, AssertionError, AttributeError) as error:
        raise ValueError("operators that contradict each other") from error
