import numpy as np
import pytest

from pellucid.evaluation import recommend, recommend_numbers
from pellucid.settings.metrics import CHOICES, metric_of

NAMES = ["logistic-regression", "svm", "random-forest", "cnn", "svm-on-cnn", "logistic-regression-on-cnn"]


def stated(labels, strength, seed, classes=4):
    """Probabilities that know the labels the better, the greater the strength."""
    logits = np.random.default_rng(seed).normal(size=(len(labels), classes))
    logits[np.arange(len(labels)), labels] += strength
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True)


def majority(labels, classes=4):
    return np.tile(np.bincount(labels, minlength=classes) / len(labels), (len(labels), 1))


OF_ANY_CLASSES = [each for each in CHOICES if not metric_of(each).of_two]
LABELS = np.random.default_rng(0).integers(0, 4, 800)


@pytest.mark.parametrize("metric", OF_ANY_CLASSES)
def test_the_better_model_is_taken(metric):
    models = {"majority": majority(LABELS), "svm": stated(LABELS, 1.5, 1), "cnn": stated(LABELS, 3, 2)}
    found = recommend(LABELS, models, metric)
    assert found.name == "cnn"
    assert "cnn is the best on 800 validation examples" in found.reason
    assert "every simpler model is worse beyond chance; svm, with" in found.reason


@pytest.mark.parametrize("metric", OF_ANY_CLASSES)
def test_the_simpler_of_equals_is_taken(metric):
    cnn = stated(LABELS, 3, 2)
    svm = cnn.copy()
    svm[:2] = 1 - cnn[:2]
    svm[:2] /= svm[:2].sum(axis=1, keepdims=True)
    found = recommend(LABELS, {"majority": majority(LABELS), "svm": svm, "cnn": cnn}, metric)
    assert found.name == "svm"
    assert "cnn scored best" in found.reason
    assert "could be chance; svm is the simpler model" in found.reason


def test_of_models_as_simple_as_each_other_the_first_is_taken_and_not_called_simpler():
    linear = stated(LABELS, 3, 2)
    svm = linear.copy()
    svm[:2] = (1 - linear[:2]) / 3
    models = {"majority": majority(LABELS), "svm": svm, "logistic-regression": linear}
    pair = ("svm", "logistic-regression")
    found = recommend(LABELS, models, "accuracy", equally_simple=pair)
    assert found.name == "svm"
    assert found.reason.endswith("could be chance; svm is as simple and comes first.")
    cnn = recommend(LABELS, {"svm": svm, "cnn": linear}, "accuracy", equally_simple=pair)
    assert cnn.reason.endswith("svm is the simpler model.")


def test_a_simpler_model_that_is_worse_beyond_chance_is_not_taken_however_many_were_compared():
    """8 answers to 1 are too one-sided for chance (p = 0.04), and 6 more comparisons do not hide it."""
    labels = np.arange(144) % 2

    def wrong_at(*positions: int) -> np.ndarray:
        of_label = np.where(np.isin(np.arange(144), positions), 0.1, 0.9)
        return np.where(labels[:, None] == [0, 1], of_label[:, None], 1 - of_label[:, None])

    svm, linear = wrong_at(142, 143), wrong_at(*range(8), 143)
    models = {"majority": np.full((144, 2), 0.5), "logistic-regression": linear, "svm": svm}
    models |= {name: svm.copy() for name in ("cnn", "svm-on-cnn", "logistic-regression-on-cnn", "mlp")}
    found = recommend(labels, models, "accuracy")
    assert found.name == "svm"
    assert "logistic-regression" in found.reason


def test_the_simplest_may_be_the_best():
    models = {"svm": stated(LABELS, 4, 1), "cnn": stated(LABELS, 1, 2)}
    assert recommend(LABELS, models, "accuracy").reason.endswith("no model is simpler.")


def test_a_rare_class_decides_by_balanced_accuracy_and_hardly_counts_by_accuracy():
    """Of 400 examples 40 are rare: `svm` misses them, `cnn` finds them and errs on 50 of the others."""
    labels = np.repeat([0, 1], [360, 40])
    misses = answers_with(np.zeros(400, np.int64), 0, 0.9)
    finds = answers_with(labels, 50, 0.9)
    models = {"majority": majority(labels, 2), "svm": misses, "cnn": finds}
    found = recommend(labels, models, "balanced-accuracy")
    assert found.name == "cnn"
    assert "balanced accuracy 0.931" in found.reason  # the mean of 310 / 360 and 40 / 40
    assert recommend(labels, models, "accuracy").name == "majority"


def shuffled(examples, metric, seed):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 4, examples)
    models = {"majority": majority(labels)}
    models.update({name: generator.dirichlet(np.full(4, 5.0), size=examples) for name in NAMES})
    return recommend(labels, models, metric, seed)


@pytest.mark.parametrize("examples", [100, 1000])
def test_shuffled_labels_end_in_majority(examples):
    """At 0.975, which is expected, 185 of 200 or fewer happen once in 5,000."""
    found = [shuffled(examples, "accuracy", seed) for seed in range(200)]
    assert sum(each.name == "majority" for each in found) > 185
    assert all(
        each.reason.startswith("The trained models are no better than majority")
        for each in found
        if each.name == "majority"
    )


