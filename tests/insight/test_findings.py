"""Findings on histories made by hand: what each one needs, and what it lets pass."""

import dataclasses
import json
import math

import pytest

from pellucid.insight.findings import (
    FINDINGS,
    cut_short,
    dead_units,
    exploding_gradients,
    find,
    generalisation_gap,
    learning_rate_too_high,
    learning_rate_too_low,
    overfitting,
    saturated_units,
    suspicious_labels,
    underfitting,
    vanishing_gradients,
)
from pellucid.insight.training_courses import Course

SOUND = ((1.5, 1.4, 0.5), (0.9, 0.9, 0.72), (0.6, 0.62, 0.8), (0.5, 0.5, 0.85), (0.45, 0.47, 0.87))
GRADIENTS, UPDATES = (0.5, 0.4, 0.6, 0.7), (0.002, 0.003, 0.001, 0.002)


def layers(gradients=GRADIENTS, updates=UPDATES, **share):
    weights = {
        f"layer{place}": {"gradient_norm": gradient, "weight_norm": 5.0, "update_to_weight": update}
        for place, (gradient, update) in enumerate(zip(gradients, updates, strict=False))
    }
    activation = {"kind": "relu", "mean": 0.4, "deviation": 0.6, **share}
    return {"steps": 2, "weights": weights, "activations": {"layer0act": activation}}


def course(epochs=SOUND, health=None, **more):
    """A history from (train loss, validation loss, accuracy of both) of each epoch."""
    history = [
        {
            "epoch": epoch,
            "train_loss": train,
            "train_accuracy": accuracy,
            "validation_loss": validation,
            "validation_accuracy": accuracy,
            **({} if health is None else {"health": health}),
        }
        for epoch, (train, validation, accuracy) in enumerate(epochs, start=1)
    ]
    return Course(history, chance=0.1, **more)


def later(health, at_first=None):
    """A sound training whose last epoch has another health."""
    ran = course(health=layers() if at_first is None else at_first)
    return Course([*ran.history, {**ran.history[-1], "health": health}])


def overfitted(last=0.9, ahead=0.1):
    losses = ((1.5, 1.4), (0.9, 0.8), (0.5, 0.7), (0.3, 0.8), (0.1, last))
    ran = course([(train, validation, 0.8) for train, validation in losses])
    history = [{**record, "train_accuracy": record["train_accuracy"] + ahead} for record in ran.history]
    history[2] = {**history[2], "validation_accuracy": 0.82}
    return Course(history, chance=0.1)


def ahead(train=1.0, validation=0.75, **more):
    """A training whose losses both fall, and whose accuracies end so far apart."""
    records = course([(1.5, 1.5, 0.5), (0.8, 1.0, 0.5), (0.3, 0.8, 0.5), (0.1, 0.75, 0.5)]).history
    scores = {"train_accuracy": train, "validation_accuracy": validation}
    return Course([{**record, **scores} for record in records], chance=0.1, **more)


def of_numbers(losses, r2):
    return Course([{"train_loss": loss, "validation_r2": r2} for loss in losses])


RISING = ((1.5, 1.5, 0.5), (1.0, 1.0, 0.6), (1.1, 1.1, 0.6), (0.9, 0.9, 0.7), (0.8, 0.8, 0.7))
SPOILT = ((5.7, 2.4, 0.1), (3.3, 2.3, 0.1), (2.9, 2.2, 0.2), (2.5, 2.2, 0.2))
STEEP = ((2.0, 2.0, 0.3), (1.5, 1.5, 0.4), (1.2, 1.2, 0.5), (1.0, 1.0, 0.6))
ANNEALED = [(2.0, 2.0, 0.3), (1.0, 1.0, 0.5), (0.5, 0.5, 0.7), (0.3, 0.3, 0.8), (0.298, 0.297, 0.8)]
SLOW, STUCK = [(2.3 - epoch / 1000, 2.3, 0.12) for epoch in range(6)], [(2.2, 2.2, 0.12)] * 6
FALLING = [(2.3 - 0.2 * epoch, 2.3 - 0.2 * epoch, 0.12 + 0.02 * epoch) for epoch in range(6)]
HALVED = [(2.0 * 0.92**epoch, 2.0 * 0.92**epoch, 0.5) for epoch in range(20)]
LEARNT = ((2.0, 2.0, 0.3), (0.01, 0.3, 0.9), (0.2, 0.3, 0.9), (0.01, 0.3, 0.9))
LARGE, SMALL = layers(updates=(0.06, 0.05, 0.07, 0.06)), layers(updates=(5e-5, 2e-5, 1e-5, 9e-5))
LABELS = {"label_issues": 11, "examined": 1000, "agreed": 850, "label_precision": 0.874}

