"""What a detector says, how it is calibrated, and detectors out of files nobody vouches for."""

import dataclasses

import numpy as np
import pytest

from novelty_made import DETECTORS, detector, digits, sparse_detector, weights
from pellucid.novelty import FALSE_ALARM_RATE, Detector, fit_detector, fit_measure


def area(foreign: np.ndarray, known: np.ndarray) -> float:
    """The chance that a foreign input gets more than a known one, equals counting half."""
    above = foreign[:, None] > known
    return float((above + (foreign[:, None] == known) / 2).mean())


def known_digits() -> np.ndarray:
    """Digits 0 to 6 that no detector has seen."""
    rows, labels = digits()
    return rows[np.flatnonzero(labels < 7)[900:]]


@pytest.mark.parametrize("sort", ["values", "layer", "image"])
def test_foreign_inputs_are_told_from_known_ones(sort):
    judge, (rows, labels) = detector(sort), digits()
    known = judge.novelty(known_digits())
    noise = np.random.default_rng(0).integers(0, 17, (200, 64)).astype(np.float32)
    assert area(judge.novelty(noise), known) > 0.99
    assert area(judge.novelty(rows[labels >= 7]), known) > 0.75  # classes that were left out


@pytest.mark.parametrize("sort", ["values", "layer", "image"])
def test_the_alarm_is_raised_as_rarely_as_stated(sort):
    judge = detector(sort)
    assert judge.threshold == 1 - FALSE_ALARM_RATE
    alarms = (judge.novelty(known_digits()) > judge.threshold).mean()
    assert alarms < 3 * FALSE_ALARM_RATE


def test_features_of_length_1_are_not_judged_by_how_their_length_was_rounded():
    rows, labels = digits()
    rows = rows / np.sqrt((rows**2).sum(axis=1, keepdims=True))
    judge = fit_detector(fit_measure(rows[:700], labels[:700], "layer"), rows[700:900], labels[700:900], 10)
    rounded = rows[900:] * np.random.default_rng(0).uniform(1 - 1e-7, 1 + 1e-7, (len(rows) - 900, 1))
    np.testing.assert_allclose(
        judge.novelty(rounded.astype(np.float32)), judge.novelty(rows[900:]), atol=0.01
    )
    assert judge.novelty(np.zeros((1, 64), np.float32)) > 0.99  # no unit answers at all


def test_what_is_said_is_the_share_of_validation_examples_that_look_less_foreign():
    judge = detector()
    rows, labels = digits()
    validation = rows[np.flatnonzero(labels < 7)[700:900]]
    said = np.sort(judge.novelty(validation))
    np.testing.assert_allclose(said, (np.arange(200) + 1) / 201, atol=0.003)
    assert said.mean() == pytest.approx(0.5)


def test_beyond_all_validation_examples_it_goes_on_rising():
    judge = detector()
    far = judge.placed(judge.reference[-1] + np.array([0, 1e-3, 1, 10, 1e6, np.inf]))
    assert (np.diff(far) > 0).all()
    assert far[-1] == 1
    np.testing.assert_allclose(judge.placed(judge.reference[-1:] + 1e-9), far[:1] + 0.5 / 201, atol=1e-6)


def test_equals_count_half():
    judge = detector()
    same = dataclasses.replace(judge, reference=np.zeros(9))
    np.testing.assert_allclose(same.placed(np.array([-1.0, 0.0])), [0.05, 0.5])


def test_features_that_are_no_numbers_are_as_foreign_as_can_be():
    rows = digits()[0][:3].copy()
    rows[0, 5], rows[1, 5] = np.nan, np.inf
    said = detector().novelty(rows)
    np.testing.assert_array_equal(said[:2], 1)
    assert said[2] < 1


def test_texts():
    judge, (_, foreign, _) = sparse_detector(), weights()
    assert (judge.novelty(foreign[:2]) > judge.threshold).all()


def test_superiority_is_the_chance_over_all_pairs():
    judge = detector()
    asked = known_digits()[:50]
    pairs = area(judge.foreignness(asked), judge.reference)
    inside = np.minimum(judge.novelty(asked), 1 - 0.5 / 201)
    assert judge.superiority(float(inside.mean())) == pytest.approx(pairs)


def test_answers_are_counted_for_classes_and_kept_for_numbers():
    rows, labels = digits()
    measure = fit_measure(rows[:500], labels[:500], "values")
    classes = fit_detector(measure, rows[500:900], labels[500:900], 12)
    np.testing.assert_array_equal(classes.answers, np.bincount(labels[500:900], minlength=12))
    numbers = fit_detector(measure, rows[500:900], labels[500:900] / 3, 0)
    np.testing.assert_array_equal(numbers.answers, np.sort(labels[500:900] / 3))


def test_of_many_validation_examples_some_stand_for_all():
    rows, labels = np.tile(digits()[0], (3, 1)), np.tile(digits()[1], 3)
    judge = fit_detector(fit_measure(rows[:500], labels[:500], "values"), rows, labels, 10)
    assert (len(judge.reference), judge.examples) == (2000, len(rows))
    assert judge.novelty(rows).mean() == pytest.approx(0.5, abs=0.001)


