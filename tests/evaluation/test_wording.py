from pellucid.evaluation import Interval
from pellucid.evaluation.intervals import points, span


def test_intervals_have_as_many_decimals_as_their_width_deserves():
    assert points(Interval(0.0187, 0.0108, 0.0266)) == "1.87 points [1.08, 2.66]"
    assert points(Interval(0.187, 0.108, 0.266)) == "18.7 points [10.8, 26.6]"
    assert span(Interval(0.936, 0.931, 0.941)) == "0.936 [0.931, 0.941]"
    assert span(Interval(-0.00001, -1, 1)) == "0.0 [\u22121.0, 1.0]"
    assert span(Interval(12345.0, 12000.0, 13000.0)) == "12,345 [12,000, 13,000]"
    assert span(Interval(0.0, 0.0, 0.0)) == "0 [0, 0]"
