import re
from types import SimpleNamespace

import numpy as np
import pytest

from labelled import labelled
from pellucid.evaluation import recommend
from pellucid.evaluation.comparisons import flip_p_values, paired_interval
from pellucid.evaluation.intervals import points
from pellucid.evaluation.recommendation import _is_chance, _why_the_dummy
from pellucid.settings.metrics import METRICS, metrics_of

NAMES = ["logistic-regression", "svm", "random-forest", "cnn", "svm-on-cnn", "logistic-regression-on-cnn"]


def stated(labels, strength, seed, classes=4):
    """Probabilities that know the labels the better, the greater the strength."""
    logits = np.random.default_rng(seed).normal(size=(len(labels), classes))
    logits[np.arange(len(labels)), labels] += strength
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True)


def majority(labels, classes=4):
    return np.tile(np.bincount(labels, minlength=classes) / len(labels), (len(labels), 1))


OF_ANY_CLASSES = [each.setting for each in metrics_of("class") if each.test is not None]
EVERY = (None, *OF_ANY_CLASSES)

LABELS = np.random.default_rng(0).integers(0, 4, 800)
TRUE_TO_LABELS = stated(LABELS, 3, 2)


@pytest.mark.parametrize("metric", EVERY)
def test_the_better_model_is_taken(metric):
    models = {"majority": majority(LABELS), "svm": stated(LABELS, 1.5, 1), "cnn": stated(LABELS, 3, 2)}
    found = recommend(labelled(LABELS), models, metric)
    assert (found.name, found.rival) == ("cnn", "svm")
    assert "cnn is the best on 800 validation examples, with" in found.reason
    assert "the best of the simpler models, svm, has" in found.reason


@pytest.mark.parametrize("metric", EVERY)
def test_the_simpler_of_practically_equal_models_is_taken(metric):
    cnn = stated(LABELS, 3, 2)
    svm = cnn.copy()
    svm[:2] = 1 - cnn[:2]
    svm[:2] /= svm[:2].sum(axis=1, keepdims=True)
    found = recommend(labelled(LABELS), {"majority": majority(LABELS), "svm": svm, "cnn": cnn}, metric)
    assert (found.name, found.rival) == ("svm", "cnn")
    assert "cnn scored best" in found.reason
    assert found.reason.endswith("svm is the simpler model.")


def test_of_equally_simple_models_the_best_is_taken():
    best = stated(LABELS, 3, 2)
    nearly = best.copy()
    nearly[:2] = (1 - best[:2]) / 3
    models = {"majority": majority(LABELS), "svm": nearly, "logistic-regression": best}
    pair = [("svm", "logistic-regression")]
    found = recommend(labelled(LABELS), models, equally_simple=pair)
    assert found.name == "logistic-regression"
    assert found.reason.endswith("; of the others only majority is simpler.")
    assert recommend(labelled(LABELS), models).name == "svm"
    # Where a network is ahead by a negligible margin, the better of the two simpler models is taken.
    models["cnn"] = best.copy()
    models["cnn"][0] = np.where(np.arange(4) == LABELS[0], 0.97, 0.01)
    assert recommend(labelled(LABELS), models, equally_simple=pair).name == "logistic-regression"


def sure_of(labels, losses):
    """Probabilities of two classes that lose so much each."""
    right = np.exp(-losses)
    return np.where(np.eye(2)[labels] == 1, right[:, None], 1 - right[:, None])


@pytest.mark.parametrize("examples", [50, 2000])
def test_practically_nothing_is_two_percent_of_the_loss_and_three_tenths_of_a_point(examples):
    labels = np.arange(examples) % 2
    losses = np.linspace(0.3, 0.5, examples)
    cnn = sure_of(labels, losses)
    assert losses.mean() == pytest.approx(0.4)
    for more, name in ((0.0198, "svm"), (0.021, "cnn")):
        svm = sure_of(labels, losses + more * 0.41)
        assert recommend(labelled(labels), {"svm": svm, "cnn": cnn}).name == name, more
    if examples == 50:
        return  # one example is more than 0.3 points
    for wrong, name in ((6, "svm"), (7, "cnn")):
        losing = losses.copy()
        losing[:wrong] = 0.7  # just above ln 2, so wrong; the mean grows by less than 2 %
        assert recommend(labelled(labels), {"svm": sure_of(labels, losing), "cnn": cnn}).name == name, wrong