def test_too_few_validation_examples_have_no_detector():
    rows, labels = digits()
    measure = fit_measure(rows[:500], labels[:500], "values")
    assert fit_detector(measure, rows[500:519], labels[500:519], 10) is None


def test_features_that_are_mostly_no_numbers_have_no_detector():
    rows, labels = digits()
    measure = fit_measure(rows[:500], labels[:500], "values")
    assert fit_detector(measure, np.full((50, 64), np.inf, np.float32), labels[:50], 10) is None


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_is_small_and_comes_back_as_it_was(name):
    judge = DETECTORS[name]()
    arrays = judge.arrays()
    assert sum(array.nbytes for array in arrays.values()) < 2_000_000
    assert {key: (str(array.dtype), array.shape) for key, array in arrays.items()} == Detector.expected(
        judge.to_json()
    )
    again = Detector.from_parts(judge.to_json(), arrays)
    asked = weights()[0][:40] if name == "sparse" else digits()[0][:40]
    np.testing.assert_array_equal(again.novelty(asked), judge.novelty(asked))


def _forget(settings, arrays):
    del arrays["middle"]


FORGERIES = {
    "no object": (lambda settings, arrays: settings.clear(), "novelty: .*missing"),
    "another key": (lambda settings, arrays: settings.update(more=1), "more"),
    "unknown kind": (
        lambda settings, arrays: settings.update(kind="os.system"),
        "novelty: kind: 'os.system' is not one",
    ),
    "kind of another type": (lambda settings, arrays: settings.update(kind=["directions"]), "is not one of"),
    "rate": (lambda settings, arrays: settings.update(rate=1.0), "rate must be a number between 0 and 1"),
    "rate of another type": (lambda settings, arrays: settings.update(rate=True), "rate: True is no number"),
    "no examples": (lambda settings, arrays: settings.update(examples=0), "examples"),
    "signals": (lambda settings, arrays: settings.update(signals=9), "signals"),
    "too many references": (lambda settings, arrays: settings.update(references=10**9), "references"),
    "answers": (lambda settings, arrays: settings.update(answers=-1), "answers"),
    "an array missing": (_forget, "holds the arrays"),
    "not a number": (lambda settings, arrays: arrays["reference"].fill(np.nan), "not finite"),
    "descending": (
        lambda settings, arrays: arrays.update(reference=arrays["reference"][::-1]),
        "do not ascend",
    ),
    "no spread": (lambda settings, arrays: arrays["spread"].fill(0), "spread is not positive"),
}


@pytest.mark.parametrize("name", ["layer", "sparse"])
@pytest.mark.parametrize("change", FORGERIES)
def test_forged_detectors_are_refused(name, change):
    judge = DETECTORS[name]()
    settings, arrays = judge.to_json(), {key: array.copy() for key, array in judge.arrays().items()}
    forge, said = FORGERIES[change]
    forge(settings, arrays)
    with pytest.raises(ValueError, match=said):
        Detector.from_parts(settings, arrays)


OF_DIRECTIONS = {
    "layer": (lambda measure, arrays: measure.update(of_layer=1), "of_layer: 1 is neither true nor false"),
    "shape bomb": (lambda measure, arrays: measure.update(columns=10**12), "columns"),
    "axes": (lambda measure, arrays: measure.update(axes=10**6), "axes"),
    "centres": (lambda measure, arrays: measure.update(centres=0), "centres"),
    "scale": (lambda measure, arrays: arrays["measure.scale"].fill(0), "a scale is not positive"),
    "rest": (lambda measure, arrays: arrays["measure.rest"].fill(-1), "a variance is negative"),
}
OF_NEIGHBOURS = {
    "columns": (lambda measure, arrays: measure.update(columns=3), "do not ascend"),
    "negative": (lambda measure, arrays: arrays["measure.kept_columns"].fill(-1), "do not ascend"),
    "equal": (lambda measure, arrays: arrays["measure.kept_columns"].fill(2), "do not ascend"),
    "ends": (lambda measure, arrays: arrays["measure.centre_ends"].fill(5), "do not end where"),
    "backwards": (lambda measure, arrays: arrays["measure.kept_ends"][:-1].fill(10**9), "do not end where"),
    "kept": (lambda measure, arrays: measure.update(kept=10**9), "kept"),
    "entries": (lambda measure, arrays: measure.update(kept_entries=2**62), "kept_entries"),
}


@pytest.mark.parametrize(
    ("name", "change"),
    [("layer", each) for each in OF_DIRECTIONS] + [("sparse", each) for each in OF_NEIGHBOURS],
)
def test_forged_measures_are_refused(name, change):
    judge = DETECTORS[name]()
    settings, arrays = judge.to_json(), {key: array.copy() for key, array in judge.arrays().items()}
    forge, said = (OF_DIRECTIONS if name == "layer" else OF_NEIGHBOURS)[change]
    forge(settings["measure"], arrays)
    with pytest.raises(ValueError, match=said):
        Detector.from_parts(settings, arrays)


def test_signals_of_another_measure_are_refused():
    judge = detector("layer")
    settings, arrays = judge.to_json(), judge.arrays()
    settings["measure"] = {**settings["measure"], "of_layer": False}
    with pytest.raises(ValueError, match="2 signals where the measure has 1"):
        Detector.from_parts(settings, arrays)
