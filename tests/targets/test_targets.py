"""Every target keeps the rules that rooms rely on, and the formulas of each on cases done by hand."""

import numpy as np
import pytest

from pellucid.settings import METRICS
from pellucid.targets import (
    CLASSIFICATION,
    GENERATION,
    MULTILABEL,
    ORDERED,
    PRESENT,
    REGRESSION,
    TARGETS,
    Labels,
    Target,
    class_labels,
    labels_of_lists,
    labels_of_states,
    metric_value,
    state_of,
    target_named,
)
from pellucid.targets.numbers import MOST_STRATA, deciles
from pellucid.targets.several import States, rarest_labels, states_of

NAMES = ("ant", "bee", "cat")
LABELS = {
    "class": np.array([2, 0, 2, 1]),
    "labels": np.array([[1, 0, 1], [0, 0, 0], [1, -1, 0], [0, 1, 0]], np.int8),
    "number": np.array([3.0, -1.5, 3.0, 8.0]),
    "ordered": np.array([2, 0, 2, 1]),
}
ANSWERS = {
    "class": np.array([[0.1, 0.2, 0.7], [0.5, 0.25, 0.25], [0.4, 0.4, 0.2], [0.0, 1.0, 0.0]]),
    "labels": np.array([[0.9, 0.5, 0.4], [0.1, 0.2, 0.3], [0.6, 0.6, 0.1], [0.2, 0.8, 0.0]]),
    "number": np.array([3.5, -1.5, 2.0, 9.0]),
    "ordered": np.array([[0.1, 0.2, 0.7], [0.5, 0.25, 0.25], [0.4, 0.4, 0.2], [0.25, 0.5, 0.25]]),
}
# Outputs of predictors with these answers: of ordered classes the probabilities of higher ones.
OUTPUTS = {
    **{noun: TARGETS[noun].columns(answers) for noun, answers in ANSWERS.items()},
    "ordered": np.array([[0.9, 0.7], [0.5, 0.25], [0.6, 0.2], [0.75, 0.25]]),
}


@pytest.fixture(params=sorted(TARGETS))
def target(request: pytest.FixtureRequest) -> Target:
    return TARGETS[request.param]


def test_a_table_names_each_target_by_its_own_noun(target: Target) -> None:
    assert TARGETS[target.noun] is target


def test_answers_come_from_as_many_outputs_as_a_model_has(target: Target) -> None:
    answers, outputs = ANSWERS[target.noun], OUTPUTS[target.noun]
    assert outputs.shape == (4, target.outputs(3))
    np.testing.assert_allclose(target.of_columns(outputs), answers, rtol=1e-12)
    assert target.columns(answers).shape == (4, *target.columns(target.no_answers(3)).shape[1:])
    assert target.of_columns(outputs[:0]).shape == target.no_answers(3).shape


def test_strata_are_numbered_without_gaps_and_alike_labels_share_one(target: Target) -> None:
    strata = target.strata(LABELS[target.noun], 1)
    assert sorted(set(strata.tolist())) == list(range(strata.max() + 1))
    if target is not MULTILABEL:
        assert strata[0] == strata[2]


def test_what_is_decided_is_right_where_it_is_the_label(target: Target) -> None:
    decided = target.labels(ANSWERS[target.noun], NAMES)
    assert not target.wrong(decided, decided).any()
    assert len(target.texts(decided, NAMES)) == 4


def test_a_temperature_of_one_changes_nothing(target: Target) -> None:
    answers = ANSWERS[target.noun]
    assert target.calibrated(answers, 1.0) is answers


def test_labels_travel_with_what_they_are(target: Target) -> None:
    labels = Labels(LABELS[target.noun], NAMES, target)
    assert len(labels) == 4
    assert labels.at([3, 0]).texts() == [labels.texts()[3], labels.texts()[0]]
    assert np.array_equal(np.frombuffer(labels.to_bytes(), target.dtype), labels.values.ravel())
    assert np.array_equal(labels.strata(1), target.strata(labels.values, 1))
    assert np.array_equal(labels.codes(), target.codes(labels.values))
    assert labels.counts() == target.counts(labels.values, 3)


