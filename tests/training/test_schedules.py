import pytest

from pellucid.training.optimisers import SCHEDULES, learning_rate


def test_one_cycle_rises_for_a_fifth_and_falls_to_zero():
    one_cycle = SCHEDULES["one-cycle"]
    assert [one_cycle(p) for p in (0.0, 0.1, 0.2, 0.6, 1.0)] == pytest.approx([0.0, 0.5, 1.0, 0.5, 0.0])


def test_cosine_is_half_way_down_in_the_middle():
    assert [SCHEDULES["cosine"](p) for p in (0.0, 0.5, 1.0)] == pytest.approx([1.0, 0.5, 0.0])


@pytest.mark.parametrize("name", SCHEDULES)
def test_no_step_is_idle_and_none_exceeds_the_largest_rate(name):
    rates = [learning_rate(name, 0.3, step, 50) for step in range(50)]
    assert min(rates) > 0.0
    assert max(rates) <= 0.3


def test_constant_stays():
    assert {learning_rate("constant", 0.1, step, 9) for step in range(9)} == {0.1}
