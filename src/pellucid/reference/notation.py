r"""Index notation: one line that is a layer, and what follows from it.

A line names every number of a result and what it is the sum of, as in

    y[o,r,c] = W[o,i,k,l] * x[i,S*r+k-P,s*c+l-p] + b[o]

which is a convolution with strides $S, s$ and paddings $P, p$. Letters on the right alone are summed over,
each as far as the array goes in which it is an index by itself; beyond an array's edge are zeros. Where
several letters on the left make up one index, as in `y[o,S*r+k-P,...]`, all that give the same index are
summed. `mean` and `max` before the factors take the place of the sum, `root` divides it by the root of how
many are summed. From a line follow

- what one number of the result is made of: all factors at all letters that give its index (`Bound.unit`);
- its receptive field: the range of each letter, and from these the range of an index (`Bound.field`);
- the chain rule of a weight: with $y_u = \sum_j W_{a(j)} x_{b(j)}$ summed over the letters $j$ that give $u$,
  $$\frac{\partial L}{\partial W_a} = \sum_{j: a(j) = a} \bar y_{u(j)} \, x_{b(j)}$$
  (`Bound.terms`);
- the multiplications: one for each choice of all letters (`Bound.multiply_adds`);
- the formula in LaTeX (`Bound.latex`).

Letters that stand for numbers of the layer: strides $S, s$; paddings $P, p$; filters $F$ and channels $I$ of
a group; numbers $D$ of a head, and $V$ before the values; numbers $M$ of a map and $N$ of a row of it; the
first number or token $A$ of a part; the last place $L$ of a text; learnt tokens $K$ before those of patches.

Source: Vasilache et al. 2018, "Tensor Comprehensions", arXiv:1802.04730, section 2, for the notation and the
ranges of letters; Einstein 1916 for the sum over letters that are on one side alone.
"""

import functools
import itertools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64

from pellucid.language.sentence import Sentence

Shape = tuple[int, ...]
Range = tuple[int, int]
Settings = Mapping[str, Any]

# Power of how many numbers there are that divides their sum.
_POWERS = {"mean": 1.0, "root": 0.5}

_ACCESS = re.compile(r"(\w+)\[([^\]]*)\]")


class Index(NamedTuple):
    """Index of one axis, a sum of whole numbers times letters, such as $2 r + k - 1$, or numbers alone."""

    terms: tuple[tuple[int, str], ...]

    @property
    def letters(self) -> tuple[str, ...]:
        """Letters in it."""
        return tuple(letter for _, letter in self.terms if letter)

    def at(self, values: Mapping[str, Any]) -> Any:
        """Its value where the letters have theirs, numbers or arrays."""
        return sum(number * values[letter] if letter else number for number, letter in self.terms)

    def latex(self) -> str:
        """Formula of the index."""
        text = ""
        for number, letter in self.terms:
            if number or len(self.terms) == 1:
                sign = (" - " if number < 0 else " + ") if text else "- " * (number < 0)
                size = "" if letter and abs(number) == 1 else str(abs(number))
                text += sign + " ".join(filter(None, (size, letter)))
        return text


class Access(NamedTuple):
    """Array at some indices, such as `x[i,r+k,c+l]`."""

    name: str
    indices: tuple[Index, ...]

    @property
    def letters(self) -> tuple[str, ...]:
        """Letters of all indices."""
        return tuple(itertools.chain.from_iterable(each.letters for each in self.indices))

    def latex(self) -> str:
        """Formula of the access; of maps and kernels an axis whose first place alone counts is left out."""
        is_map = len(self.indices) > 2
        written = [each.latex() for each in self.indices if not is_map or each.terms != ((0, ""),)]
        between = " " if all(len(each) == 1 for each in written) else ", "
        return f"{self.name}_{{{between.join(written)}}}"


class Notation(NamedTuple):
    """A line, read with the numbers of one layer in the place of its constants.

    `text`: the line as written; `operation`: `sum`, `mean`, `root` or `max`; `factors`: what is multiplied,
    at the end what the layer sees; `bias`: added to the sum; `None` where there is none.
    """

    text: str
    output: Access
    operation: str
    factors: tuple[Access, ...]
    bias: Access | None