@pytest.mark.parametrize("metric", OF_ANY_CLASSES[1:])
def test_shuffled_labels_end_in_majority_by_other_metrics(metric):
    assert sum(shuffled(200, metric, seed).name == "majority" for seed in range(20)) >= 18


@pytest.mark.slow
@pytest.mark.parametrize(
    ("metric", "examples"),
    [*((each, 100) for each in OF_ANY_CLASSES), ("accuracy", 1000), ("log-loss", 1000)],
)
def test_shuffled_labels_end_in_majority_95_percent_of_the_time(metric, examples):
    found = [
        shuffled(examples, metric, seed).name == "majority" for seed in range(200 if examples < 1000 else 100)
    ]
    assert np.mean(found) >= 0.95


@pytest.mark.parametrize("seed", range(5))
def test_of_twenty_examples_seventeen_right_answers_are_enough(seed):
    draws = np.random.default_rng(seed)
    labels = draws.permutation(np.repeat([0, 1], 10))
    of_label = draws.permutation(np.repeat([0.75, 0.3], [17, 3]))
    answers = np.where(labels[:, None] == [0, 1], of_label[:, None], 1 - of_label[:, None])
    models = {"majority": np.full((20, 2), 0.5), "svm": answers}
    assert recommend(labels, models, "accuracy", seed).name == "svm"
    nothing = draws.permutation(answers)
    assert recommend(labels, {**models, "svm": nothing}, "accuracy", seed).name == "majority"


def test_numbers():
    generator = np.random.default_rng(0)
    labels = generator.normal(size=400)
    noise = generator.normal(size=(3, 400))
    models = {"mean": np.zeros(400), "ridge": labels + 0.5 * noise[0], "cnn": labels + 0.2 * noise[1]}
    assert recommend_numbers(labels, models).name == "cnn"
    models["ridge"] = models["cnn"] + 0.001
    assert recommend_numbers(labels, models).name == "ridge"
    knows_nothing = {"mean": np.zeros(400), "cnn": 0.3 * noise[2]}
    found = recommend_numbers(labels, knows_nothing)
    assert found.name == "mean"
    assert found.reason.startswith("The trained models are no better than mean")


def test_without_validation_examples():
    nothing = np.zeros((0, 3))
    models = {"majority": nothing, "svm": nothing, "cnn": nothing, "svm-on-cnn": nothing}
    found = recommend(np.zeros(0, np.int64), models, "accuracy")
    assert found.name == "cnn"
    assert found.reason.startswith("There are no validation examples")
    assert recommend_numbers(np.zeros(0), {"mean": np.zeros(0), "ridge": np.zeros(0)}).name == "ridge"


def test_one_model_and_none():
    assert recommend(LABELS, {"svm": majority(LABELS)}, "accuracy").reason.startswith("svm is the only model")
    with pytest.raises(ValueError, match="none to choose from"):
        recommend(LABELS, {}, "accuracy")
    with pytest.raises(ValueError, match="none to choose from"):
        recommend_numbers(np.zeros(2), {})
    with pytest.raises(ValueError, match="metric: 'f2' is not known"):
        recommend(LABELS, {"svm": majority(LABELS)}, "f2")


def test_two_examples_and_one_class():
    labels = np.zeros(2, np.int64)
    models = {"majority": np.array([[1.0, 0.0]] * 2), "cnn": np.array([[0.9, 0.1]] * 2)}
    for metric in OF_ANY_CLASSES:
        assert recommend(labels, models, metric).name == "majority"


def answers_with(labels, wrong, sureness):
    """Probabilities of two classes that name the class of the first so many examples wrong."""
    named = np.where(np.arange(len(labels)) < wrong, 1 - labels, labels)
    return np.where(np.eye(2)[named] == 1, sureness, 1 - sureness)


def test_of_few_examples_the_log_loss_tells_what_accuracy_cannot():
    """5 more of 24 right is chance to McNemar's test (p = 0.06), but every probability says otherwise."""
    labels = np.arange(24) % 2
    rows = {
        "majority": np.full((24, 2), 0.5),
        "svm": answers_with(labels, 6, 0.52),
        "svm-on-cnn": answers_with(labels, 1, 0.9),
    }
    found = recommend(labels, rows, "accuracy")
    assert found.name == "svm-on-cnn"
    assert "every simpler model is worse by more than one standard error" in found.reason


def test_of_few_examples_a_model_that_is_right_more_often_but_unsure_is_not_the_best():
    labels = np.arange(40) % 2
    rows = {"svm": answers_with(labels, 4, 0.8), "cnn": answers_with(labels, 3, 0.52)}
    found = recommend(labels, rows, "accuracy")
    assert found.name == "svm"
    assert found.reason.startswith("svm is the best on 40 validation examples, with log loss")


