"""Measures of made images, against numbers that can be derived."""

import numpy as np
import pytest

from pellucid.evaluation.generated_images import (
    Components,
    GaussianOnComponents,
    frechet,
    kernel_distance,
    memorisation,
    nearest,
    spread,
)
from small_models import digits


def drawn(count=800, features=6, shift=0.0, scale=1.0, seed=0):
    return np.random.default_rng(seed).normal(shift, scale, (count, features))


def test_frechet_distance_of_normal_distributions_has_a_formula():
    found = frechet(drawn(4000), drawn(4000, shift=0.5, scale=2.0, seed=1))
    assert found.value == pytest.approx(6 * (0.5**2 + (2 - 1) ** 2), rel=0.05)
    assert found.low < found.value < found.high
    assert frechet(drawn(), drawn()).value == pytest.approx(0, abs=1e-9)


def test_frechet_distance_sees_correlation_that_no_single_feature_has():
    apart = drawn(4000, 2)
    tied = np.stack([apart[:, 0], 0.9 * apart[:, 0] + np.sqrt(0.19) * apart[:, 1]], axis=1)
    expected = 4 - 2 * (np.sqrt(1.9) + np.sqrt(0.1))
    assert frechet(drawn(4000, 2, seed=5), tied).value == pytest.approx(expected, rel=0.1)


def test_kernel_distance_is_nothing_for_one_distribution_and_much_for_another():
    alike = kernel_distance(drawn(), drawn(seed=1))
    assert alike.low < 0 < alike.high
    assert kernel_distance(drawn(), drawn(shift=0.7, seed=1)).low > 0


def test_intervals_of_distances_hold_nothing_most_of_the_time():
    hold = [kernel_distance(drawn(100, seed=n), drawn(100, seed=100 + n)).low <= 0 for n in range(40)]
    assert sum(hold) >= 36


def test_coverage_falls_with_missing_kinds_and_density_with_strange_images():
    two = np.concatenate([drawn(300), drawn(300, shift=9.0, seed=1)])
    alike = spread(two, np.concatenate([drawn(300, seed=2), drawn(300, shift=9.0, seed=3)]))
    assert alike.coverage.value > 0.9
    assert alike.density.value == pytest.approx(1, abs=0.15)
    collapsed = spread(two, drawn(600, seed=4))
    assert 0.4 < collapsed.coverage.value <= 0.51
    strange = spread(two, drawn(600, shift=-30.0, seed=5))
    assert strange.coverage.value == 0
    assert strange.density.value == 0


def test_the_nearest_row_is_found_in_every_block():
    among = drawn(2500, 3)
    places, distances = nearest(among[[0, 1030, 2499]], among)
    assert places.tolist() == [0, 1030, 2499]
    np.testing.assert_allclose(distances, 0, atol=1e-9)


def test_copies_are_convicted_and_blur_is_not():
    rows = digits()[0].reshape(-1, 64).astype(np.float64)
    train, held_out, others = rows[:600], rows[600:1200], rows[1200:]
    innocent = memorisation(train, held_out, others, rows[1200:1500] * 0.5 + rows.mean(0) * 0.5, 0)
    assert innocent.p_value > 0.05
    copied = memorisation(train, held_out, others, train[:200] + 1.0, 0)
    assert copied.share.value == 1
    assert copied.p_value < 0.01
    assert abs(copied.of_held_out.value - 0.5) < 0.1


def test_many_images_like_one_are_one_witness():
    rows = drawn(400, 5)
    made = np.repeat(rows[:1], 300, axis=0) + 0.001
    found = memorisation(rows[:200], rows[200:], drawn(100, 5, seed=1), made, 0)
    assert found.share.value == 1
    assert found.p_value > 0.3
    assert found.share.low < 0.5


def test_components_rebuild_what_they_span():
    pixels, _ = digits()
    found = Components(pixels[:500], 40)
    rows = found.of(pixels[:500]) @ found.vectors + found.mean
    assert np.abs(rows - pixels[:500].reshape(500, -1)).mean() < 6
    np.testing.assert_allclose(found.vectors @ found.vectors.T, np.eye(40), atol=1e-9)


def test_the_plain_generator_has_mean_and_spread_of_each_class():
    pixels, labels = digits()
    plain = GaussianOnComponents(pixels, labels, 10)
    asked = np.repeat(np.arange(10), 200)
    made = plain.sample(asked, 3)
    assert made.dtype == np.uint8
    assert np.array_equal(made, plain.sample(asked, 3))
    for code in (0, 7):
        away = made[asked == code].mean(axis=0) - pixels[labels == code].mean(axis=0)
        assert np.abs(away).mean() < 12


def test_few_images_of_a_class_are_enough_for_a_draw():
    pixels, _ = digits()
    plain = GaussianOnComponents(pixels[:12], np.array([0] * 11 + [1]), 2)
    assert plain.sample(np.array([0, 1]), 0).shape == (2, 8, 8, 1)