def test_few_examples_that_prove_nothing_do_not_excuse_a_worse_model():
    """5 of 24 more right is chance to McNemar's test (p = 0.06), and still what is to be expected."""
    labels = np.arange(24) % 2
    rows = {
        "majority": np.full((24, 2), 0.5),
        "svm": answers_with(labels, 6, 0.75),
        "svm-on-cnn": answers_with(labels, 1, 0.9),
    }
    for metric in (None, "accuracy", "log-loss"):
        assert recommend(labelled(labels), rows, metric).name == "svm-on-cnn"


def test_the_metric_that_was_asked_for_decides():
    """`cnn` is right more often and too sure of what is wrong."""
    labels = np.arange(600) % 2
    sure, careful = answers_with(labels, 60, 0.999), answers_with(labels, 75, 0.85)
    rows = {"majority": np.full((600, 2), 0.5), "svm": careful, "cnn": sure}
    assert recommend(labelled(labels), rows).name == "svm"
    assert recommend(labelled(labels), rows, "log-loss").name == "svm"
    for metric in ("accuracy", "balanced-accuracy", "macro-f1"):
        assert recommend(labelled(labels), rows, metric).name == "cnn"


def test_a_rare_class_decides_by_balanced_accuracy_and_hardly_counts_by_accuracy():
    """Of 400 examples 40 are rare: `svm` misses them, `cnn` finds them and errs on 50 of the others."""
    labels = np.repeat([0, 1], [360, 40])
    misses = answers_with(np.zeros(400, np.int64), 0, 0.9)
    finds = answers_with(labels, 50, 0.9)
    models = {"majority": majority(labels, 2), "svm": misses, "cnn": finds}
    found = recommend(labelled(labels), models, "balanced-accuracy")
    assert found.name == "cnn"
    assert "balanced accuracy 0.931" in found.reason  # the mean of 310 / 360 and 40 / 40
    assert recommend(labelled(labels), models, "accuracy").name == "majority"


def shuffled(examples, metric, seed):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 4, examples)
    models = {"majority": majority(labels)}
    models.update({name: generator.dirichlet(np.full(4, 5.0), size=examples) for name in NAMES})
    return recommend(labelled(labels), models, metric, seed)


@pytest.mark.parametrize("examples", [100, 1000])
def test_shuffled_labels_end_in_majority(examples):
    """At 0.975, which is expected, 72 of 80 or fewer happen once in a thousand."""
    found = [shuffled(examples, None, seed) for seed in range(80)]
    reasons = [each.reason for each in found if each.name == "majority"]
    assert len(reasons) > 72
    assert all(each.startswith("The trained models are no better than majority") for each in reasons)


@pytest.mark.parametrize("metric", OF_ANY_CLASSES[1:])
def test_shuffled_labels_end_in_majority_by_other_metrics(metric):
    assert sum(shuffled(200, metric, seed).name == "majority" for seed in range(20)) >= 18


@pytest.mark.slow
@pytest.mark.parametrize("metric", EVERY)
def test_shuffled_labels_end_in_majority_95_percent_of_the_time(metric):
    found = [shuffled(100, metric, seed).name == "majority" for seed in range(100)]
    assert np.mean(found) >= 0.95


@pytest.mark.parametrize("seed", range(5))
def test_of_twenty_examples_seventeen_right_answers_are_enough(seed):
    draws = np.random.default_rng(seed)
    labels = draws.permutation(np.repeat([0, 1], 10))
    of_label = draws.permutation(np.repeat([0.75, 0.3], [17, 3]))
    answers = np.where(labels[:, None] == [0, 1], of_label[:, None], 1 - of_label[:, None])
    models = {"majority": np.full((20, 2), 0.5), "svm": answers}
    assert recommend(labelled(labels), models, None, seed).name == "svm"
    nothing = draws.permutation(answers)
    assert recommend(labelled(labels), {**models, "svm": nothing}, "accuracy", seed).name == "majority"


