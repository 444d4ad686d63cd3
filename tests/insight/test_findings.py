"""Findings on histories made by hand: what each one needs, and what it lets pass."""

import dataclasses
import json
import math

import pytest

from pellucid.insight.findings import (
    FINDINGS,
    Course,
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

SOUND = ((1.5, 1.4, 0.5), (0.9, 0.9, 0.72), (0.6, 0.62, 0.8), (0.5, 0.5, 0.85), (0.45, 0.47, 0.87))
GRADIENTS, UPDATES = (0.5, 0.4, 0.6, 0.7), (0.002, 0.003, 0.001, 0.002)


def layers(gradients=GRADIENTS, updates=UPDATES, **share):
    weights = {
        f"layer{place}": {"gradient_norm": gradient, "weight_norm": 5.0, "update_to_weight": update}
        for place, (gradient, update) in enumerate(zip(gradients, updates, strict=True))
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


def test_of_a_sound_training_nothing_is_said():
    assert find(course(health=layers(dead=0.1), label_issues=10, examined=1000)) == []


def test_without_layers_epochs_or_validation_nothing_fails():
    assert find(Course([])) == []
    assert find(course(SOUND[:1])) == []
    bare = [{"epoch": 1, "train_loss": 1.0, "train_accuracy": 0.5, "validation_loss": None}]
    assert find(Course(bare)) == []
    assert find(Course([{**bare[0], "validation_loss": float("nan")}])) == []


def test_gradients_that_fade_on_their_way_down():
    found = vanishing_gradients(course(health=layers(gradients=(0.0009, 0.01, 0.1, 0.5))))
    assert found is not None
    assert found.numbers == {"lowest_to_last": pytest.approx(0.0018)}
    assert "0.00180 times" in found.evidence
    assert vanishing_gradients(course(health=layers(gradients=(0.006, 0.01, 0.1, 0.5)))) is None


def test_two_layers_are_too_few_to_speak_of_gradients_on_their_way():
    two = layers(gradients=(1e-6, 0.5), updates=(0.001, 0.001))
    assert vanishing_gradients(course(health=two)) is None


def test_a_gradient_of_zero_everywhere_is_none_that_vanishes_on_its_way():
    assert vanishing_gradients(course(health=layers(gradients=(0.0, 0.0, 0.0, 0.0)))) is None


def test_gradients_that_grow_on_their_way_down():
    found = exploding_gradients(course(health=layers(gradients=(90.0, 40.0, 10.0, 0.5))))
    assert found is not None
    assert "up to 180 times" in found.evidence
    assert exploding_gradients(course(health=layers(gradients=(40.0, 40.0, 10.0, 0.5)))) is None


def test_gradients_that_grow_from_epoch_to_epoch():
    ran = course(health=layers())
    later = layers(gradients=tuple(150 * each for each in GRADIENTS))
    found = exploding_gradients(Course([*ran.history, {**ran.history[-1], "health": later}]))
    assert found is not None
    assert found.numbers["growth"] == pytest.approx(150)
    assert "150 times its length" in found.evidence


@pytest.mark.parametrize(
    ("look", "name", "share", "enough"),
    [(dead_units, "dead", 0.41, 0.39), (saturated_units, "saturated", 0.51, 0.49)],
)
def test_units_that_say_nothing(look, name, share, enough):
    found = look(course(health=layers(**{name: share})))
    assert found is not None
    assert f"In layer0act {100 * share:.0f} %" in found.evidence
    assert look(course(health=layers(**{name: enough}))) is None
    assert look(course(health=layers())) is None


def test_units_are_judged_as_they_are_in_the_end():
    ran = course(health=layers(dead=0.9))
    assert dead_units(Course([*ran.history, {**ran.history[-1], "health": layers(dead=0.0)}])) is None


RISING = ((1.5, 1.5, 0.5), (1.0, 1.0, 0.6), (1.1, 1.1, 0.6), (0.9, 0.9, 0.7), (0.8, 0.8, 0.7))
LARGE = (0.06, 0.05, 0.07, 0.06)


def test_a_loss_that_rises_under_large_updates():
    found = learning_rate_too_high(course(RISING, layers(updates=LARGE)))
    assert found is not None
    assert found.numbers["train_loss_rise"] == pytest.approx(0.1 / 1.5)
    assert "rose again by up to 7 %" in found.evidence
    assert learning_rate_too_high(course(RISING, layers())) is None
    assert learning_rate_too_high(course(SOUND, layers(updates=LARGE))) is None


def test_a_first_epoch_that_is_worse_than_guessing():
    spoilt = ((5.7, 2.4, 0.1), (3.3, 2.3, 0.1), (2.9, 2.2, 0.2), (2.5, 2.2, 0.2))
    ran = dataclasses.replace(course(spoilt, layers(updates=LARGE)), guessing=math.log(10))
    found = learning_rate_too_high(ran)
    assert found is not None
    assert "148 % above that of guessing" in found.evidence
    assert learning_rate_too_high(dataclasses.replace(ran, guessing=6.0)) is None
    assert learning_rate_too_high(course(spoilt, layers(updates=LARGE))) is None
    calm = dataclasses.replace(course(spoilt, layers()), guessing=math.log(10))
    assert learning_rate_too_high(calm) is None


def test_a_loss_that_leaps_says_enough_by_itself():
    leaping = (*SOUND[:2], (1.8, 2.0, 0.3), *SOUND[3:])
    found = learning_rate_too_high(course(leaping))
    assert found is not None
    assert "weights" not in found.evidence


def test_a_leap_that_is_small_beside_the_loss_at_first_is_none():
    learnt = ((2.0, 2.0, 0.3), (0.01, 0.3, 0.9), (0.2, 0.3, 0.9), (0.01, 0.3, 0.9))
    assert learning_rate_too_high(course(learnt)) is None


def test_weights_that_hardly_move():
    slow = [(2.3 - epoch / 1000, 2.3, 0.12) for epoch in range(6)]
    small = (5e-5, 2e-5, 1e-5, 9e-5)
    found = learning_rate_too_low(course(slow, layers(updates=small)))
    assert found is not None
    assert found.numbers == {"update_to_weight": 9e-5}
    assert learning_rate_too_low(course(slow, layers(updates=(5e-5, 2e-4, 1e-5, 9e-5)))) is None
    assert learning_rate_too_low(course([(0.1, 0.1, 0.99)] * 6, layers(updates=small))) is None


def overfitted(last=0.9, ahead=0.1):
    losses = ((1.5, 1.4), (0.9, 0.8), (0.5, 0.7), (0.3, 0.8), (0.1, last))
    ran = course([(train, validation, 0.8) for train, validation in losses])
    history = [{**record, "train_accuracy": record["train_accuracy"] + ahead} for record in ran.history]
    history[2] = {**history[2], "validation_accuracy": 0.82}
    return Course(history, chance=0.1)


def test_a_validation_loss_that_rises_while_the_train_loss_falls():
    found = overfitting(overfitted())
    assert found is not None
    assert found.numbers["best_epoch"] == 3
    assert "After epoch 3 the validation loss rose from 0.700 to 0.900" in found.evidence
    assert overfitting(overfitted(last=0.8)) is None
    assert overfitting(overfitted(ahead=0.03)) is None


def test_numbers_are_overfitted_in_loss():
    history = [
        {key: value for key, value in record.items() if "accuracy" not in key}
        for record in overfitted().history
    ]
    assert overfitting(Course(history)) is not None


def ahead(train=1.0, validation=0.75, **more):
    """A training whose losses both fall, and whose accuracies end so far apart."""
    losses = [(1.5, 1.5), (0.8, 1.0), (0.3, 0.8), (0.1, 0.75)]
    records = [
        {
            "train_loss": loss,
            "validation_loss": of_others,
            "train_accuracy": train,
            "validation_accuracy": validation,
        }
        for loss, of_others in losses
    ]
    return Course(records, chance=0.1, **more)


def test_train_far_ahead_of_validation_is_overfitting_though_no_loss_rises():
    found = generalisation_gap(ahead())
    assert overfitting(ahead()) is None
    assert found is not None
    assert "accuracy was 100 % on training and 75.0 % on validation examples" in found.evidence
    assert found.numbers["gap"] == pytest.approx(0.25)
    assert [each.name for each in find(ahead())] == ["generalisation-gap"]
    assert generalisation_gap(ahead(train=0.84)) is None
    assert generalisation_gap(ahead(train=0.95, validated=8)) is None  # two standard errors are 0.31
    assert generalisation_gap(overfitted()) is None  # which has a name already


def test_numbers_have_a_generalisation_gap_in_r2():
    def numbers(r2, last=0.1):
        return Course([{"train_loss": loss, "validation_r2": r2} for loss in (1.0, 0.5, 0.2, last)])

    assert generalisation_gap(numbers(0.5)) is not None
    assert generalisation_gap(numbers(0.8)) is None
    assert generalisation_gap(numbers(0.0, last=0.75)) is None  # hardly learnt, so underfitted if anything


def test_a_network_that_stays_near_chance():
    stuck = [(2.2, 2.2, 0.12)] * 6
    found = underfitting(course(stuck))
    assert found is not None
    assert "2 % of the way" in found.evidence
    assert "more layers or units" in found.remedy
    falling = [(2.3 - 0.2 * epoch, 2.3 - 0.2 * epoch, 0.12 + 0.02 * epoch) for epoch in range(6)]
    longer = underfitting(course(falling))
    assert longer is not None
    assert longer.remedy.startswith("Train longer")
    assert underfitting(course([(1.5, 1.5, 0.4)] * 6)) is None


def test_numbers_that_are_not_explained():
    history = [{"epoch": epoch, "train_loss": 0.95, "validation_r2": 0.04} for epoch in range(1, 7)]
    found = underfitting(Course(history))
    assert found is not None
    assert found.numbers["skill"] == pytest.approx(0.05)
    assert underfitting(Course([{**record, "validation_r2": 0.5} for record in history])) is None


def test_a_training_that_ends_while_it_gets_better():
    steep = ((2.0, 2.0, 0.3), (1.5, 1.5, 0.4), (1.2, 1.2, 0.5), (1.0, 1.0, 0.6))
    found = cut_short(course(steep))
    assert found is not None
    assert "fell by 17 %" in found.evidence
    assert cut_short(course(steep[:3])) is None
    assert cut_short(course((*steep, (1.0, 1.01, 0.6)))) is None
    annealed = [(2.0, 2.0, 0.3), (1.0, 1.0, 0.5), (0.5, 0.5, 0.7), (0.3, 0.3, 0.8), (0.298, 0.297, 0.8)]
    assert cut_short(course(annealed)) is None  # a schedule that ends at a rate of zero has come to rest
    halved = [(2.0 * 0.92**epoch, 2.0 * 0.92**epoch, 0.5) for epoch in range(20)]
    assert cut_short(course(halved)) is not None


def test_many_suspected_labels():
    found = suspicious_labels(course(label_issues=11, examined=1000, agreed=850, label_precision=0.874))
    assert found is not None
    assert "Of 1,000 labels" in found.evidence
    assert "11 (1.1 %) may well be wrong, and about 87 % of these" in found.evidence
    assert suspicious_labels(course(label_issues=10, examined=1000, agreed=850)) is None
    assert suspicious_labels(course(label_issues=4, examined=100, agreed=90)) is None
    assert suspicious_labels(course(label_issues=5, examined=100, agreed=90)) is not None
    assert suspicious_labels(course()) is None


def test_what_follows_from_a_cause_is_not_told_beside_it():
    stuck = [(2.2, 2.2, 0.12)] * 6
    names = [
        each.name
        for each in find(course(stuck, layers(dead=0.9), label_issues=250, examined=1000, agreed=700))
    ]
    assert names == ["dead-units"]
    assert [each.name for each in find(course(stuck, layers()))] == ["underfitting"]


def test_findings_are_told_as_json_and_in_whole_sentences():
    ran = dataclasses.replace(overfitted(), label_issues=90, examined=1000, agreed=850)
    told = [each.to_json() for each in find(ran)]
    assert [each["name"] for each in told] == ["overfitting", "suspicious-labels"]
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    for each in told:
        for part in ("sentence", "evidence", "remedy", "method"):
            assert each[part].endswith(".")
            assert each[part][0].isupper()


def test_every_finding_is_looked_for_once():
    assert len(set(FINDINGS)) == len(FINDINGS) == 11