def test_other_names_leave_what_is_said_of_the_examples(target: Target) -> None:
    labels = Labels(LABELS[target.noun], NAMES, target)
    assert labels.by(NAMES).values.tolist() == labels.values.tolist()
    assert labels.is_known().tolist() == [True] * 4
    wider = labels.by(("ant", "asp", "bee", "cat"))
    assert wider.texts() == labels.texts()
    assert wider.names == ("ant", "asp", "bee", "cat")
    assert labels.renamed({"ant": "Ant"}).at([1]).texts() == [
        text.replace("ant", "Ant") for text in labels.at([1]).texts()
    ]


def test_two_names_become_one() -> None:
    merged = Labels(LABELS["class"], NAMES, CLASSIFICATION).renamed({"bee": "cat"})
    assert (merged.names, merged.values.tolist()) == (("ant", "cat"), [1, 0, 1, 1])
    states = np.array([[1, 0, 0], [0, 0, -1], [0, -1, -1], [0, -1, 1]], np.int8)
    merged = labels_of_states(states, NAMES).renamed({"bee": "cat"})
    assert (merged.names, merged.values.tolist()) == (("ant", "cat"), [[1, 0], [0, 0], [0, -1], [0, 1]])


def test_names_that_are_gone_leave_class_0_and_unknown_labels() -> None:
    assert Labels(LABELS["class"], NAMES, CLASSIFICATION).by(("bee", "cat")).values.tolist() == [1, 0, 1, 0]
    several = Labels(LABELS["labels"], NAMES, MULTILABEL).by(("bee", "dog"))
    assert several.values.tolist() == [[0, -1], [0, -1], [-1, -1], [1, -1]]
    assert several.is_known().tolist() == [True, True, False, True]


def test_classes_alone_exclude_each_other() -> None:
    for target, names in (
        (CLASSIFICATION, NAMES),
        (ORDERED, NAMES),
        (MULTILABEL, ()),
        (REGRESSION, ()),
        (GENERATION, ()),
    ):
        assert tuple(target.exclusive(NAMES)) == names


def test_texts_become_classes_and_lists_several_labels() -> None:
    classes = class_labels(["b", "a", "ä", "b"])
    assert (classes.names, classes.values.tolist()) == (("a", "b", "ä"), [1, 0, 2, 1])
    several = labels_of_lists([["b"], [], ["a", "b"], []], ("a", "b"), unknown=[3])
    assert several.values.tolist() == [[0, 1], [0, 0], [1, 1], [-1, -1]]
    assert several.texts() == ["b", "", "a;b", ""]


def test_cells_say_whether_a_label_applies() -> None:
    cells = [1, "1", " Yes ", True, 0, 0.0, "no", None, "", float("nan"), 2, "maybe", [1]]
    assert list(map(state_of, cells)) == [1, 1, 1, 1, 0, 0, 0, -1, -1, -1, None, None, None]


def test_the_most_probable_class_is_answered_of_equals_the_first() -> None:
    answers = ANSWERS["class"]
    decided = CLASSIFICATION.labels(answers)
    assert decided.tolist() == [2, 0, 0, 1]
    assert CLASSIFICATION.wrong(decided, LABELS["class"]).tolist() == [False, False, True, False]
    assert CLASSIFICATION.probability(answers, decided).tolist() == [0.7, 0.5, 0.4, 1.0]
    assert CLASSIFICATION.texts(decided, NAMES) == ["cat", "ant", "ant", "bee"]
    assert CLASSIFICATION.counts(LABELS["class"], 4) == (1, 1, 2, 0)
    assert CLASSIFICATION.of_logits(np.log([[1.0, 3.0]])).tolist() == [pytest.approx([0.25, 0.75])]
    assert CLASSIFICATION.of_logits(2 * np.log([[1.0, 3.0]]), 2.0).tolist() == [pytest.approx([0.25, 0.75])]


def test_a_threshold_decides_between_two_classes() -> None:
    answers = np.array([[0.7, 0.3], [0.71, 0.29]])
    assert CLASSIFICATION.labels(answers, ("no", "yes"), {"yes": 0.3}).tolist() == [1, 0]
    assert CLASSIFICATION.labels(answers, ("no", "yes"), {"no": 0.71}).tolist() == [1, 0]