@functools.lru_cache(maxsize=1024)
def read_line(text: str, constants: tuple[tuple[str, int], ...]) -> Notation:
    """Read a line; `constants` are the values of its letters that stand for settings, such as a stride.

    Raises: `ValueError` if it is no such line.
    """
    known = dict(constants)

    def read_index(written: str) -> Index:
        terms = []
        for sign, product in re.findall(r"([+-]?)([\w*]+)", written):
            number, letter = -1 if sign == "-" else 1, ""
            for each in product.split("*"):
                if each.isdigit() or each in known:
                    number *= int(each) if each.isdigit() else known[each]
                else:
                    letter += each
            terms.append((number, letter))
        return Index(tuple(terms))

    left, equals, right = text.partition(" = ")
    operation = next((each for each in ("mean", "root", "max") if right.startswith(f"{each} ")), "sum")
    accesses = [
        Access(name, tuple(read_index(each) for each in inside.split(",")))
        for name, inside in _ACCESS.findall(f"{left} {right}")
    ]
    has_bias = " + " in right
    if not equals or len(accesses) < 2 + has_bias or "" in (each.name for each in accesses):
        raise ValueError(Sentence("{text}: is no line of index notation", text))
    factors = tuple(accesses[1 : len(accesses) - has_bias])
    return Notation(text, accesses[0], operation, factors, accesses[-1] if has_bias else None)


class Sums(NamedTuple):
    r"""What one number is made of: $\sum_j w_j x_j + b$, or the mean or the largest of all $x_j$.

    `patch`: $x$, an axis for each axis of what the layer sees that is summed over, of maps always three;
    `weights`: $w$; `bias`: $b$; `places`: index of each $x_j$ in what the layer sees, an array for each axis.
    """

    patch: Float64[np.ndarray, "..."]
    weights: Float64[np.ndarray, "..."]
    bias: float
    places: tuple[np.ndarray, ...]


