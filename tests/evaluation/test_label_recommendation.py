"""Recommendation of models of several labels: the rules of those of classes, with micro-F1 for accuracy."""

import numpy as np
import pytest

from evaluation.draws import drawn_labels
from labelled import labelled
from pellucid.evaluation import recommend
from pellucid.settings.metrics import metrics_of

EVERY = (None, *(each.setting for each in metrics_of("labels") if each.test is not None))
LABELS, TRUE = drawn_labels(800, 5, unknown=0.1)


def blurred(probabilities, noise, seed, stated=1.0):
    """Probabilities that know the less the more noise there is."""
    logits = np.log(probabilities / (1 - probabilities))
    logits = logits / (1 + noise) + noise * np.random.default_rng(seed).normal(size=logits.shape)
    return 1 / (1 + np.exp(-stated * logits))


def majority(labels):
    shares = (labels == 1).sum(axis=0) / np.maximum((labels >= 0).sum(axis=0), 1)
    return np.tile(shares, (len(labels), 1))


@pytest.mark.parametrize("metric", EVERY)
def test_the_better_model_is_taken(metric):
    models = {"majority": majority(LABELS), "svm": blurred(TRUE, 1.0, 1), "cnn": TRUE}
    found = recommend(labelled(LABELS), models, metric)
    assert (found.name, found.rival) == ("cnn", "svm")
    # examples without a label, and such with all, have nothing to rank
    place = "706 of 800" if metric == "ranking-average-precision" else "800"
    assert f"cnn is the best on {place} validation examples, with" in found.reason
    assert "the best of the simpler models, svm, has" in found.reason


@pytest.mark.parametrize("metric", EVERY)
def test_the_simpler_of_practically_equal_models_is_taken(metric):
    svm = TRUE.copy()
    svm[:1] = 1 - TRUE[:1]
    found = recommend(labelled(LABELS), {"majority": majority(LABELS), "svm": svm, "cnn": TRUE}, metric)
    assert found.name == "svm"


def test_practically_nothing_is_of_log_loss_and_of_micro_f1():
    """`cnn` differs from `svm` in 60 decisions near one half, which cost next to no log loss."""
    sure = np.where(LABELS == 1, 0.97, 0.03)
    svm, cnn = sure.copy(), sure.copy()
    rows, columns = np.nonzero(LABELS >= 0)
    unsure = np.random.default_rng(0).permutation(len(rows))[:400]
    rows, columns = rows[unsure], columns[unsure]
    right = LABELS[rows, columns] == 1
    cnn[rows, columns] = np.where(right, 0.53, 0.47)
    svm[rows, columns] = np.where(right, 0.52, 0.48)
    assert recommend(labelled(LABELS), {"svm": svm, "cnn": cnn}).name == "svm"
    svm[rows[:80], columns[:80]] = np.where(right, 0.47, 0.53)[:80]
    found = recommend(labelled(LABELS), {"svm": svm, "cnn": cnn})
    assert found.name == "cnn"
    lost = recommend(labelled(LABELS), {"svm": svm, "cnn": cnn}, "log-loss")
    assert "practically" in lost.reason or lost.name == "cnn"


@pytest.mark.parametrize("metric", EVERY)
@pytest.mark.parametrize("examples", [100, pytest.param(600, marks=pytest.mark.slow)])
def test_answers_that_know_nothing_end_in_majority(metric, examples):
    found = []
    for seed in range(8):
        labels, _ = drawn_labels(examples, 4, seed=seed)
        generator = np.random.default_rng(seed)
        models = {"majority": majority(labels)}
        for name in ("logistic-regression", "svm", "random-forest", "cnn"):
            order = generator.permutation(examples)
            models[name] = blurred(drawn_labels(examples, 4, 0.3, seed)[1][order], 0.2, 1000 + seed)
        found.append(recommend(labelled(labels), models, metric, seed).name)
    assert found.count("majority") >= 7


def test_models_may_know_only_some_examples():
    labels, true = drawn_labels(300, 5, seed=4)
    cnn = true.copy()
    cnn[100:] = np.nan
    models = {"majority": majority(labels), "svm": blurred(true, 1.5, 1), "cnn": cnn}
    for metric in EVERY:
        found = recommend(labelled(labels), models, metric)
        assert found.name == "cnn", metric
        assert "of 300 validation examples" in found.reason


def test_a_metric_of_another_target_is_refused():
    with pytest.raises(
        ValueError, match=r"metric: 'accuracy' does not score .* choose one of micro-f1, macro"
    ):
        recommend(labelled(LABELS), {"svm": TRUE, "cnn": TRUE}, "accuracy")
    with pytest.raises(ValueError, match=r"metric: 'micro-f1' does not score .* choose one of accuracy"):
        recommend(labelled(np.array([0, 1])), {"svm": np.eye(2), "cnn": np.eye(2)}, "micro-f1")


def test_an_average_of_less_log_loss_and_a_worse_micro_f1_is_not_taken():
    rows, columns = np.nonzero(LABELS >= 0)
    some = np.random.default_rng(0).permutation(len(rows))

    def stating(confidence, wrong):
        """Equally sure of every answer, of which so many are wrong."""
        is_right = np.full(LABELS.shape, True)
        is_right[rows[some[:wrong]], columns[some[:wrong]]] = False
        return np.where((LABELS == 1) == is_right, confidence, 1 - confidence)

    models = {"majority": majority(LABELS), "svm": stating(0.8, 200), "average": stating(0.95, 230)}
    found = recommend(labelled(LABELS), models)
    assert found.name == "svm"
    assert found.reason.endswith("of svm alone, but a worse micro-F1.")
    assert recommend(labelled(LABELS), models, "log-loss").name == "average"
    models["average"] = stating(0.95, 200)
    assert recommend(labelled(LABELS), models).name == "average"