def test_several_labels_are_decided_one_by_one() -> None:
    answers = ANSWERS["labels"]
    decided = MULTILABEL.labels(answers, NAMES, {"cat": 0.4})
    assert decided.tolist() == [[1, 1, 1], [0, 0, 0], [1, 1, 0], [0, 1, 0]]
    assert MULTILABEL.wrong(decided, LABELS["labels"]).tolist() == [True, False, False, False]
    assert MULTILABEL.probability(answers[:1], decided[:1]).tolist() == pytest.approx([0.9 * 0.5 * 0.4])
    assert MULTILABEL.texts(LABELS["labels"], NAMES) == ["ant;cat", "", "ant", "bee"]
    assert MULTILABEL.counts(LABELS["labels"], 3) == (2, 1, 1)
    # "bee" and "cat" are in one example each, so that the first of them is the rarest.
    assert MULTILABEL.codes(LABELS["labels"]).tolist() == [2, 0, 0, 1]
    assert MULTILABEL.codes(np.zeros((0, 0), np.int8)).tolist() == []
    known = States.of(LABELS["labels"][2:])
    assert known.present.tolist() == [[True, False, False], [False, True, False]]
    assert known.known.tolist() == [[True, False, True], [True, True, True]]
    assert states_of(known.present, ~known.known).tolist() == LABELS["labels"][2:].tolist()
    assert MULTILABEL.strata(LABELS["labels"]).tolist() == [3, 0, 1, 2]
    assert MULTILABEL.of_logits(np.log([[1.0, 3.0]])).tolist() == [pytest.approx([0.5, 0.75])]
    assert MULTILABEL.of_logits(2 * np.log([[1.0, 3.0]]), 2.0).tolist() == [pytest.approx([0.5, 0.75])]
    assert MULTILABEL.calibrated(np.array([[0.9, 0.2]]), 0.5).tolist() == [pytest.approx([81 / 82, 1 / 17])]


def test_numbers_are_answered_as_they_are() -> None:
    answers = ANSWERS["number"]
    assert REGRESSION.labels(answers) is answers
    assert REGRESSION.of_logits(answers[:, None], 2.0).tolist() == answers.tolist()
    assert REGRESSION.counts(LABELS["number"], 0) == (4,)
    assert REGRESSION.codes(LABELS["number"]).tolist() == [0, 0, 0, 0]
    assert REGRESSION.strata(LABELS["number"], 2).tolist() == [1, 0, 1, 1]
    assert REGRESSION.texts(np.array([0.1, 2.0]), ()) == ["0.1", "2.0"]


def test_parts_of_a_range_are_ten_at_most_and_of_equal_size() -> None:
    parts = deciles(np.arange(300.0))
    assert np.bincount(parts).tolist() == [30] * MOST_STRATA
    assert np.bincount(deciles(np.arange(29.0))).tolist() == [29]
    assert np.bincount(deciles(np.arange(30.0))).tolist() == [15, 15]
    assert deciles(np.ones(300)).tolist() == [0] * 300
    numbers = Labels(np.arange(30.0)[::-1], (), REGRESSION)
    for parts in (numbers.strata(), REGRESSION.strata(numbers.values)):
        assert parts.tolist() == [1] * 15 + [0] * 15
    assert numbers.strata(10).tolist() == [2] * 10 + [1] * 10 + [0] * 10


@pytest.mark.parametrize(
    ("target", "value", "classes", "words"),
    [
        (CLASSIFICATION, {"yes": 0.5}, ("a", "yes", "no"), "of one of two classes"),
        (CLASSIFICATION, {}, ("yes", "no"), "of one of two classes"),
        (CLASSIFICATION, {"maybe": 0.5}, ("yes", "no"), "not an object of classes"),
        (ORDERED, {"b": 0.5}, ("a", "b", "c"), "belongs to two classes, or to several labels"),
        (MULTILABEL, ["yes"], ("yes", "no"), "not an object of classes"),
        (MULTILABEL, {"yes": True}, ("yes", "no"), "not a probability from 0 to 1"),
        (MULTILABEL, {"yes": 1.5}, ("yes", "no"), "not a probability from 0 to 1"),
        (REGRESSION, {}, (), "belongs to classes"),
        (GENERATION, {}, (), "belongs to classes"),
    ],
)  # fmt: skip
def test_a_threshold_of_a_file_is_not_trusted(target, value, classes, words) -> None:
    with pytest.raises(ValueError, match=words):
        target.checked_threshold(value, classes)


