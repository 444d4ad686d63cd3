"""Data frames of pandas and polars and tables of Arrow, as a notebook hands them over."""

from typing import Any

import numpy as np
import pandas
import pyarrow as pa
import pytest

import pellucid
from pellucid.answering.predict import predict
from pellucid.settings import Settings

COUNT = 24
LABELS = ["good", "bad"] * (COUNT // 2)
FRAME = pandas.DataFrame(
    {
        "id": range(COUNT),
        "title": [("fine" if label == "good" else "dull") + f" film {at}" for at, label in enumerate(LABELS)],
        "body": [f"it was {label} all through, from the first to the last scene" for label in LABELS],
        "opinion": LABELS,
    },
    index=range(500, 500 + COUNT),
)


def small() -> pellucid.TextClassifier:
    return pellucid.TextClassifier(model="logistic-regression")


def polars_frame() -> Any:
    return pytest.importorskip("polars").DataFrame(FRAME.to_dict("list"))


FRAMES = {
    "pandas": lambda: FRAME,
    "pandas, categories": lambda: FRAME.assign(opinion=FRAME.opinion.astype("category")),
    "pandas, its own types": lambda: FRAME.convert_dtypes(),
    "arrow": lambda: pa.Table.from_pandas(FRAME),
    "polars": polars_frame,
}


@pytest.mark.parametrize("name", FRAMES)
def test_frames_are_learnt_with_their_labels(name: str) -> None:
    frame = FRAMES[name]()
    classifier = small().fit(frame)
    assert classifier.predict(frame).tolist() == LABELS
    column = frame["body"]
    assert small().fit(column, frame["opinion"]).score(column, frame["opinion"]) == 1.0


def test_columns_that_are_handed_over_together_are_joined(tmp_path: Any) -> None:
    classifier = small().fit(FRAME[["title", "body"]], FRAME["opinion"])
    assert classifier.predict(FRAME).tolist() == LABELS
    classifier.save(tmp_path / "model")
    loaded = pellucid.load(tmp_path / "model")
    assert loaded.model_.joined_columns == ("title", "body")
    table = tmp_path / "new.csv"
    FRAME.to_csv(table)
    np.testing.assert_array_equal(loaded.predict_proba(table), classifier.predict_proba(FRAME))
    with pytest.raises(
        pellucid.DataError, match="X: there is no column 'body', whose texts are to be joined"
    ):
        loaded.predict(FRAME[["title", "opinion"]])


def test_whole_numbers_keep_their_type() -> None:
    for kind in ("Int64", "int64", "category"):
        numbers = pandas.Series([1, 2] * (COUNT // 2)).astype(kind)
        assert small().fit(FRAME["body"], numbers).classes_.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("X", "y", "words"),
    [
        (
            FRAME["body"],
            pandas.Series([1, pandas.NA] * (COUNT // 2), dtype="Int64"),
            "empty label at position 1",
        ),
        (FRAME.assign(opinion=["good", None] * (COUNT // 2)), None, "X: empty label at row 2"),
        (FRAME.assign(opinion=[1, "bad"] * (COUNT // 2)), None, "labels of mixed kinds: .*row 1 .*row 2"),
        (FRAME.assign(label=FRAME.body, text=None), None, "no text that can be used|cannot be used"),
        (FRAME.rename(columns={"title": "body"}), None, "X: two columns are named 'body'; rename one"),
        (FRAME[:0], None, "X: the frame has no rows"),
    ],
)
def test_gaps_are_refused_with_their_row(X: Any, y: Any, words: str) -> None:
    with pytest.raises(pellucid.DataError, match=words):
        small().fit(X, y)


def test_a_frame_is_trained_on_and_kept(tmp_path: Any) -> None:
    how = {"model": "logistic-regression", "input_column": "title,body", "folds": 0, "quiet": True}
    run = pellucid.train(FRAME, out=tmp_path / "run", **how)
    assert run.metrics["recommended"] == "logistic-regression"
    model = pellucid.load(tmp_path / "run").model_
    assert model.joined_columns == ("title", "body")
    table = tmp_path / "new.csv"
    FRAME.drop(columns="opinion").to_csv(table)
    done = predict(tmp_path / "run", [str(table)], tmp_path / "answers.csv", Settings())
    assert f"{table}: texts joined from columns 'title' and 'body'" in done.warnings
    assert pandas.read_csv(tmp_path / "answers.csv").label.tolist() == LABELS
    FRAME[["title", "opinion"]].to_csv(table)
    with pytest.raises(pellucid.DataError, match="there is no column 'body', whose texts are to be joined"):
        predict(tmp_path / "run", [str(table)], tmp_path / "answers.csv", Settings())
    again = pandas.read_json(tmp_path / "run" / "frame.jsonl", lines=True)
    pandas.testing.assert_frame_equal(again, FRAME.reset_index(drop=True), check_dtype=False)
    (tmp_path / "run" / "metrics.json").unlink()
    with pytest.raises(pellucid.DataError, match=r"data: differs from .*frame.jsonl.*; give the same frame"):
        pellucid.train(FRAME[1:], out=tmp_path / "run", resume=True, **how)
    with pytest.raises(
        pellucid.UsageError, match="data: int is neither a path, a data frame, nor a data set"
    ):
        pellucid.train(5, out=tmp_path / "other")