def test_numbers():
    generator = np.random.default_rng(0)
    labels = generator.normal(size=400)
    noise = generator.normal(size=(3, 400))
    models = {"mean": np.zeros(400), "ridge": labels + 0.5 * noise[0], "cnn": labels + 0.2 * noise[1]}
    assert recommend(labelled(labels), models).name == "cnn"
    models["ridge"] = models["cnn"] + 0.001
    assert recommend(labelled(labels), models).name == "ridge"
    knows_nothing = {"mean": np.zeros(400), "cnn": 0.3 * noise[2]}
    found = recommend(labelled(labels), knows_nothing)
    assert found.name == "mean"
    assert found.reason.startswith("The trained models are no better than mean")


def test_numbers_of_which_few_are_huge():
    """Squared errors depend on two numbers, so that a test of pairs finds no difference from the mean."""
    labels = np.arange(100) / 10
    labels[[10, 60]] = 300, -290
    svm = np.clip(5 + 2.5 * (labels - 5), -100, 110)
    models = {"mean": np.full(100, labels.mean()), "svm": svm}
    squares = {name: (each - labels) ** 2 for name, each in models.items()}
    assert squares["svm"].mean() < squares["mean"].mean()
    assert flip_p_values((squares["mean"] - squares["svm"])[:, None], 0)[0] > 0.05
    assert recommend(labelled(labels), models).name == "svm"
    shuffled = np.random.default_rng(0).permutation(np.clip(labels, -5, 15))
    assert recommend(labelled(labels), {**models, "svm": shuffled}).name == "mean"


def test_numbers_that_no_model_knows_end_in_the_mean():
    def is_mean(seed):
        generator = np.random.default_rng(seed)
        models = {name: 0.02 * generator.normal(size=100) for name in NAMES}
        models = {"mean": np.zeros(100), **models}
        return recommend(labelled(generator.normal(size=100)), models, seed=seed).name == "mean"

    assert sum(is_mean(seed) for seed in range(40)) >= 37


def test_without_validation_examples():
    nothing = np.zeros((0, 3))
    models = {"majority": nothing, "svm": nothing, "cnn": nothing, "svm-on-cnn": nothing}
    found = recommend(labelled(np.zeros(0, np.int64)), models, "accuracy")
    assert found.name == "cnn"
    assert found.reason.startswith("There are no validation examples")
    assert recommend(labelled(np.zeros(0)), {"mean": np.zeros(0), "ridge": np.zeros(0)}).name == "ridge"


def test_one_model_and_none():
    assert recommend(labelled(LABELS), {"svm": majority(LABELS)}, "accuracy").reason.startswith(
        "svm is the only model"
    )
    with pytest.raises(ValueError, match="none to choose from"):
        recommend(labelled(LABELS), {}, "accuracy")
    with pytest.raises(ValueError, match="none to choose from"):
        recommend(labelled(np.zeros(2)), {})
    with pytest.raises(ValueError, match="metric: 'f2' is not known"):
        recommend(labelled(LABELS), {"svm": majority(LABELS)}, "f2")


def test_two_examples_and_one_class():
    labels = np.zeros(2, np.int64)
    models = {"majority": np.array([[1.0, 0.0]] * 2), "cnn": np.array([[0.9, 0.1]] * 2)}
    for metric in OF_ANY_CLASSES:
        assert recommend(labelled(labels), models, metric).name == "majority"


def answers_with(labels, wrong, sureness):
    """Probabilities of two classes that name the class of the first so many examples wrong."""
    named = np.where(np.arange(len(labels)) < wrong, 1 - labels, labels)
    return np.where(np.eye(2)[named] == 1, sureness, 1 - sureness)


def test_of_few_examples_a_model_that_is_right_more_often_but_unsure_is_not_the_best():
    labels = np.arange(40) % 2
    rows = {"svm": answers_with(labels, 4, 0.8), "cnn": answers_with(labels, 3, 0.52)}
    found = recommend(labelled(labels), rows)
    assert found.name == "svm"
    assert found.reason.startswith("svm is the best on 40 validation examples, with log loss")