def with_losses(labels, losses):
    """Probabilities of two classes that lose so much each."""
    right = np.exp(-losses)
    return np.where(np.eye(2)[labels] == 1, right[:, None], 1 - right[:, None])


def spread_of_a_tenth(seed=0):
    """100 numbers of mean 0 whose mean has a standard error of 0.01."""
    noise = np.random.default_rng(seed).normal(size=100)
    return 0.1 * (noise - noise.mean()) / noise.std()


def test_of_few_examples_the_simplest_within_one_standard_error_is_taken():
    labels, noise = np.arange(100) % 2, spread_of_a_tenth()
    svm = with_losses(labels, 0.5 + 0 * noise)
    near, further, far = (with_losses(labels, 0.5 - noise - ahead) for ahead in (0.007, 0.013, 0.017))
    found = recommend(labels, {"svm": svm, "cnn": near}, "accuracy")
    assert found.name == "svm"
    assert "is within one standard error; svm is the simpler model" in found.reason
    assert recommend(labels, {"svm": svm, "cnn": further}, "accuracy").name == "cnn"
    # Five folds widen an error by one half: what is kept was trained once more.
    assert recommend(labels, {"svm": svm, "cnn": further}, "accuracy", folds=5).name == "svm"
    assert recommend(labels, {"svm": svm, "cnn": far}, "accuracy", folds=5).name == "cnn"


def test_an_average_excuses_no_single_model():
    """Of two equal models the first is nearly the average, and so worse beyond chance; not so the other."""
    labels, noise = np.arange(100) % 2, spread_of_a_tenth()
    losses = {
        "logistic-regression": 0.52 + noise + 0.5 * spread_of_a_tenth(1),
        "random-forest": 0.52 - 2 * noise,
        "average": 0.5 + noise,
    }
    said = {name: with_losses(labels, each) for name, each in losses.items()}
    found = recommend(labels, said, "accuracy")
    assert found.name == "logistic-regression"
    assert found.reason.endswith(
        " Their average scored better, but is not ahead of every one by more than one standard error."
    )
    del said["random-forest"]
    assert recommend(labels, said, "accuracy").name == "average"


def test_models_are_compared_on_the_examples_that_judged_both():
    """`cnn` was asked about the 40 hardest examples alone, and is better there than `svm`."""
    labels = np.arange(200) % 2
    svm, cnn = answers_with(labels, 25, 0.8), np.full((200, 2), np.nan)
    cnn[:40] = answers_with(labels[:40], 8, 0.8)
    for metric in OF_ANY_CLASSES:
        found = recommend(labels, {"svm": svm, "cnn": cnn}, metric, noun="held-out example")
        assert found.name == "cnn", metric
        assert "cnn is the best on 40 of 200 held-out examples" in found.reason
    squares = {"svm": np.where(np.arange(200) < 25, 1.0, 0.1), "cnn": np.full(200, np.nan)}
    squares["cnn"][:40] = np.where(np.arange(40) < 8, 1.0, 0.1)
    assert recommend_numbers(np.zeros(200), squares).name == "cnn"


def test_easy_examples_alone_make_no_model_the_best():
    """`cnn` was asked about the 40 easiest alone, and is worse there than `svm`."""
    labels = np.arange(200) % 2
    svm, cnn = answers_with(labels, 60, 0.8), np.full((200, 2), np.nan)
    cnn[160:] = answers_with(labels[160:], 2, 0.8)
    answers = {"majority": np.full((200, 2), 0.5), "svm": svm, "cnn": cnn}
    for metric in OF_ANY_CLASSES:
        found = recommend(labels, answers, metric, noun="held-out example")
        assert found.name == "svm", metric
        assert "svm is the best on 200 held-out examples" in found.reason, metric
    errors = {"ridge": np.where(np.arange(200) < 60, 1.3, 0.3), "cnn": np.full(200, np.nan)}
    errors["cnn"][160:] = np.where(np.arange(40) < 2, 1.3, 0.3)
    labels = np.linspace(-9, 9, 200)
    said = {"mean": np.zeros(200), **{name: labels + each for name, each in errors.items()}}
    assert recommend_numbers(labels, said).name == "ridge"


def test_of_few_examples_equal_accuracies_are_told_apart_by_log_loss():
    labels = np.arange(16) % 2
    names = np.eye(2)[labels]
    names[:3] = 1 - names[:3]
    unsure, sure = 0.5 + 0.02 * (names - 0.5), 0.5 + 0.6 * (names - 0.5)
    sure[:3] = unsure[:3]
    models = {"majority": np.full((16, 2), 0.5), "random-forest": unsure, "svm-on-cnn": sure}
    found = recommend(labels, models, "accuracy")
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
        assert recommend(labels, answers, metric).name == "svm"
    few = np.concatenate([np.flatnonzero(labels)[:4], np.flatnonzero(labels == 0)[:800]])
    several = {name: each[few] for name, each in answers.items()}
    assert recommend(labels[few], several, "average-precision").name != "majority"
    noise = {"majority": answers["majority"], "svm": answers["svm"][draws.permutation(2000)]}
    assert recommend(labels, noise, "average-precision").name == "majority"
