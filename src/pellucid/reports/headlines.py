"""Headline of a run: which of its scores is about examples that are not known from training."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pellucid.reports.formatting import whole

# With fewer unseen test examples, what was held out says more.
FEWEST = 20
TEST = "test"
HELD_OUT = "held_out"


class Headline(NamedTuple):
    """Scores that a run is judged by."""

    # where a model's entry in `metrics.json` has them: `test`, `test_without_leaked`, `test_without_siblings`
    # or `held_out`
    part: str
    examples: int  # that they are about
    known: int  # test examples with a copy or a relative in training or validation
    tested: int  # test examples in all

    @property
    def is_held_out(self) -> bool:
        """True where so much of the test is known from training that what was held out is judged by."""
        return self.part == HELD_OUT


def headline_of(metrics: Mapping[str, Any]) -> Headline:
    """The headline by the counts of `metrics.json`, of which earlier versions wrote the same.

    Where continual training was tested on old and new examples together, that test is the headline.
    """
    data = metrics.get("data") or {}
    tested, leaked, related = (whole(data.get(name)) for name in ("test", "leaked", "test_siblings"))
    together = (metrics.get("continual") or {}).get("all_classes")
    known = leaked + related
    if together is not None or not known:
        return Headline(TEST, tested, 0, tested)
    if tested - known >= FEWEST:
        return Headline(f"test_without_{'siblings' if related else 'leaked'}", tested - known, known, tested)
    entry = (metrics.get("models") or {}).get(metrics.get("recommended")) or {}
    return Headline(HELD_OUT, whole((entry.get(HELD_OUT) or {}).get("examples")), known, tested)


def scores_of(entry: Mapping[str, Any], part: str) -> Mapping[str, Any]:
    """Scores by metric that a model's entry in `metrics.json` has in a part; nothing where there are none."""
    found = entry.get(part) or {}
    return (found.get("scores") or {}) if part == HELD_OUT else found
