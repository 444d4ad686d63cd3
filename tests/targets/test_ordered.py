"""Ordered classes against independent formulas: probabilities, gradients, scores, orders that names tell."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import cohen_kappa_score

from pellucid.classical import FITS, Budget, TrainingSet
from pellucid.classical.training_set import Work
from pellucid.data.images.augmentation import Augmentation
from pellucid.evaluation import SCORING, Groups, score
from pellucid.evaluation.recommendation import recommend
from pellucid.export.by_target import HEADS
from pellucid.insight.by_target import OPENED
from pellucid.networks.layers import of_questions as of_questions_in_torch
from pellucid.settings import METRICS, metrics_of
from pellucid.targets import ORDERED, Labels, class_labels
from pellucid.targets.ordered import LEAST, in_order, is_telling, kappa, kappa_moments, of_questions, order_of
from pellucid.targets.ordered import questions as questions_of
from pellucid.training.objectives import OBJECTIVES, OrderedClassification
from pellucid.training.recipe import Recipe

CODES = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=40)


@pytest.fixture
def draws() -> np.random.Generator:
    return np.random.default_rng(0)


def brute_force(above: np.ndarray) -> np.ndarray:
    """Probabilities of one row, class by class."""
    higher = [1.0, *above.tolist(), 0.0]
    shares = [max(higher[code] - higher[code + 1], LEAST) for code in range(len(above) + 1)]
    return np.array(shares) / sum(shares)


def test_probabilities_are_differences_and_contradictions_leave_a_little(draws: np.random.Generator) -> None:
    above = draws.uniform(size=(50, 4))
    above[0] = [0.9, 0.6, 0.3, 0.1]
    found = of_questions(above)
    np.testing.assert_allclose(found[0], [0.1, 0.3, 0.3, 0.2, 0.1], rtol=1e-12)
    np.testing.assert_allclose(found, [brute_force(row) for row in above], rtol=1e-12)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert found.min() >= LEAST / (1 + 5)
    in_torch = of_questions_in_torch(torch.from_numpy(above)).numpy()
    np.testing.assert_allclose(in_torch, found, rtol=1e-12)


def test_logits_of_proportional_odds_give_its_probabilities(draws: np.random.Generator) -> None:
    # One direction and three thresholds: P(y > k) = 1 / (1 + exp(t_k - x)).
    x, thresholds = draws.normal(size=(20, 1)), np.array([-1.0, 0.5, 2.0])
    below = 1 / (1 + np.exp(-(thresholds - x)))
    expected = np.diff(np.concatenate([np.zeros((20, 1)), below, np.ones((20, 1))], axis=1), axis=1)
    np.testing.assert_allclose(ORDERED.of_logits(x - thresholds), expected, atol=5 * LEAST)
    one, two = (ORDERED.of_logits(x - thresholds, each) for each in (1.0, 2.0))
    np.testing.assert_allclose(ORDERED.calibrated(one, 2.0), two, rtol=1e-12)
    assert (two.max(axis=1) <= one.max(axis=1)).all()


def test_questions_ask_whether_a_class_is_above_each() -> None:
    assert questions_of(np.array([0, 2, 3]), 4).tolist() == [[0, 0, 0], [1, 1, 0], [1, 1, 1]]


@given(CODES)
def test_kappa_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    labels, decided = np.array(pairs).T
    found = float(kappa(kappa_moments(labels, decided).mean(axis=0)))
    if len({*labels.tolist(), *decided.tolist()}) == 1:
        assert found == 1
        return
    expected = cohen_kappa_score(labels, decided, weights="quadratic", labels=range(5))
    assert found == pytest.approx(expected, abs=1e-9)


def test_scores_by_hand_with_intervals_that_hold_them() -> None:
    answers = np.eye(4)[[0, 1, 3, 3, 2]] * 0.9 + 0.025
    labels = Labels(np.array([0, 1, 1, 3, 3]), ("a", "b", "c", "d"), ORDERED)
    values = {key: ORDERED.value(key, labels.values, answers) for key in METRICS if ORDERED.has_metric(key)}
    assert values["mean_error_in_classes"] == pytest.approx((0 + 0 + 2 + 0 + 1) / 5)
    assert values["within_one_class"] == pytest.approx(4 / 5)
    assert values["accuracy"] == pytest.approx(3 / 5)
    found = score(labels, answers, groups=Groups(np.array([0, 0, 1, 1, 2])))
    assert [*found.intervals] == [each.key for each in metrics_of("ordered", 4)]
    for key, each in found.intervals.items():
        assert each.value == pytest.approx(values[key])
        assert METRICS[key].bounds[0] <= each.low <= each.value <= each.high <= METRICS[key].bounds[1]


def test_intervals_of_kappa_contain_what_many_labels_have() -> None:
    def drawn(count: int, seed: int) -> tuple[Labels, np.ndarray]:
        draws = np.random.default_rng(seed)
        codes = draws.integers(0, 5, count)
        noise = draws.choice([-1, 0, 0, 0, 1], count)
        return Labels(codes, tuple("abcde"), ORDERED), np.eye(5)[np.clip(codes + noise, 0, 4)]

    labels, answers = drawn(200_000, 1)
    key = ORDERED.headline
    truth = ORDERED.value(key, labels.values, answers)
    hits = [score(*drawn(100, seed))[key] for seed in range(40)]
    assert sum(each.low <= truth <= each.high for each in hits) >= 34


@pytest.mark.parametrize("grouped", [False, True])
def test_pairs_are_compared_by_exchanged_answers(draws: np.random.Generator, grouped: bool) -> None:
    codes = draws.integers(0, 5, 120)
    good = np.clip(codes + draws.choice([0, 0, 0, 1], 120), 0, 4)
    groups = Groups(np.arange(120) // 3) if grouped else None
    decided = {"good": good, "same": good.copy(), "bad": draws.permutation(codes)}
    alike, better, _ = SCORING[ORDERED].compare(codes, decided, groups, 0)
    assert (alike.p_value, tuple(alike.difference)) == (1.0, (0.0, 0.0, 0.0))
    assert better.p_value <= 0.01
    expected = [cohen_kappa_score(codes, decided[name], weights="quadratic") for name in ("good", "bad")]
    assert better.difference.value == pytest.approx(expected[0] - expected[1])
    assert better.difference.low > 0
    assert "of quadratic-weighted kappa" in better.verdict


def test_an_exchange_that_can_be_enumerated() -> None:
    # Two answers differ, so that four exchanges are all there are: two of them separate as far.
    codes = np.array([0, 1, 2, 3, 2, 1])
    decided = {"a": codes, "b": np.array([1, 1, 2, 3, 2, 2])}
    (found,) = SCORING[ORDERED].compare(codes, decided, None, 0)
    assert found.p_value == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize(
    "metric", [None, "mean-error-in-classes", "within-one-class", "accuracy", "log-loss"]
)
def test_the_better_model_is_recommended_by_every_metric(
    draws: np.random.Generator, metric: str | None
) -> None:
    codes = draws.integers(0, 4, 300)
    good, near = (np.clip(codes + draws.choice(moves, 300), 0, 3) for moves in ([0] * 6 + [1], [0, 2, 0, -2]))
    shares = np.tile(np.bincount(codes, minlength=4) / 300, (300, 1))
    outputs = {
        "majority": shares,
        "logistic-regression": 0.6 * np.eye(4)[near] + 0.1,
        "svm": 0.6 * np.eye(4)[good] + 0.1,
    }
    found = recommend(Labels(codes, tuple("abcd"), ORDERED), outputs, metric)
    assert found.name == "svm"
    assert METRICS[(metric or "quadratic-weighted-kappa").replace("-", "_")].words in found.reason


def test_the_loss_is_the_mean_of_binary_cross_entropies_and_goes_back_as_such(
    draws: np.random.Generator,
) -> None:
    recipe = Recipe(
        epochs=1, total_steps=1, batch_size=5, optimizer="sgd", learning_rate=0.1, weight_decay=0.0,
        schedule="constant", loss="cross-entropy", label_smoothing=0.2, class_weights=(1.0, 2.0, 3.0),
        augmentation=Augmentation(), patience=None, metric="log-loss", precision="fp32", device="cpu",
        threads=1, seed=0,
    )  # fmt: skip
    logits = torch.tensor(draws.normal(size=(5, 2)), dtype=torch.float32, requires_grad=True)
    labels = torch.tensor([0, 1, 2, 1, 0])
    objective = OrderedClassification(torch.nn.Linear(4, 2), recipe)
    found = objective._of_each(logits, labels)
    z, y = logits.detach().numpy(), labels.numpy()
    aims = 0.8 * (y[:, None] > np.arange(2)) + 0.1
    losses = -(aims * -np.logaddexp(0, -z) + (1 - aims) * -np.logaddexp(0, z))
    weights = np.array([1.0, 2.0, 3.0])[y]
    np.testing.assert_allclose(found.detach().numpy(), weights * losses.mean(axis=1), rtol=1e-5)
    found.sum().backward()
    slopes = weights[:, None] * (1 / (1 + np.exp(-z)) - aims) / 2
    np.testing.assert_allclose(logits.grad.numpy(), slopes, rtol=1e-4, atol=1e-6)
    answers = OBJECTIVES[ORDERED].answers(logits.detach()).numpy()
    np.testing.assert_allclose(answers, ORDERED.of_logits(z.astype(np.float64)), rtol=1e-5)
    assert objective._decided(logits).tolist() == answers.argmax(axis=1).tolist()


def test_graphs_and_explanations_use_the_same_probabilities(draws: np.random.Generator) -> None:
    logits = draws.normal(size=(6, 3))
    head, outputs = HEADS[ORDERED], torch.from_numpy(logits)
    answers = ORDERED.of_logits(logits, 1.5)
    np.testing.assert_allclose(head.of_logits(outputs, 1.5).numpy(), answers, rtol=1e-9)
    np.testing.assert_allclose(
        head.of_columns(outputs.sigmoid()).numpy(), ORDERED.of_columns(outputs.sigmoid().numpy()), rtol=1e-9
    )
    opened, plain = OPENED[ORDERED], ORDERED.of_logits(logits)
    odds = opened.score(outputs, 1).numpy()
    np.testing.assert_allclose(odds, np.log(plain[:, 1] / (1 - plain[:, 1])), rtol=1e-9)
    names = ("low", "mid", "high", "top")
    assert opened.outputs(names) == ("above low", "above mid", "above high")
    assert [opened.output(code) for code in (0, 1, 3)] == [0, 0, 2]
    assert opened.alone(2, 4) == opened.true(2, 4) == (1, 1, 0)
    np.testing.assert_allclose(opened.linked(ORDERED, logits), 1 / (1 + np.exp(-logits)), rtol=1e-12)


def test_ordered_logistic_regression_is_one_regression_for_each_question(draws: np.random.Generator) -> None:
    rows = draws.normal(size=(200, 3)).astype(np.float32)
    codes = np.digitize(rows[:, 0] + 0.5 * draws.normal(size=200), [-0.7, 0.2, 1.0])
    work = Work(4, 0, 1, Budget(iterations=500))
    fitted = FITS[ORDERED].baselines["logistic-regression"]
    examples = TrainingSet(
        rows.astype(np.float32), Labels(codes, tuple("abcd"), ORDERED), np.arange(200), np.arange(0), "values"
    )
    (trial, *_) = fitted(examples, Budget())
    outputs = trial.learn(rows, codes, work).predict(rows)
    (constant,) = FITS[ORDERED].baselines["majority"](examples, Budget())
    shares = constant.learn(rows, codes, work).predict(rows)[0]
    np.testing.assert_allclose(shares, [(codes > question).mean() for question in range(3)], rtol=1e-12)
    scaled = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    for question in range(3):
        own = LogisticRegression(C=0.01, tol=1e-8, max_iter=2000).fit(scaled, codes > question)
        np.testing.assert_allclose(outputs[:, question], own.predict_proba(scaled)[:, 1], atol=0.02)


@pytest.mark.parametrize(
    ("names", "order"),
    [
        ("high low medium", "low medium high"),
        ("Very_High low medium high", "low medium high Very_High"),
        ("severe mild moderate none", "none mild moderate severe"),
        ("10 9 2", "2 9 10"),
        ("3.0 1.0 2.0 -1", "-1 1.0 2.0 3.0"),
        ("star_1 star_10 stars_2", "star_1 stars_2 star_10"),
        ("grade-3 grade-1 grade-2", "grade-1 grade-2 grade-3"),
        ("neutral negative positive", "negative neutral positive"),
        ("XL S M", "S M XL"),
        ("xxl m xs l s xl", "xs s m l xl xxl"),
        ("cat dog bird", None),
        ("low high", None),
        ("low mid medium", None),
        ("1 2 1.0", None),
        ("class-1 class-2 class-3", None),
        ("low medium blue", None),
    ],
)
def test_orders_that_names_tell(names: str, order: str | None) -> None:
    assert order_of(names.split()) == (None if order is None else tuple(order.split()))


def test_stars_with_words_beside_the_number_are_ordered_and_numbers_that_count_are_told() -> None:
    assert order_of(["5 stars", "1 star", "2 Stars"]) == ("1 star", "2 Stars", "5 stars")
    assert is_telling(("low", "mid", "high"))
    assert is_telling(("1", "2", "3"))
    assert not is_telling(("0", "1", "2"))
    assert not is_telling(("1", "3", "7"))


def test_names_keep_their_places() -> None:
    labels = in_order(class_labels(["mid", "low", "high", "mid"]), ("low", "mid", "high"))
    assert (labels.names, labels.values.tolist(), labels.target) == (
        ("low", "mid", "high"),
        [1, 0, 2, 1],
        ORDERED,
    )
    assert labels.renamed({"mid": "a"}).names == ("low", "a", "high")
    merged = labels.renamed({"low": "below", "mid": "below"})
    assert (merged.names, merged.values.tolist()) == (("below", "high"), [0, 0, 1, 0])
    assert ORDERED.arranged(["high", "low", "none"], labels.names) == ("low", "high")
