"""How a time limit is shared out before the network is trained."""

import pytest

from pellucid.pipeline.train import _for_network
from pellucid.settings import Settings


@pytest.mark.parametrize("rivals", [True, False])
def test_a_learning_curve_under_a_limit_takes_its_time_from_the_training(rivals):
    settings = Settings(time_limit="100s", rivals=rivals)
    without = _for_network(settings, 100.0)
    curve = _for_network(Settings(time_limit="100s", rivals=rivals, learning_curve=True), 100.0)
    assert 85 < without < 100
    assert curve == pytest.approx(without / 2)


def test_rivals_leave_the_network_less():
    with_rivals = _for_network(Settings(time_limit="100s"), 100.0)
    assert with_rivals < _for_network(Settings(time_limit="100s", rivals=False), 100.0)