def test_an_average_is_taken_where_it_is_ahead_and_not_for_practically_nothing():
    labels = np.arange(600) % 2
    losses = np.random.default_rng(0).uniform(0.2, 0.6, 600)
    said = {"svm": sure_of(labels, losses), "average": sure_of(labels, losses - 0.02)}
    found = recommend(labelled(labels), said)
    assert (found.name, found.rival) == ("average", "svm")
    said["average"] = sure_of(labels, losses - 0.005)
    assert recommend(labelled(labels), said).name == "svm"


def test_models_are_compared_on_the_examples_that_judged_both():
    """`cnn` was asked about the 40 hardest examples alone, and is better there than `svm`."""
    labels = np.arange(200) % 2
    svm, cnn = answers_with(labels, 25, 0.8), np.full((200, 2), np.nan)
    cnn[:40] = answers_with(labels[:40], 8, 0.8)
    for metric in EVERY:
        found = recommend(labelled(labels), {"svm": svm, "cnn": cnn}, metric, noun="held-out example")
        assert found.name == "cnn", metric
        assert "cnn is the best on 40 of 200 held-out examples" in found.reason
    squares = {"svm": np.where(np.arange(200) < 25, 1.0, 0.1), "cnn": np.full(200, np.nan)}
    squares["cnn"][:40] = np.where(np.arange(40) < 8, 1.0, 0.1)
    assert recommend(labelled(np.zeros(200)), squares).name == "cnn"