@dataclass(frozen=True, eq=False)
class Bound:
    """A line with the arrays of one layer on one example, by their names in the line.

    `shape`: of the result; `sizes`: number of values of each letter; `computed`: names of arrays that are
    computed from others, whose zeros are left out of all sums; `where`: what the formula needs besides, in
    LaTeX.
    """

    notation: Notation
    arrays: Mapping[str, np.ndarray]
    shape: Shape
    sizes: Mapping[str, int]
    computed: frozenset[str] = frozenset()
    where: str = ""

    @property
    def is_copy(self) -> bool:
        """True where each number of the result is one that is seen."""
        line = self.notation
        is_one = len(line.factors) == 1 and line.bias is None and not self._summed
        return is_one and line.operation == "sum"

    @property
    def is_local(self) -> bool:
        """True where each number is a mean, or has a kernel: weights with axes of places."""
        (first, *_), operation = self.notation.factors, self.notation.operation
        return operation == "mean" or (first.name == "W" and len(first.indices) > 2)

    @functools.cached_property
    def _summed(self) -> tuple[str, ...]:
        """Letters on the right alone, in the order in which they stand there."""
        letters = itertools.chain.from_iterable(each.letters for each in self.notation.factors)
        return tuple(dict.fromkeys(each for each in letters if each not in self.notation.output.letters))

    def _solutions(self, index: Index, value: int) -> list[dict[str, int]]:
        """All values of an index's letters that give a value."""
        rest = value - sum(number for number, letter in index.terms if not letter)
        terms = sorted((term for term in index.terms if term[1]), key=lambda term: -abs(term[0]))
        found: list[tuple[dict[str, int], int]] = [({}, rest)]
        for place, (number, letter) in enumerate(terms):
            low, high = _bounds(terms[place + 1 :], self.sizes)
            found = [
                ({**known, letter: at}, left - number * at)
                for known, left in found
                for at in _between((left - high) / number, (left - low) / number, self.sizes[letter])
            ]
        return [known for known, left in found if left == 0]

    def _gathered(self, access: Access, letters: Mapping[str, Any]) -> np.ndarray:
        """Numbers of an array, zeros beyond its edges."""
        array = self.arrays[access.name]
        places = [np.asarray(each.at(letters)) for each in access.indices]
        inside = np.asarray(True)
        for at, size in zip(places, array.shape, strict=True):
            inside = inside & (at >= 0) & (at < size)
        kept = tuple(np.clip(at, 0, size - 1) for at, size in zip(places, array.shape, strict=True))
        found: np.ndarray = np.where(inside, array[kept], 0).astype(np.float64)
        return found

    def unit(self, unit: Sequence[int]) -> Sums:
        """What one number of the result is made of, by its index."""
        *others, seen = self.notation.factors
        letters: dict[str, Any] = {}
        together: list[dict[str, np.ndarray]] = []  # letters that move together, each a group of its own
        for index, at in zip(self.notation.output.indices, unit, strict=True):
            solutions = self._solutions(index, int(at))
            if len(solutions) == 1:
                letters.update(solutions[0])
            else:
                together.append({a: np.array([one[a] for one in solutions], int) for a in index.letters})
        together += [{each: self._values_of(each, letters)} for each in self._summed]
        axes: list[dict[str, np.ndarray]] = []
        for index in seen.indices:
            own = [group for group in together if group.keys() & set(index.letters)]
            axes += own if own or len(seen.indices) < 3 else [{}]
        for place, group in enumerate(axes):
            for letter, values in group.items():
                letters[letter] = values.reshape([-1 if each == place else 1 for each in range(len(axes))])
        lengths = [len(next(iter(group.values()))) if group else 1 for group in axes]
        lengths = lengths or [1]  # a sum of one product
        patch = np.broadcast_to(self._gathered(seen, letters), lengths)
        weights = np.ones(lengths)
        for each in others:
            weights = weights * self._gathered(each, letters)
        weights = weights / patch.size ** _POWERS.get(self.notation.operation, 0.0)
        bias = self.notation.bias
        places = tuple(np.broadcast_to(each.at(letters), lengths) for each in seen.indices)
        return Sums(patch, weights, 0.0 if bias is None else float(self._gathered(bias, letters)), places)

    def _values_of(self, letter: str, known: Mapping[str, Any]) -> np.ndarray:
        """Values that a summed letter takes: those at which no computed array is zero."""
        for factor in self.notation.factors:
            if factor.name in self.computed and letter in factor.letters:
                every = np.arange(self.sizes[letter])
                found: np.ndarray = np.flatnonzero(self._gathered(factor, {**known, letter: every}))
                return found
        return np.arange(self.sizes[letter])

    def field(self, name: str, box: Sequence[Range]) -> tuple[Range, ...]:
        """Places of the array `name` that the numbers of a box of places see; may reach beyond its edges.

        Of maps places are rows and columns, of texts those of tokens, of vectors all.
        """
        ranges = {letter: (0, size - 1) for letter, size in self.sizes.items()}
        output = self.notation.output.indices
        for index, (low, high) in zip(output[places_of(len(output))], box, strict=True):
            exact = self._solutions(index, low) if low == high else []
            for number, letter in (term for term in index.terms if term[1]):
                if exact:
                    found = [one[letter] for one in exact]
                    ranges[letter] = (min(found), max(found))
                    continue
                others = [term for term in index.terms if term[1] and term[1] != letter]
                given = sum(number for number, other in index.terms if not other)
                least, most = _bounds(others, self.sizes)
                seen = _between(
                    (low - given - most) / number, (high - given - least) / number, self.sizes[letter]
                )
                ranges[letter] = (seen.start, seen.stop - 1)
        for factor in self.notation.factors:
            if factor.name in self.computed:
                *known, letter = factor.letters
                grid = np.ix_(*(np.arange(ranges[each][0], ranges[each][1] + 1) for each in factor.letters))
                every = self._gathered(factor, dict(zip(factor.letters, grid, strict=True)))
                counting = np.flatnonzero(every.any(axis=tuple(range(len(known)))))
                ranges[letter] = (int(counting[0]), int(counting[-1]))
        access = next(each for each in self.notation.factors if each.name == name)
        return tuple(_spanned(each, ranges) for each in access.indices[places_of(len(access.indices))])

    def terms(
        self, name: str, index: Sequence[int], above: Float64[np.ndarray, "..."]
    ) -> tuple[Float64[np.ndarray, " terms"], Float64[np.ndarray, " terms"]]:
        """Terms of the gradient of one number of a weight: gradients above, and the numbers it meets there.

        `name`: of the weight in the line; `index`: of the number; `above`: gradient of the result.
        """
        line = self.notation
        if line.bias is not None and name == line.bias.name:  # it meets a 1 wherever it is added
            known: dict[Index, Any] = dict(zip(line.bias.indices, index, strict=True))
            kept = tuple(known.get(each, slice(None)) for each in line.output.indices)
            gradients = np.asarray(above[kept], np.float64).ravel()
            return gradients, np.ones_like(gradients)
        own = next(each for each in line.factors if each.name == name)
        letters: dict[str, Any] = {}
        for each, at in zip(own.indices, index, strict=True):
            (solution,) = self._solutions(each, int(at))
            letters |= solution
        every = dict.fromkeys((*line.output.letters, *self._summed))
        free = [each for each in every if each not in letters]
        grid = np.meshgrid(*(np.arange(self.sizes[each]) for each in free), indexing="ij")
        letters |= {letter: values.ravel() for letter, values in zip(free, grid, strict=True)}
        places = np.broadcast_arrays(*(np.atleast_1d(each.at(letters)) for each in line.output.indices))
        inside = np.all([(at >= 0) & (at < n) for at, n in zip(places, above.shape, strict=True)], axis=0)
        met = np.ones(len(inside))
        for factor in line.factors:
            if factor is not own:
                met = met * self._gathered(factor, letters)
        return above[tuple(at[inside] for at in places)], met[inside]

    @property
    def multiply_adds(self) -> int:
        """Multiplications followed by an addition; those with zeros beyond an edge count too."""
        if self.is_copy or self.notation.operation == "max":
            return 0
        letters = dict.fromkeys((*self.notation.output.letters, *self._summed))
        work = 1
        for factor in self.notation.factors:
            if factor.name in self.computed:
                work *= int(np.count_nonzero(self.arrays[factor.name]))
                letters = {each: None for each in letters if each not in factor.letters}
        return work * math.prod(self.sizes[each] for each in letters)

    @property
    def latex(self) -> str:
        """Formula without dollar signs; its lines are separated by two backslashes."""
        line, sizes = self.notation, self.sizes
        conditions: list[str] = []
        hidden: set[str] = set()
        indices: list[Index] = []
        for axis, index in enumerate(line.output.indices):
            if self._is_unique(index):
                indices.append(index)
                continue
            # Several choices of letters give one index: it gets a letter of its own, and one follows from it.
            own = "ohw"[axis]
            inner = next(letter for number, letter in reversed(index.terms) if letter and number == 1)
            rest = tuple((-number, letter) for number, letter in index.terms if letter != inner)
            conditions.append(
                rf"{inner} = {Index(((1, own), *rest)).latex()}, 0 \le {inner} \le {sizes[inner] - 1}"
            )
            hidden.add(inner)
            indices.append(Index(((1, own),)))
        known = hidden.union(*(each.letters for each in indices))
        letters = itertools.chain.from_iterable(each.letters for each in line.factors)
        summed = [each for each in dict.fromkeys(letters) if each not in known]
        product = " ".join(each.latex() for each in line.factors)
        if line.operation == "max":
            right = rf"\max_{{{', '.join(f'{each} < {sizes[each]}' for each in summed)}}} {product}"
        else:
            # Everything is counted from 0: units, places and kernels, as in arrays.
            sums = "".join(rf"\sum_{{{each}=0}}^{{{sizes[each] - 1}}} " for each in summed)
            count = math.prod(sizes[each] for each in summed)
            by = {"mean": rf"\frac{{1}}{{{count}}} ", "root": rf"\frac{{1}}{{\sqrt{{{count}}}}} "}
            right = by.get(line.operation, "") + sums + product
        if line.bias is not None:
            right += f" + {line.bias.latex()}"
        left = Access(line.output.name, tuple(indices)).latex()
        return r" \\ ".join(filter(None, [f"{left} = {right}", *conditions, self.where]))

    def _is_unique(self, index: Index) -> bool:
        """True where no two choices of an index's letters give the same index."""
        size = 1
        for number, letter in sorted(term for term in index.terms if term[1]):
            if number < size:
                return False
            size = number * self.sizes[letter]
        return True

    def to_json(self) -> dict[str, Any]:
        """Line, letters and indices for a page: an index as `[number, letter]` pairs."""
        line = self.notation

        def written(access: Access) -> dict[str, Any]:
            indices = [[list(term) for term in each.terms] for each in access.indices]
            return {"name": access.name, "indices": indices}

        return {
            "line": line.text,
            "operation": line.operation,
            "output": written(line.output),
            "factors": [written(each) for each in line.factors],
            "bias": None if line.bias is None else written(line.bias),
            "sizes": dict(self.sizes),
        }


