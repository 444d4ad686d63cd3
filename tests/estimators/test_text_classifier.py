"""Classes of texts, on real mail and by every form of input."""

from pathlib import Path

import numpy as np
import pandas
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import pellucid
from pellucid.data.sources.samples import read_sample
from small_models import digits

MAIL = read_sample("sample:spam")
TEXTS = [*MAIL.texts[:300], *MAIL.texts[-100:]]
KINDS = np.array([*MAIL.labels[:300], *MAIL.labels[-100:]])
TRAIN, TEST = slice(0, 240), slice(240, 400)


def small(**parameters: object) -> pellucid.TextClassifier:
    return pellucid.TextClassifier().set_params(
        **{
            "model": "bag",
            "epochs": 6,
            "learning_rate": 0.02,
            "threads": 1,
            "width": 16,
            "length": 400,
            **parameters,
        }
    )


@pytest.fixture(scope="module")
def fitted() -> pellucid.TextClassifier:
    return small().fit(TEXTS[TRAIN], KINDS[TRAIN])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Mail as class folders of `.txt` files."""
    place = tmp_path_factory.mktemp("mail")
    for index, (text, kind) in enumerate(zip(TEXTS[:120], KINDS, strict=False)):
        (place / kind).mkdir(exist_ok=True)
        (place / kind / f"{index:03}.txt").write_text(text, encoding="utf-8")
    return place


def test_real_mail(fitted: pellucid.TextClassifier) -> None:
    assert fitted.score(TEXTS[TEST], KINDS[TEST]) > 0.8
    assert fitted.classes_.tolist() == ["ham", "spam"]
    probabilities = fitted.predict_proba(TEXTS[TEST])
    assert probabilities.shape == (160, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert fitted.transform(TEXTS[:9]).shape == (9, len(fitted.get_feature_names_out())) == (9, 16)
    assert [record["epoch"] for record in fitted.history_] == [1, 2, 3, 4, 5, 6]
    assert not hasattr(fitted, "n_features_in_")


@pytest.mark.parametrize(
    "form",
    [
        np.array,
        lambda texts: np.array(texts, dtype=object),
        lambda texts: pandas.Series(texts, dtype="string", index=range(7, 7 + len(texts))),
    ],
)
def test_every_form_of_many_texts_is_the_same(fitted: pellucid.TextClassifier, form: type) -> None:
    np.testing.assert_array_equal(fitted.predict_proba(form(TEXTS[TEST])), fitted.predict_proba(TEXTS[TEST]))
    again = small(epochs=1).fit(form(TEXTS[:40]), pandas.Series(KINDS[:40]))
    expected = small(epochs=1).fit(TEXTS[:40], KINDS[:40])
    np.testing.assert_array_equal(again.predict_proba(TEXTS[:9]), expected.predict_proba(TEXTS[:9]))


def test_eight_texts_are_enough() -> None:
    reviews = ["good film", "bad film", "so good", "so bad", "good", "bad", "a good one", "a bad one"]
    for model in ("bag", "text-cnn", "rnn"):
        estimator = pellucid.TextClassifier(model=model, threads=1, seed=1).fit(reviews, [1, 0] * 4)
        assert estimator.predict(reviews).tolist() == [1, 0] * 4
        assert "validation_accuracy" not in estimator.history_[0]


def test_languages_without_spaces() -> None:
    reviews = ["这部电影很好", "这部电影很差", "非常好看", "非常难看", "好极了", "差极了", "好", "差"] * 2
    estimator = pellucid.TextClassifier(model="bag", threads=1).fit(reviews, ["正", "负"] * 8)
    assert estimator.predict(["很好", "很差"]).tolist() == ["正", "负"]


def test_the_rule_chooses_a_network_of_texts() -> None:
    estimator = small(model="auto", width=None).fit(TEXTS[:60], KINDS[:60])
    assert estimator.model_.network.config.name in ("bag", "text-cnn", "rnn")


def test_folders_tables_and_files(folder: Path, tmp_path: Path) -> None:
    estimator = small(epochs=8).fit(folder)
    files = sorted(folder.rglob("*.txt"))
    named = estimator.predict(files)
    assert (named == [file.parent.name for file in files]).mean() > 0.8
    assert estimator.predict(folder).tolist() == named.tolist()
    assert estimator.predict(files[0]).tolist() == named[:1].tolist()
    frame = pandas.DataFrame({"message": TEXTS[:120], "kind": KINDS[:120]})
    frame.to_csv(tmp_path / "mail.csv", index=False)
    by_table = small(epochs=8).fit(tmp_path / "mail.csv")
    assert by_table.score(tmp_path / "mail.csv", KINDS[:120]) > 0.8
    with pytest.raises(pellucid.DataError, match=r"no\.txt: no such file or folder"):
        estimator.predict(Path("no.txt"))
    (tmp_path / "broken.txt").write_bytes(b"fine \xff\xfe\xfd not")
    with pytest.raises(pellucid.DataError, match=r"broken\.txt: .*; leave it out"):
        estimator.predict(tmp_path / "broken.txt")


@pytest.mark.slow
def test_the_sample_has_its_own_validation_and_its_test_split_is_left_alone() -> None:
    estimator = small(epochs=2).fit("sample:spam")
    assert "validation_accuracy" in estimator.history_[0]
    test = [text for text, part in zip(MAIL.texts, MAIL.splits, strict=True) if part == "test"]
    kinds = [kind for kind, part in zip(MAIL.labels, MAIL.splits, strict=True) if part == "test"]
    assert estimator.score(test, kinds) > 0.8


def test_enough_different_texts_give_a_validation_split() -> None:
    texts, kinds = list(MAIL.texts[:1100]), MAIL.labels[:1100]
    texts[1000:1003], kinds = ["free offer"] * 3, [*kinds[:1000], "spam", "spam", "spam", *kinds[1003:]]
    many = small(epochs=1, length=16).fit(texts, kinds)
    few = small(epochs=1, length=16).fit(
        [*texts[:900], *[text.upper() for text in texts[:200]]], [*kinds[:900], *kinds[:200]]
    )
    assert many.history_[0]["validation_accuracy"] > 0
    assert "validation_accuracy" not in few.history_[0], "copies but for their case are no different texts"


def test_images_belong_elsewhere(folder: Path) -> None:
    with pytest.raises(
        pellucid.DataError, match="sample:fashion: holds images, not texts; give it to ImageClassifier"
    ):
        small().fit("sample:fashion")
    with pytest.raises(
        pellucid.DataError, match=r"mail\d+: holds texts, not images; give it to TextClassifier or TextReg"
    ):
        pellucid.ImageClassifier().fit(folder)
    with pytest.raises(
        pellucid.DataError, match=r"X: found ndarray of shape \(9, 8, 8, 1\), but texts have one"
    ):
        small().fit(digits()[0][:9], KINDS[:9])


@pytest.mark.parametrize(
    ("texts", "y", "words"),
    [
        (
            np.array(TEXTS[:4])[:, None],
            KINDS[:4],
            r"of shape \(4, 1\), but texts have one dimension.* X\[:, 0\]",
        ),
        (
            pandas.DataFrame({"one": TEXTS[:8]}),
            None,
            r"which column holds the labels\? .*give both by themselves, as in fit\(frame\['text'\]",
        ),
        ([*TEXTS[:3], 7], KINDS[:4], "texts: int at position 3, expected a text"),
        (pandas.Series([*TEXTS[:3], np.nan]), KINDS[:4], "texts: float at position 3, expected a text"),
        ([*TEXTS[:3], " \n"], KINDS[:4], "X: the text at position 3 is blank; fill it in or leave it out"),
        ([*TEXTS[:3], "\ud800"], KINDS[:4], "lone surrogate.* at position 3"),
        ([], [], "X: found 0 texts"),
        (5, [1], "X: found int; give texts as a list, an array or a column"),
        (None, [1], "X: found NoneType; give texts as a list"),
        ((text for text in TEXTS[:4]), KINDS[:4], "X: found generator; give texts as a list"),
        (TEXTS[:2], [0.5, 1.5], "continuous"),
    ],
)
def test_unfit_texts_are_refused(texts: object, y: object, words: str) -> None:
    with pytest.raises(pellucid.DataError, match=words):
        small().fit(texts, y)


def test_a_bare_text_is_ambiguous(fitted: pellucid.TextClassifier, folder: Path) -> None:
    for ask in (fitted.predict, fitted.predict_proba, fitted.transform):
        with pytest.raises(
            pellucid.DataError, match=r"X: a single text may be meant, or a path; put a text into a list, and"
        ):
            ask("free money")
    assert fitted.predict(["free money"]).shape == (1,)
    assert fitted.predict([]).shape == (0,)
    assert fitted.predict(["", "seven " * 100_000]).shape == (2,)
    with pytest.raises(pellucid.UsageError, match=r"'free money' is taken for a path, .*leave y out"):
        small().fit("free money", ["spam"])
    with pytest.raises(pellucid.UsageError, match="is taken for a path, which brings its own labels"):
        small().fit(folder, KINDS)
    with pytest.raises(pellucid.UsageError, match="requires y to be passed, but the target y is None"):
        small().fit(TEXTS)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"model": "cnn"}, "model: cnn needs images, not texts; use text-cnn, rnn, bag, transformer or auto"),
        ({"tokens": "letters"}, "TextClassifier: tokens: 'letters' is not known"),
    ],
)
def test_fit_refuses_unfit_parameters(parameters: dict[str, object], words: str) -> None:
    with pytest.raises(pellucid.UsageError, match=words):
        small(**parameters).fit(TEXTS[:40], KINDS[:40])


def test_scikit_learn_composes_it() -> None:
    pipeline = make_pipeline(FunctionTransformer(lambda texts: [text.lower() for text in texts]), small())
    assert cross_val_score(pipeline, TEXTS, KINDS, cv=2).mean() > 0.75
    grid = {"learning_rate": [1e-9, 0.02], "width": np.array([16])}
    search = GridSearchCV(small(), grid, cv=2).fit(TEXTS[:120], KINDS[:120])
    assert search.best_params_["learning_rate"] == 0.02


@pytest.mark.parametrize("model", ["bag", "rnn"])
def test_a_loaded_estimator_answers_as_the_saved_one(model: str, tmp_path: Path) -> None:
    saved = small(model=model, epochs=1, width=8, length=32).fit(TEXTS[:60], KINDS[:60])
    saved.save(tmp_path / "model")
    loaded = pellucid.load(tmp_path / "model")
    assert isinstance(loaded, pellucid.TextClassifier)
    assert loaded.model == model
    np.testing.assert_array_equal(loaded.predict(TEXTS), saved.predict(TEXTS))
    np.testing.assert_array_equal(loaded.predict_proba(TEXTS), saved.predict_proba(TEXTS))
    np.testing.assert_array_equal(loaded.transform(TEXTS), saved.transform(TEXTS))
    loaded.save(tmp_path / "again")
    for name in ("weights.safetensors", "tokenizer.json"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "model" / name).read_bytes()
    assert "TextClassifier" in (tmp_path / "model" / "README.md").read_text()


def test_learning_anew_forgets_the_old_texts() -> None:
    estimator = small(epochs=1).fit(TEXTS[:60], KINDS[:60])
    before = estimator.model_.encoder.content()
    assert estimator.fit(TEXTS[60:100], KINDS[60:100]).model_.encoder.content() != before
    assert isinstance(clone(estimator), BaseEstimator)
    assert not hasattr(clone(estimator), "model_")
