from pellucid.pipeline.judging.disagreement import worst_slice


def slices(*scores):
    values = [
        {
            "value": value,
            "examples": 30,
            "score": {"value": score, "low": 0.5, "high": 1.0},
            "worse_than_all": False,
        }
        for value, score in scores
    ]
    return {"column": "source", "values": values}


def test_the_worst_value_is_told_and_none_where_all_are_as_good():
    found = worst_slice(slices(("desk", 0.8), ("web", 1.0)), "text")
    assert found.replace("\u00a0", " ") == (
        "worst by 'source': 'desk', 0.800 [0.500, 1.000] of 30 test texts, which could be chance"
    )
    found = worst_slice(slices(("desk", 1.0), ("web", 1.0)), "text")
    assert found == "no value of 'source' is worse than another"
    assert worst_slice(slices(("desk", 1.0)), "text") is None