def test_a_threshold_of_a_file_is_read() -> None:
    assert CLASSIFICATION.checked_threshold({"yes": 1}, ("no", "yes")) == {"yes": 1.0}
    assert MULTILABEL.checked_threshold({"yes": 0, "no": 0.3}, ("no", "yes")) == {"yes": 0.0, "no": 0.3}


def test_numbers_have_no_probability() -> None:
    with pytest.raises(ValueError, match="numbers have no probability"):
        REGRESSION.probability(ANSWERS["number"], LABELS["number"])


def test_a_condition_of_a_generator_is_named() -> None:
    assert GENERATION.texts(np.array([1, 0]), ("ant", "bee")) == ["bee", "ant"]


def test_values_are_means_of_terms_where_a_metric_is_one(target: Target) -> None:
    labels, answers = LABELS[target.noun], ANSWERS[target.noun]
    key = target.contested[0]
    mean = float(target.terms(key, labels, answers).mean())
    value = target.value(key, labels, answers)
    assert (value**2 if key == "root_mean_squared_error" else value) == pytest.approx(mean)
    of_whole = metric_value(METRICS[key], Labels(labels, NAMES, target).at(slice(1, 3)), answers[1:3])
    assert of_whole == target.value(key, labels[1:3], answers[1:3])


def test_outcomes_and_firsts_by_hand() -> None:
    outcomes = {"class": [1, 1, 0, 1], "labels": [0, 1, 1, 1], "number": [0.5, 0, 1, 1]}
    firsts = {"class": [1, 3, 0], "labels": [0, 3, 0], "number": []}
    outcomes["ordered"], firsts["ordered"] = outcomes["class"], firsts["class"]
    for noun, target in TARGETS.items():
        assert target.outcomes(LABELS[noun], ANSWERS[noun]).tolist() == outcomes[noun]
        assert target.firsts(LABELS[noun]).tolist() == firsts[noun]
    decided = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 0], [0, 1, 1]], np.int8)
    assert MULTILABEL.outcomes(LABELS["labels"], ANSWERS["labels"], decided).tolist() == [1, 1, 1, 0]
    assert MULTILABEL.value("subset_accuracy", LABELS["labels"], ANSWERS["labels"], decided) == 0.75
    assert MULTILABEL.terms("subset_accuracy", LABELS["labels"], ANSWERS["labels"], decided).tolist() == [
        1,
        1,
        1,
        0,
    ]
    assert (CLASSIFICATION.right, MULTILABEL.right, REGRESSION.right) == ("accuracy", "subset_accuracy", "")


def test_a_metric_decides_that_scores_the_target() -> None:
    decides = {(target.noun, setting): target.decides(setting).setting for target in TARGETS.values()
               for setting in (None, "log-loss", "macro-f1")}  # fmt: skip
    assert decides == {
        ("class", None): "accuracy",
        ("class", "log-loss"): "log-loss",
        ("class", "macro-f1"): "macro-f1",
        ("labels", None): "micro-f1",
        ("labels", "log-loss"): "log-loss",
        ("labels", "macro-f1"): "macro-f1",
        ("number", None): "root-mean-squared-error",
        ("number", "log-loss"): "root-mean-squared-error",
        ("number", "macro-f1"): "root-mean-squared-error",
        ("ordered", None): "quadratic-weighted-kappa",
        ("ordered", "log-loss"): "log-loss",
        ("ordered", "macro-f1"): "macro-f1",
    }
    assert CLASSIFICATION.decides("subset-accuracy").key == "accuracy"
    scored = [[target.has_metric(key) for key in ("accuracy", "log_loss", "micro_f1", "mean_absolute_error")]
              for target in (CLASSIFICATION, MULTILABEL, REGRESSION)]  # fmt: skip
    assert scored == [[True, True, False, False], [False, True, True, False], [False, False, False, True]]


