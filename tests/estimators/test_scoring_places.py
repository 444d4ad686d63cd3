"""`score` of a path: labelled data, read as `evaluate` reads it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.metrics import r2_score

import pellucid

DIGITS = load_digits()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Class folders of digits, of which two names are in no order of numbers."""
    root = tmp_path_factory.mktemp("digits")
    for index in range(90):
        place = root / f"digit {DIGITS.target[index]}"
        place.mkdir(exist_ok=True)
        Image.fromarray((DIGITS.images[index] * 15).astype(np.uint8)).save(place / f"{index}.png")
    return root


def test_images_in_class_folders_are_scored_as_they_were_learnt(folder: Path) -> None:
    classifier = pellucid.ImageClassifier(model="logistic-regression", threads=1).fit(folder)
    paths = sorted(folder.rglob("*.png"))
    by_hand = np.mean(
        classifier.predict([str(path) for path in paths]) == [path.parent.name for path in paths]
    )
    assert classifier.score(folder) == pytest.approx(by_hand)
    assert classifier.score(str(folder)) == classifier.score(folder)
    assert classifier.score([str(path) for path in paths], [path.parent.name for path in paths]) == by_hand


def test_a_table_of_texts_is_scored_on_its_test_split(tmp_path: Path) -> None:
    rows = ["text,label,split"]
    for index in range(20):
        rows += [f"a fine film number {index},good,train", f"a dull film number {index},bad,train"]
    rows += ["fine indeed,good,test", "dull indeed,bad,test", "so dull,good,test", "so fine,good,test"]
    (tmp_path / "films.csv").write_text("\n".join(rows))
    classifier = pellucid.TextClassifier(model="logistic-regression", threads=1).fit(tmp_path / "films.csv")
    assert classifier.score(tmp_path / "films.csv") == 0.75
    assert classifier.score(str(tmp_path / "films.csv")) == 0.75
    (tmp_path / "other.csv").write_text("text,label\nso fine,superb\n")
    with pytest.raises(
        pellucid.DataError, match=r"other.csv: the model does not know class 'superb'; it knows"
    ):
        classifier.score(tmp_path / "other.csv")


def test_several_labels_of_a_table_are_scored(tmp_path: Path) -> None:
    rows = ["text,label"]
    rows += [f"{one} {two} {index},{one}|{two}" for index in range(8) for one, two in (("red", "round"),)]
    rows += [f"red {index},red" for index in range(8)] + [f"square {index}," for index in range(8)]
    (tmp_path / "things.csv").write_text("\n".join(rows))
    estimator = pellucid.TextClassifier(
        model="logistic-regression", target="labels", unlabelled="none", threads=1
    )
    estimator.fit(tmp_path / "things.csv")
    answered = estimator.predict([row.rpartition(",")[0] for row in rows[1:]])
    truth = [sorted(row.rpartition(",")[2].split("|")) if row[-1] != "," else [] for row in rows[1:]]
    right = np.mean([sorted(each) == labels for each, labels in zip(answered, truth, strict=True)])
    assert estimator.score(tmp_path / "things.csv") == pytest.approx(right)


def test_numbers_of_a_table_are_scored_by_their_variance(tmp_path: Path) -> None:
    rows = [(f"{'good ' * number} film", number + 0.5) for number in range(1, 9)] * 4
    (tmp_path / "stars.csv").write_text(
        "\n".join(["text,label", *(f"{text},{number}" for text, number in rows)])
    )
    regressor = pellucid.TextRegressor(model="ridge", threads=1).fit(tmp_path / "stars.csv")
    texts, numbers = zip(*rows, strict=True)
    assert regressor.score(tmp_path / "stars.csv") == pytest.approx(
        r2_score(numbers, regressor.predict(list(texts)))
    )


def test_what_has_no_labels_is_refused(folder: Path) -> None:
    classifier = pellucid.ImageClassifier(model="majority", threads=1).fit(folder)
    with pytest.raises(
        pellucid.UsageError, match="y: score needs labels, and ndarray brings none; give them"
    ):
        classifier.score(DIGITS.images[:5])
    with pytest.raises(pellucid.UsageError, match=r"sample_weight: .* is read as a whole; give examples"):
        classifier.score(folder, sample_weight=np.ones(90))
    with pytest.raises(pellucid.DataError, match="nowhere"):
        classifier.score(folder / "nowhere")
