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
        labels = dataset.labels_at(dataset.test[kept])
        predicted = dataset.target.labels(tested.answers, dataset.classes, model.threshold)
        without = scored(labels, tested.answers[kept], seed, predicted=predicted[kept]).to_json()
        score = without.get(metric.key)
        of_class = int((labels.values == dataset.classes.index(each.label)).sum())
        entry["score_without"] = score
        entry["metric"] = metric.key
        entry["test_with"], entry["test_without"] = len(each.test_with), len(each.test_without)
        entry["test_without_of_class"] = of_class
        name, remedy = f"{each.kind} {each.value}", each.remedy()
        if score is None:
            words = f"{name} gives class {quoted(each.label)} away. {remedy}"
        else:
            value, low, high = (figure(score[end]) for end in ("value", "low", "high"))
            asked = count_of(int(kept.sum()), f"test {dataset.noun}")
            words = (
                f"{name} gives class {quoted(each.label)} away; on the {asked} without it, {of_class:,} of "
                f"them of this class, {metric.words} is {value} [{low}, {high}]. {remedy}"
            )
            if not of_class:
                words = (
                    f"{name} gives class {quoted(each.label)} away; on the {asked} without it {metric.words} "
                    f"is {value} [{low}, {high}], which says nothing of this class: all of its test "
                    f"{dataset.noun}s that were looked at have it. {remedy}"
                )
        entry["words"] = words
        entries.append(entry)
    return entries
