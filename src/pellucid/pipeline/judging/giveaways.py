"""What a model is worth without giveaways: its score on the test examples that lack one."""

from typing import Any

import numpy as np

from pellucid.arithmetic.rounding import figure
from pellucid.bundle import Model
from pellucid.data import Dataset
from pellucid.data.giveaways import Giveaways
from pellucid.data.wording import count_of, quoted
from pellucid.pipeline.judging.testing import Tested, scored
from pellucid.settings import METRICS


def judged_giveaways(
    found: Giveaways, tested: Tested, model: Model, dataset: Dataset, seed: int
) -> list[dict[str, Any]]:
    """Giveaways with the recommended model's score without each: `giveaways` in `metrics.json`.

    `seed` is that of the bootstrap.
    """
    metric = METRICS[dataset.target.headline]
    entries = []
    for each in found.found:
        entry = each.to_json()
        kept = np.isin(dataset.test, each.test_without)
        labels = dataset.labels[dataset.test]
        predicted = dataset.target.labels(tested.answers, dataset.classes, model.threshold)
        without = scored(labels[kept], tested.answers[kept], seed, predicted=predicted[kept]).to_json()
        score = without.get(metric.key)
        of_class = int((labels[kept] == dataset.classes.index(each.label)).sum())
        entry["score_without"] = score
        entry["metric"] = metric.key
        entry["test_with"], entry["test_without"] = len(each.test_with), len(each.test_without)
        entry["test_without_of_class"] = of_class
        words = f"{each.kind} {each.value} gives class {quoted(each.label)} away"
        if score is not None:
            value, low, high = (figure(score[end]) for end in ("value", "low", "high"))
            asked = count_of(int(kept.sum()), f"test {dataset.noun}")
            words += (
                f"; on the {asked} without it, {of_class:,} of them of this class, {metric.words} is {value} "
                f"[{low}, {high}]"
            )
            if not of_class:
                words += f", which says nothing of this class; no test {dataset.noun} shows it without"
        entry["words"] = f"{words}. {each.remedy()}"
        entries.append(entry)
    return entries
