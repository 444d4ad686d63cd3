"""What every model that is a network says of itself, whatever it takes."""

from pellucid.networks import Network


class OnNetwork:
    """A model whose answers are a network's.

    Attributes:
        network: the trained network.
        classes: class names in the order of the probabilities; none where a number is predicted.
    """

    network: Network
    classes: tuple[str, ...]

    @property
    def is_numbers(self) -> bool:
        """Whether a number is predicted."""
        return not self.classes

    @property
    def parameters(self) -> int:
        """Weights and biases that were learnt."""
        return sum(parameter.numel() for parameter in self.network.parameters())

    @property
    def name(self) -> str:
        """The network's family."""
        return self.network.config.name
