import numpy as np
import pytest

from labelled import labelled
from pellucid.arithmetic.metrics import label_counts, micro_f1
from pellucid.evaluation import wilson
from pellucid.evaluation.learning_curve import learning_curve

SIZES = [500, 1000, 2000, 4000]


def answers(errors, examples, seed=0):
    """Answers to labels of 0 that are wrong on these shares; the hard examples stay hard."""
    order = np.random.default_rng(seed).permutation(examples)
    found = []
    for share in errors:
        wrong = np.zeros(examples, np.int64)
        wrong[order[: round(share * examples)]] = 1
        found.append(wrong)
    return list(zip(SIZES, found, strict=False))


def outlook(errors, examples=2000):
    return learning_curve(labelled(np.zeros(examples, np.int64)), {"cnn": answers(errors, examples)}, "cnn")


def test_a_falling_error_promises_more():
    curve = outlook([0.2, 0.15, 0.1125, 0.0844])
    assert curve.would_help is True
    # the line goes on: 0.0844 x 0.75 = 0.0633, half an example added to the wrong ones makes it 0.0635
    assert curve.outlook.startswith("More data would likely help cnn: with 8,000 training examples")
    assert "accuracy would be about 0.936 [" in curve.outlook
    assert "instead of 0.916" in curve.outlook


def test_a_flat_error_promises_nothing():
    curve = outlook([0.101, 0.1, 0.1, 0.1])
    assert curve.would_help is False
    assert "would hardly help cnn" in curve.outlook


def test_few_examples_cannot_tell():
    curve = outlook([0.2, 0.3, 0.1, 0.2], examples=30)
    assert curve.would_help is None
    assert "is inconclusive" in curve.outlook


def test_points_and_json():
    labels = np.zeros(100, np.int64)
    curve = learning_curve(
        labelled(labels), {"svm": answers([0.5, 0.4], 100), "cnn": answers([0.3, 0.2, 0.1], 100)}, "svm"
    )
    assert curve.would_help is None
    assert "three are needed" in curve.outlook
    assert curve.curves["cnn"][0] == (500, wilson(70, 100))
    document = curve.to_json()
    assert document["metric"] == "accuracy"
    assert document["curves"]["svm"][1] == {"examples": 1000, **wilson(60, 100)._asdict()}


def test_numbers():
    generator = np.random.default_rng(0)
    labels = generator.normal(size=1000)
    noise = generator.normal(size=1000)
    falling = [(size, labels + noise * size**-0.5) for size in SIZES]
    curve = learning_curve(labelled(labels), {"ridge": falling}, "ridge")
    assert curve.metric == "root_mean_squared_error"
    assert curve.would_help is True
    assert curve.curves["ridge"][0].score.value == pytest.approx(500**-0.5, rel=0.1)
    flat = [(size, labels + noise) for size in SIZES]
    assert learning_curve(labelled(labels), {"ridge": flat}, "ridge").would_help is False


def test_perfect_answers_need_no_more():
    assert outlook([0.0, 0.0, 0.0]).would_help is False


def test_no_validation_example_and_no_curve():
    nothing = np.zeros(0, np.int64)
    curve = learning_curve(labelled(nothing), {"cnn": [(10, nothing)]}, "cnn")
    assert curve.would_help is None
    assert curve.curves == {"cnn": ()}
    with pytest.raises(ValueError, match="'svm' has no learning curve"):
        learning_curve(labelled(nothing), {}, "svm")


def test_several_labels_are_scored_by_micro_f1():
    """Wrong cells fall by a quarter with each doubling; unknown ones never count."""
    generator = np.random.default_rng(0)
    labels = (generator.random((800, 6)) < 0.3).astype(np.int8)
    labels[generator.random(labels.shape) < 0.1] = -1
    hardness = generator.random(labels.shape)
    curve = [
        (size, np.where((hardness < share) != (labels == 1), 1, 0).astype(np.int8))
        for size, share in zip(SIZES, [0.2, 0.15, 0.1125, 0.0844], strict=True)
    ]
    found = learning_curve(labelled(labels), {"cnn": curve}, "cnn")
    assert found.metric == found.to_json()["metric"] == "micro_f1"
    for point, (size, predicted) in zip(found.curves["cnn"], curve, strict=True):
        assert point.examples == size
        assert point.score.value == pytest.approx(float(micro_f1(label_counts(labels, predicted))))
        assert point.score.low < point.score.value < point.score.high
    assert found.would_help is True
    assert "the micro-F1 would be about 0." in found.outlook
    nothing = learning_curve(labelled(labels[:0]), {"cnn": [(5, labels[:0])]}, "cnn")
    assert nothing.would_help is None