def places_of(axes: int) -> slice:
    """Axes of a value that are places: rows and columns of maps, tokens of a text, units of a vector."""
    return slice(1, 3) if axes == 3 else slice(0, 1)


def _between(one: float, other: float, size: int) -> range:
    """Whole numbers between two, at least 0 and below `size`."""
    return range(max(0, math.ceil(min(one, other))), min(size - 1, math.floor(max(one, other))) + 1)


def _bounds(terms: Sequence[tuple[int, str]], sizes: Mapping[str, int]) -> Range:
    """Least and largest sum of letters times numbers."""
    ends = [(0, number * (sizes[letter] - 1)) for number, letter in terms]
    return sum(min(each) for each in ends), sum(max(each) for each in ends)


def _spanned(index: Index, ranges: Mapping[str, Range]) -> Range:
    """First and last value of an index while its letters run."""
    ends = [
        (number * ranges[letter][0], number * ranges[letter][1]) if letter else (number, number)
        for number, letter in index.terms
    ]
    return sum(min(each) for each in ends), sum(max(each) for each in ends)


class Sizes(NamedTuple):
    """What a layer takes (values without the batch, then weights), its result's shape, and its settings."""

    taken: Sequence[np.ndarray]
    shape: Shape
    settings: Settings


@dataclass(frozen=True)
class Declaration:
    """A layer in one line, and the numbers that its letters stand for.

    Attributes:
        lines: the line; several where it depends on the layer.
        names: of what the layer takes, in order; `-` for what is not in the line.
        constants: values of letters that stand for settings; under a letter and `#` its size, of letters that
            are no index by themselves.
        computed: arrays that are computed from what the layer takes, by name.
        which: place of the layer's line.
        where: what the formula needs besides, in LaTeX.
    """

    lines: tuple[str, ...]
    names: str = "xWb"
    constants: Callable[[Sizes], Mapping[str, int]] = field(default=lambda sizes: {})
    computed: Callable[[Sizes], Mapping[str, np.ndarray]] = field(default=lambda sizes: {})
    which: Callable[[Sizes], int] = field(default=lambda sizes: 0)
    where: str = ""

    def bind(self, taken: Sequence[np.ndarray], shape: Shape, settings: Settings) -> Bound:
        """The line of one layer on one example; a bias that the layer lacks is left out.

        `taken`: values without the batch, then weights; `shape`: of the result, without the batch.
        """
        sizes = Sizes(taken, shape, settings)
        text, computed = self.lines[self.which(sizes)], self.computed(sizes)
        arrays = {name: each for name, each in zip(self.names, taken, strict=False) if name != "-"}
        if "b" not in arrays:
            text = text.partition(" + b[")[0]
        constants = self.constants(sizes)
        line = read_line(text, tuple(each for each in constants.items() if not each[0].endswith("#")))
        lengths = {name[0]: size for name, size in constants.items() if name.endswith("#")}
        arrays |= computed
        for access, given in (
            (line.output, shape),
            *((each, arrays[each.name].shape) for each in line.factors),
        ):
            for index, size in zip(access.indices, given, strict=True):
                if len(index.terms) == 1 and index.terms[0][0] == 1:
                    lengths.setdefault(index.terms[0][1], size)
        return Bound(line, arrays, shape, lengths, frozenset(computed), self.where)


class Pointwise(NamedTuple):
    r"""A step of a layer that computes each number from the one in its place.

    Attributes:
        operation: `+`, `-`, `*`, `/`, `/√` (by the root of the operand and epsilon), or `function`, the
            layer's own.
        symbol: the operand in LaTeX, of a function the formula; `@` is the index, names in braces are
            settings.
        words: the operand in words, before its number.
        operand: place among what the layer takes, or name of a setting.
        at: where its number is: at the `channel` of the unit, at the `unit` itself, in the row of its `place`
            (or the last row), or it is a `setting`.
    """

    operation: str
    symbol: str
    words: str = ""
    operand: int | str = 0
    at: str = "channel"