def test_a_lead_on_few_examples_counts_less_than_one_on_many():
    """A lead of 7 % of the loss that differs much between examples: chance on 10 of them, not on all 400."""
    labels = np.arange(400) % 2
    losses = np.where(np.arange(400) // 2 % 2, 0.05, 0.65)
    lucky = sure_of(labels, np.where(np.arange(400) // 2 % 2, 0.65 - 0.025, 0.05 - 0.025))
    said = {"svm": sure_of(labels, losses), "cnn": lucky}
    assert recommend(labelled(labels), said).name == "cnn"
    lucky[8:] = np.nan
    assert recommend(labelled(labels), said).name == "svm"


def test_a_model_is_compared_with_the_best_that_were_asked_about_more():
    """`tuned` gains a tenth on `head` everywhere; both differ from `svm` now more, now less."""
    labels, many = np.arange(300) % 2, np.arange(300) // 2 % 2
    svm, head = np.where(many, 1.8, 0.6), np.where(np.arange(300) // 4 % 2, 0.65, 0.55)
    said = {"svm": sure_of(labels, svm), "head": sure_of(labels, head), "tuned": sure_of(labels, 0.9 * head)}
    said["head"][240:], said["tuned"][30:] = np.nan, np.nan
    found = recommend(labelled(labels), said, noun="held-out example")
    assert (found.name, found.rival) == ("tuned", "head")
    assert found.reason.startswith("tuned is the best on 30 of 300 held-out examples, with log loss 0.537;")


def test_easy_examples_alone_make_no_model_the_best():
    """`cnn` was asked about the 40 easiest alone, and is worse there than `svm`."""
    labels = np.arange(200) % 2
    svm, cnn = answers_with(labels, 60, 0.8), np.full((200, 2), np.nan)
    cnn[160:] = answers_with(labels[160:], 2, 0.8)
    answers = {"majority": np.full((200, 2), 0.5), "svm": svm, "cnn": cnn}
    for metric in EVERY:
        found = recommend(labelled(labels), answers, metric, noun="held-out example")
        assert found.name == "svm", metric
        assert "svm is the best on 200 held-out examples" in found.reason, metric
    errors = {"ridge": np.where(np.arange(200) < 60, 1.3, 0.3), "cnn": np.full(200, np.nan)}
    errors["cnn"][160:] = np.where(np.arange(40) < 2, 1.3, 0.3)
    labels = np.linspace(-9, 9, 200)
    said = {"mean": np.zeros(200), **{name: labels + each for name, each in errors.items()}}
    assert recommend(labelled(labels), said).name == "ridge"


def test_of_few_examples_equal_accuracies_are_told_apart_by_log_loss():
    labels = np.arange(16) % 2
    names = np.eye(2)[labels]
    names[:3] = 1 - names[:3]
    unsure, sure = 0.5 + 0.02 * (names - 0.5), 0.5 + 0.6 * (names - 0.5)
    sure[:3] = unsure[:3]
    models = {"majority": np.full((16, 2), 0.5), "random-forest": unsure, "svm-on-cnn": sure}
    found = recommend(labelled(labels), models, "accuracy")
    assert found.name == "svm-on-cnn"
    assert "svm-on-cnn is the best on 16 validation examples" in found.reason


def test_of_two_classes_the_better_ranking_is_taken_though_accuracy_is_the_same():
    draws = np.random.default_rng(0)
    labels = (np.arange(2000) % 100 == 0).astype(np.int64)
    blind = np.full(2000, 0.01)
    good = np.clip(0.02 + 0.2 * labels + 0.02 * draws.normal(size=2000), 0.001, 0.45)
    said = {"majority": blind, "svm": good, "cnn": np.clip(good + 0.1 * draws.normal(size=2000), 0.001, 0.45)}
    answers = {name: np.stack([1 - each, each], axis=1) for name, each in said.items()}
    assert all((each.argmax(axis=1) == 0).all() for each in answers.values())
    for metric in ("average-precision", "roc-auc"):
        assert recommend(labelled(labels), answers, metric).name == "svm"
    few = np.concatenate([np.flatnonzero(labels)[:4], np.flatnonzero(labels == 0)[:800]])
    several = {name: each[few] for name, each in answers.items()}
    assert recommend(labelled(labels[few]), several, "average-precision").name != "majority"
    noise = {"majority": answers["majority"], "svm": answers["svm"][draws.permutation(2000)]}
    assert recommend(labelled(labels), noise, "average-precision").name == "majority"


def test_by_accuracy_the_gain_is_over_the_examples_that_both_answered():
    """One model was asked about the first 200 of 800 examples."""
    best, judged = stated(LABELS, 3, 2), stated(LABELS, 1.5, 1)
    judged[200:] = np.nan
    found = recommend(
        labelled(LABELS), {"majority": majority(LABELS), "svm": judged, "cnn": best}, "accuracy"
    )
    assert (found.name, found.rival) == ("cnn", "svm")
    right, other = (each[:200].argmax(axis=1) == LABELS[:200] for each in (best, judged))
    gain = paired_interval(int((right & ~other).sum()), int((other & ~right).sum()), 200)
    assert "on 200 of 800 validation examples" in found.reason
    assert f"behind by {points(gain)}." in found.reason


def test_a_best_model_that_is_worse_where_both_were_judged_is_not_said_to_lead():
    """Folds may judge a model by fewer examples, on which the constant answer does better."""
    found = SimpleNamespace(
        metric=METRICS["log_loss"], examples=19, best="cnn", judged=lambda _: 5, pair=lambda _: (1.55, 1.43)
    )
    assert _why_the_dummy(found, "majority", "held-out example") == (
        "The trained models are no better than majority: on 5 of 19 held-out examples, "
        "cnn has log loss 1.55, majority 1.43."
    )


@pytest.mark.parametrize(
    ("metric", "examples", "p_value", "by_chance", "is_chance"),
    [
        # The p-value counts as often as there are models beside the dummy: 4 times 0.0125 is just enough.
        ("balanced_accuracy", 400, 0.0125, 0.05, False),
        ("balanced_accuracy", 400, 0.0126, 0.04, True),
        ("balanced_accuracy", 400, 0.011, 0.051, True),
        ("log_loss", 500, 0.0126, 0.002, True),
        ("log_loss", 500, 0.012, 0.04, False),
        # Few examples of a mean, or numbers, are judged by what shuffled labels would do, and strictly.
        ("log_loss", 499, 0.9, 0.01, False),
        ("log_loss", 499, 0.001, 0.011, True),
        ("root_mean_squared_error", 600, 0.9, 0.01, False),
        ("root_mean_squared_error", 600, 0.001, 0.011, True),
    ],
)
def test_a_lead_over_the_dummy_is_chance_by_either_of_two_tests(
    metric, examples, p_value, by_chance, is_chance
):
    found = SimpleNamespace(
        metric=METRICS[metric],
        examples=examples,
        by_chance=by_chance,
        scores=dict.fromkeys("abcde", 0.5),
        p_value={"majority": p_value}.__getitem__,
    )
    assert _is_chance(found, "majority") is is_chance


def test_a_simpler_model_that_is_worse_than_the_dummy_is_no_rival_in_figures():
    wrong = 1 - stated(LABELS, 8, 1)
    models = {
        "majority": majority(LABELS),
        "svm": wrong / wrong.sum(axis=1, keepdims=True),
        "cnn": TRUE_TO_LABELS,
    }
    found = recommend(labelled(LABELS), models)
    assert found.name == "cnn"
    assert found.reason.endswith("; no simpler model is better than majority.")


def sure(labels, right, confidence):
    """Two classes: right where said so, each with its confidence."""
    of_truth = np.where(right, confidence, 1 - confidence)
    found = np.empty((len(labels), 2))
    found[np.arange(len(labels)), labels] = of_truth
    found[np.arange(len(labels)), 1 - labels] = 1 - of_truth
    return found


def test_an_average_is_taken_only_where_it_gains_and_loses_no_accuracy():
    labels, right = np.arange(1000) % 2, np.arange(1000) < 800
    svm, fewer = sure(labels, right, 0.8), np.arange(1000) < 791
    # As seen: a log loss that is smaller by a negligible margin, and 0.9 points less accuracy.
    models = {"majority": majority(labels, 2), "svm": svm, "average": sure(labels, fewer, 0.8 + 0.02 * fewer)}
    found = recommend(labelled(labels), models)
    assert found.name == "svm"
    assert "svm is the best on 1,000 validation examples" in found.reason
    assert re.search(
        r"An average of models is ahead by a negligible margin only: log loss .* of svm alone\.$",
        found.reason,
    )
    # Much less log loss, but less accuracy.
    models["average"] = sure(labels, fewer, np.where(fewer, 0.95, 0.55))
    found = recommend(labelled(labels), models)
    assert found.name == "svm"
    assert found.reason.endswith("of svm alone, but a worse accuracy.")
    assert recommend(labelled(labels), models, "log-loss").name == "average"
    # More accuracy alone is no reason either.
    more = np.arange(1000) < 810
    models["average"] = sure(labels, more, np.where(more, 0.80, 0.81))
    assert recommend(labelled(labels), models).name == "svm"
    models["average"] = sure(labels, right, np.where(right, 0.9, 0.7))
    found = recommend(labelled(labels), models)
    assert (found.name, found.rival) == ("average", "svm")


def test_by_accuracy_an_average_may_not_have_more_log_loss():
    labels = np.arange(1000) % 2
    svm, more = sure(labels, np.arange(1000) < 800, 0.8), np.arange(1000) < 810
    for confidence, name in ((0.8, "average"), (0.99, "svm")):
        models = {"majority": majority(labels, 2), "svm": svm, "average": sure(labels, more, confidence)}
        found = recommend(labelled(labels), models, "accuracy")
        assert found.name == name
    assert found.reason.endswith("but a worse log loss.")
    models["average"] = sure(labels, np.arange(1000) < 802, 0.8)
    assert (
        "is ahead by a negligible margin only: accuracy 0.802 against 0.800"
        in recommend(labelled(labels), models, "accuracy").reason
    )


def test_an_average_of_numbers_gains_more_than_practically_nothing():
    labels = np.random.default_rng(0).normal(size=500)
    for gain, name in ((0.995, "ridge"), (0.95, "average")):
        models = {"mean": np.zeros(500), "ridge": labels + 0.5, "average": labels + 0.5 * gain}
        assert recommend(labelled(labels), models).name == name