# What is looked for, a training in which it is found, words of its evidence, and trainings that it lets pass.
RULES = {
    "gradients fade on their way down": (
        vanishing_gradients,
        course(health=layers((0.0009, 0.01, 0.1, 0.5))),
        "0.00180 times",
        [
            course(health=layers((0.006, 0.01, 0.1, 0.5))),
            course(health=layers((1e-6, 0.5))),  # two layers are too few
            course(health=layers((0.0, 0.0, 0.0, 0.0))),
        ],
    ),
    "gradients grow on their way down": (
        exploding_gradients,
        course(health=layers((90.0, 40.0, 10.0, 0.5))),
        "up to 180 times",
        [course(health=layers((40.0, 40.0, 10.0, 0.5)))],
    ),
    "gradients grow from epoch to epoch": (
        exploding_gradients,
        later(layers(tuple(150 * each for each in GRADIENTS))),
        "150 times its length",
        [course(health=layers())],
    ),
    "units are dead": (
        dead_units,
        course(health=layers(dead=0.41)),
        "In layer0act 41 %",
        [
            course(health=layers(dead=0.39)),
            course(health=layers()),
            later(layers(dead=0.0), layers(dead=0.9)),  # the last epoch counts
        ],
    ),
    "outputs are saturated": (
        saturated_units,
        course(health=layers(saturated=0.51)),
        "In layer0act 51 %",
        [course(health=layers(saturated=0.49)), course(health=layers())],
    ),
    "a loss rises under large updates": (
        learning_rate_too_high,
        course(RISING, LARGE),
        "rose again by up to 7 %",
        [course(RISING, layers()), course(SOUND, LARGE), course(RISING, LARGE, has_even_updates=True)],
    ),
    "a first epoch is worse than guessing": (
        learning_rate_too_high,
        course(SPOILT, LARGE, guessing=math.log(10)),
        "148 % above that of guessing",
        [
            course(SPOILT, LARGE, guessing=6.0),
            course(SPOILT, LARGE),
            course(SPOILT, layers(), guessing=math.log(10)),
        ],
    ),
    "a loss leaps": (
        learning_rate_too_high,
        course((*SOUND[:2], (1.8, 2.0, 0.3), *SOUND[3:])),
        "rose again",
        [course(LEARNT)],  # a small leap beside the loss at first
    ),
    "weights hardly move": (
        learning_rate_too_low,
        course(SLOW, SMALL),
        "longer than 9e-05 times",
        [course(SLOW, layers(updates=(5e-5, 2e-4, 1e-5, 9e-5))), course([(0.1, 0.1, 0.99)] * 6, SMALL)],
    ),
    "the validation loss rises while the train loss falls": (
        overfitting,
        overfitted(),
        "After epoch 3 the validation loss rose from 0.700 to 0.900",
        [overfitted(last=0.8), overfitted(ahead=0.03), ahead()],
    ),
    "train is far ahead though no loss rises": (
        generalisation_gap,
        ahead(),
        "accuracy was 100 % on training and 75.0 % on validation examples",
        [
            ahead(train=0.84),
            ahead(train=0.95, validated=8),  # two standard errors are 0.31
            overfitted(),  # which has a name already
        ],
    ),
    "numbers are far ahead in R²": (
        generalisation_gap,
        of_numbers((1.0, 0.5, 0.2, 0.1), 0.5),
        "R² was 0.900",
        [of_numbers((1.0, 0.5, 0.2, 0.1), 0.8), of_numbers((1.0, 0.5, 0.2, 0.75), 0.0)],  # hardly learnt
    ),
    "a network stays near chance": (
        underfitting,
        course(STUCK),
        "2 % of the way",
        [course([(1.5, 1.5, 0.4)] * 6)],
    ),
    "numbers are not explained": (
        underfitting,
        of_numbers([0.95] * 6, 0.04),
        "5 % of the way",
        [of_numbers([0.95] * 6, 0.5)],
    ),
    "training ends while it gets better": (
        cut_short,
        course(STEEP),
        "fell by 17 %",
        [course(STEEP[:3]), course((*STEEP, (1.0, 1.01, 0.6))), course(ANNEALED)],  # to a rate of zero
    ),
    "training ends while it gets better slowly": (cut_short, course(HALVED), "last half", [course()]),
    "many labels look wrong": (
        suspicious_labels,
        course(**LABELS),
        "11 of 1,000 labels (1.1 %) look wrong; an estimated 87 % of these are.",
        [course(**{**LABELS, "label_issues": 10}), course(label_issues=4, examined=100, agreed=90), course()],
    ),
}


@pytest.mark.parametrize(("look", "ill", "evidence", "sound"), RULES.values(), ids=RULES)
def test_each_finding_needs_what_its_method_says(look, ill, evidence, sound):
    found = look(ill)
    assert found is not None
    assert evidence in found.evidence
    assert [look(each) for each in sound] == [None] * len(sound)