def test_thresholds_that_are_given_take_the_place_of_a_models_own() -> None:
    own = {"ant": 0.3, "bee": 0.6}
    assert CLASSIFICATION.thresholds(own, None) is own
    assert CLASSIFICATION.thresholds(own, {}) == {}
    assert MULTILABEL.thresholds(own, None) == own
    assert MULTILABEL.thresholds(own, {"bee": 0.2}) == {"ant": 0.3, "bee": 0.2}


def test_a_model_is_asked_for_what_it_answers(target: Target) -> None:
    class Model:
        def predict_proba(self, inputs: float) -> np.ndarray:
            return np.full((2, 3), inputs)

        def predict_values(self, inputs: float) -> np.ndarray:
            return np.full(2, inputs)

    shape = (2,) if target is REGRESSION else (2, 3)
    assert np.array_equal(target.ask(Model(), 0.25), np.full(shape, 0.25))
    assert target.quoted("ant") == ("ant" if target is REGRESSION else "'ant'")


def test_the_most_probable_is_nearest_and_its_probability_trusted() -> None:
    nearest = {"class": [2, 0, 0, 1], "labels": [0, 2, 0, 1], "number": [3.5, -1.5, 2, 9]}
    nearest["ordered"] = nearest["class"]
    outputs = {"class": 3, "number": 1, "ordered": 2}
    for noun, target in TARGETS.items():
        assert target.nearest(ANSWERS[noun]).tolist() == nearest[noun]
        if target is not MULTILABEL:
            assert target.outputs(3) == outputs[noun]


def test_probabilities_state_classes_or_every_known_label() -> None:
    stated = CLASSIFICATION.statements(LABELS["class"], ANSWERS["class"])
    assert stated.confidence.tolist() == [0.7, 0.5, 0.4, 1.0]
    assert stated.holds.tolist() == [True, True, False, True]
    assert stated.of_truth.tolist() == [0.7, 0.5, 0.2, 1.0]
    assert stated.example is None
    of_labels = MULTILABEL.statements(LABELS["labels"], ANSWERS["labels"])
    assert of_labels.example is not None
    assert of_labels.example.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 3]  # one label of row 2 is unknown
    assert of_labels.confidence[6:8].tolist() == [0.6, 0.1]
    assert of_labels.of_truth[:3] == pytest.approx([0.9, 0.5, 0.4])
    assert of_labels.of_truth[6:8] == pytest.approx([0.6, 0.9])
    with pytest.raises(ValueError, match="numbers have no probability"):
        REGRESSION.statements(LABELS["number"], ANSWERS["number"])


def test_the_truth_fits_the_worse_the_less_probable_or_the_farther_off_it_is() -> None:
    assert CLASSIFICATION.misfits(LABELS["class"], ANSWERS["class"]) == pytest.approx([-0.7, -0.5, -0.2, -1])
    assert REGRESSION.misfits(LABELS["number"], ANSWERS["number"]).tolist() == [0.5, 0, 1, 1]
    of_labels = MULTILABEL.misfits(LABELS["labels"][:2], ANSWERS["labels"][:2])
    assert of_labels == pytest.approx([-0.9 * 0.5 * 0.4, -0.9 * 0.8 * 0.7])


def test_a_task_names_its_target() -> None:
    for target in (*TARGETS.values(), GENERATION):
        assert target_named(target.name) is target
    assert target_named("") is CLASSIFICATION


def test_the_rarest_label_of_each_is_the_first_of_equally_rare_ones() -> None:
    """Of forty labels, more than NumPy sorts in order by itself, all but the last are in two examples."""
    labels = np.zeros((40, 40), np.int8)
    labels[np.arange(40), np.arange(40)] = labels[np.arange(40), (np.arange(40) + 7) % 40] = PRESENT
    labels[5, 39] = PRESENT
    expected = np.minimum(np.arange(40), (np.arange(40) + 7) % 40)
    assert rarest_labels(labels).tolist() == expected.tolist()


def test_errors_are_those_of_answers_from_labels() -> None:
    labels, answers = np.array([1.0, 2.0, 6.0]), np.array([2.0, 2.5, 4.0])
    squares, around = 1 + 0.25 + 4, 4 + 1 + 9
    assert REGRESSION.value("r2", labels, answers) == pytest.approx(1 - squares / around)
    assert REGRESSION.value("root_mean_squared_error", labels, answers) == pytest.approx(np.sqrt(squares / 3))
