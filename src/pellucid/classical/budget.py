"""Budget of the classical models: counts, which a time limit makes smaller."""

import dataclasses
import math
from dataclasses import dataclass


class OverdueError(Exception):
    """A model took so much longer than expected that it was given up; nothing of it is kept."""


_LEAST = {
    "examples": 200,
    "screened": 200,
    "judged": 200,
    "configurations": 1,
    "iterations": 20,
    "trees": 10,
    "grown": 200,
    "components": 20,
    "supported": 200,
    "values": 1_000_000,
    "pairs": 45,
    "text": 1_000_000,
    "products": 10_000_000,
    "screened_texts": 200,
}
_OF_EXAMPLES = ("examples", "screened", "screened_texts", "grown", "supported")
_SCREENING_PART = 4


@dataclass(frozen=True)
class Budget:
    """Bounds of what each classical model may see, try and store.

    As it stands, all baselines together cost about as much as the network of the preset `standard`.

    Attributes:
        examples: training examples that a model may see; where there are more, so many are drawn.
        screened: training examples on which the configurations are compared before the best of them
            learns from all.
        screened_texts: the same of texts, from which most models learn faster.
        judged: validation examples on which they are compared.
        configurations: how many are compared.
        iterations: steps of the solver of logistic regression.
        trees: of a random forest.
        grown: training examples from which one tree of a forest grows; each tree draws its own.
        components: principal components that a support vector machine sees.
        supported: training examples of a support vector machine for numbers.
        pairs: pairs of classes that a support vector machine is trained on while configurations are
            compared; with more classes fewer configurations are.
        values: numbers (examples times features) that a table of features may hold.
        text: bytes of training texts that a model may see.
        products: words of texts times classes that a linear model of texts may learn from.
    """

    examples: int = 60_000
    screened: int = 5_000
    screened_texts: int = 12_000
    judged: int = 5_000
    configurations: int = 6
    iterations: int = 150
    trees: int = 100
    grown: int = 20_000
    components: int = 150
    supported: int = 12_000
    pairs: int = 600
    values: int = 100_000_000
    text: int = 40_000_000
    products: int = 400_000_000

    def __post_init__(self) -> None:
        for name, count in dataclasses.asdict(self).items():
            if count < 1:
                raise ValueError(f"budget: {name} is {count}; give at least 1")

    @property
    def for_screening(self) -> "Budget":
        """Budget with a quarter of the trees: enough to tell configurations apart."""
        return dataclasses.replace(self, trees=-(-self.trees // _SCREENING_PART))

    @classmethod
    def of_preset(cls, preset: str) -> "Budget":
        """Budget of a preset: with `quick` fewer trees, and fewer examples to compare set-ups on."""
        return _OF_PRESETS.get(preset, cls())

    def within(self, other: "Budget") -> "Budget":
        """The smaller of each count of two budgets."""
        bounds = dataclasses.asdict(other)
        return Budget(**{name: min(count, bounds[name]) for name, count in dataclasses.asdict(self).items()})

    @classmethod
    def shrunk(cls, share: float, examples: int | None = None) -> "Budget":
        """Part of the standard budget, in which examples, configurations and trees are fewer.

        `share`, above 0 and at most 1, is what the work may cost in comparison. Fewer training examples than
        the standard budget admits shrink from their own number.

        Raises: `ValueError` if the share is out of bounds.
        """
        if not 0 < share <= 1:
            raise ValueError(f"share: {share} is not above 0 and at most 1")
        root = math.sqrt(share)  # examples and what is learnt from each of them shrink together
        counts = dataclasses.asdict(cls())
        if examples is not None:
            counts |= {name: max(1, min(counts[name], examples)) for name in _OF_EXAMPLES}
        return cls(
            **{name: min(count, max(_LEAST[name], round(count * root))) for name, count in counts.items()}
        )

    def shrunk_to_all(self, share: float, examples: int) -> "Budget":
        """Part of the budget for a model that needs its examples: fewer set-ups first, then fewer of these.

        Examples missed cost a linear model of texts, or one of few images, more than set-ups not compared.

        Raises: `ValueError` if the share is out of bounds.
        """
        if not 0 < share <= 1:
            raise ValueError(f"share: {share} is not above 0 and at most 1")
        examples = min(self.examples, examples)
        of_all = self.for_all(examples)
        if share < of_all:
            fewer = min(examples, max(_LEAST["examples"], int(share / of_all * examples)))
            return dataclasses.replace(self, examples=fewer, configurations=1)
        compared = int((share - of_all) / (1 - of_all) * self.configurations)
        return dataclasses.replace(self, configurations=max(1, compared))

    def for_all(self, examples: int) -> float:
        """Share of a model's work in which it learns from all examples and compares no set-ups."""
        comparing = self.configurations * min(1.0, self.screened_texts / min(self.examples, examples))
        return 1 / (1 + comparing)


# Budgets of presets whose network costs less than that of `standard`.
_OF_PRESETS = {"quick": Budget(screened=2_500, trees=50)}
