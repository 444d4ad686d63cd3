"""The part of a model that a model made for a test needs when it looks at nothing."""

from pellucid.bundle import Answers, Model


class WithoutDetector(Model):
    """A model without a detector."""

    sort_seen = "layer"

    @property
    def sees_through(self):
        """Nothing that another model sees."""
        return self

    def seen(self, inputs):
        """Not asked of a model that looks at nothing."""
        raise NotImplementedError

    def answer(self, inputs):
        """What the model says, and nothing about how unlike it is."""
        return Answers(self.target.ask(self, inputs), None)