def test_of_a_sound_or_an_unmeasured_training_nothing_is_said():
    assert find(course(health=layers(dead=0.1), label_issues=10, examined=1000)) == []
    assert find(Course([])) == find(course(SOUND[:1])) == []
    bare = [{"epoch": 1, "train_loss": 1.0, "train_accuracy": 0.5, "validation_loss": None}]
    assert find(Course(bare)) == find(Course([{**bare[0], "validation_loss": float("nan")}])) == []


def test_figures_and_remedies():
    assert learning_rate_too_high(course(RISING, LARGE)).numbers["train_loss_rise"] == pytest.approx(
        0.1 / 1.5
    )
    assert learning_rate_too_low(course(SLOW, SMALL)).numbers == {"update_to_weight": 9e-5}
    assert generalisation_gap(ahead()).numbers["gap"] == pytest.approx(0.25)
    assert "more layers or units" in underfitting(course(STUCK)).remedy
    assert underfitting(course(FALLING)).remedy.startswith("Train longer")
    history = [{k: v for k, v in each.items() if "accuracy" not in k} for each in overfitted().history]
    assert overfitting(Course(history)) is not None  # of numbers, in loss


def test_what_follows_from_a_cause_is_left_out_and_findings_are_whole_sentences_as_json():
    named = {"label_issues": 250, "examined": 1000, "agreed": 700}
    assert [each.name for each in find(course(STUCK, layers(dead=0.9), **named))] == ["dead-units"]
    assert [each.name for each in find(course(STUCK, layers()))] == ["underfitting"]
    found = [each.to_json() for each in find(dataclasses.replace(overfitted(), **(LABELS | named)))]
    assert [each["name"] for each in found] == ["overfitting", "suspicious-labels"]
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    for each in found:
        for part in ("sentence", "evidence", "remedy", "method"):
            assert each[part].endswith(".")
            assert each[part][0].isupper()
    assert len(set(FINDINGS)) == len(FINDINGS) == 11


def several(*epochs, **more):
    """A training of several labels: losses, shares of examples all right, and micro-F1 of each epoch."""
    keys = ("train_loss", "validation_loss", "train_subset_accuracy", "validation_subset_accuracy")
    named = (*keys, "validation_micro_f1")
    return Course([dict(zip(named, each, strict=True)) for each in epochs], **{"guessing": 0.2} | more)


def test_several_labels_are_learnt_where_any_lower_bound_of_their_micro_f1_on_train_shows_it():
    stuck = several(*[(0.21, 0.2, 0.05, 0.05, 0.1)] * 5)
    assert stuck.skill == pytest.approx(0.1)
    assert [each.name for each in find(stuck)] == ["underfitting"]
    by_validation = several(*[(0.21, 0.2, 0.05, 0.05, 0.4)] * 5)
    by_loss = several(*[(0.1, 0.2, 0.05, 0.05, 0.1)] * 5)
    by_subsets = several(*[(0.21, 0.2, 0.35, 0.3, 0.1)] * 5)
    skills = [each.skill for each in (by_validation, by_loss, by_subsets)]
    assert skills == pytest.approx([0.4, 0.5, 0.35])
    assert [underfitting(each) for each in (by_validation, by_loss, by_subsets)] == [None] * 3
    assert several((0.21, 0.2, 0.05, 0.05, 0.4), guessing=0.0).skill == 0.4


def test_several_labels_begin_at_one_half_each_so_a_first_epoch_above_guessing_is_no_evidence():
    epochs = [(0.45, 0.21, 0.0, 0.0, 0.2), (0.3, 0.19, 0.2, 0.2, 0.4), (0.25, 0.18, 0.3, 0.3, 0.5)]
    measured = [{**each, "health": layers(updates=(0.09,) * 4)} for each in several(*epochs).history]
    assert find(Course(measured, guessing=0.2)) == []
    above = [{**measured[0], "train_loss": 1.06 * math.log(2)}, *measured[1:]]
    assert learning_rate_too_high(Course(above, guessing=0.2)) is not None


def test_several_labels_overfit_by_the_examples_whose_labels_are_all_right():
    epochs = [(0.3, 0.25, 0.1, 0.1, 0.4)] * 3
    found = generalisation_gap(several(*epochs, (0.2, 0.24, 0.6, 0.25, 0.5), validated=100))
    assert found.numbers["gap"] == pytest.approx(0.35)
    assert "share of examples with all labels right was 60.0 % on training and 25.0 %" in found.evidence
    assert generalisation_gap(several(*epochs, (0.2, 0.24, 0.3, 0.25, 0.5))) is None
    worse = several(*epochs, (0.3, 0.2, 0.3, 0.3, 0.5), (0.1, 0.25, 0.6, 0.25, 0.5))
    assert overfitting(worse) is not None
    level = several(*epochs, (0.3, 0.2, 0.3, 0.3, 0.5), (0.1, 0.25, 0.3, 0.29, 0.5))
    assert overfitting(level) is None
