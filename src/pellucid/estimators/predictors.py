"""Classifiers and regressors of images and texts: by what they take and what they learn."""

import os
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Bool, Float64, Shaped
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from pellucid.answering.answers import REASON, answered
from pellucid.answering.evaluate import labels_for, listing_for, scored_rows
from pellucid.answering.incoming import incoming_rows
from pellucid.bundle import Model
from pellucid.data.sources.memory import is_in_memory
from pellucid.data.wording import count_of, some
from pellucid.errors import DataError, ModelFileError, UsageError
from pellucid.estimators.by_target import FORMS
from pellucid.estimators.estimator import OF_CLASSIFIERS, OF_IMAGES, OF_PREDICTORS, OF_TEXTS, Estimator
from pellucid.estimators.fit_labels import texts_of
from pellucid.input_kinds import IMAGES, TEXTS, InputKind
from pellucid.language.sentence import Sentence
from pellucid.settings import NEURAL_OF_IMAGES, NEURAL_OF_TEXTS, Settings
from pellucid.targets import TARGETS

# `Self` would do, but for the checks of types in tests.
AnyClassifier = TypeVar("AnyClassifier", bound="Classifier")
AnyRegressor = TypeVar("AnyRegressor", bound="Regressor")

# What the four classes document alike, in their docstrings in the place of `{about}`.

_INPUTS = {
    IMAGES: """\
    `fit` and the other methods take:

    - an array of images, (n, height, width) or (n, height, width, 1 or 3): 8-bit values are used
      as they are, others are scaled so that 0 to 1, or the smallest to the largest training value,
      become 0 to 255;
    - a two-dimensional array, list or data frame of numbers, which is a table of feature vectors:
      `model="auto"` is then `mlp`, and features are standardised;
    - paths: `fit` and `score` take {places}, without `y`;
      of its test split, if it has one, `fit` learns nothing and `score` takes it alone. The other methods
      take an image, a folder of images or a
      list of images.""",
    TEXTS: """\
    `fit` and the other methods take:

    - a list, a tuple or a one-dimensional array of texts, or a column of a data frame; `fit` refuses
      blank texts, the other methods answer them too;
    - paths: `fit` and `score` take {places}, without `y`;
      of its test split, if it has one, `fit` learns nothing and `score` takes it alone. The other methods
      take a `pathlib.Path`, or a list
      of such, of a `.txt` file, a folder of them or a table. They refuse a bare `str`, which could be
      a path or a text: put a text into a list.

    Texts are taken as they are: the model splits them into words or smaller pieces by itself, what it
    splits them into is learnt from the training texts alone, and it is saved with the model.""",
}
# Classifiers alone.
_SEVERAL = """\
    Each {noun} has one label in `y`, or several, which do not exclude each other, given as one of

    - an indicator array (n, labels) of 0 and 1, dense or sparse, or a list of its rows; nan is a label
      that nobody has looked at, and counts neither in training nor in scores;
    - a data frame of two or more such columns, whose names are the labels;
    - lists, tuples or sets of labels, one for each {noun}, empty where no label applies. Labels are texts
      or whole numbers. With `target="labels"` single ones will do too, and with `label_separator`
      texts of several, as "red+round".

    `predict` answers columns with an array of them, and lists with lists; the splitters and scores of
    scikit-learn take columns alone. A single column is one label for each {noun}."""
_PLACES = {
    (IMAGES, True): "a folder, a table, an `.npz` file or `sample:fashion`, as the command `train` does",
    (IMAGES, False): "a table with a column of numbers, or other DATA whose labels are numbers, as\n"
    "      `train --target number` does",
    (TEXTS, True): "a table, a folder or `sample:spam`, as the command `train` does",
    (TEXTS, False): "a table with a column of numbers, as `train --target number` does",
}
_VALIDATION = {
    True: """\
    From 1,000 different training {nouns} on, and ten of each class where each has one, a tenth is set
    aside for validation; the weights of the epoch that is best there are kept, and of several labels
    the thresholds that fit it. With fewer, all are trained on, and a label is answered from one half
    on. The same input and seed give the same model on the same kind of processor.""",
    False: """\
    Numbers may be of any size and unit: networks learn them standardised and answer in the unit of
    `y`. The loss is the squared error. From 1,000 different training {nouns} on, a tenth is set aside
    for validation and the weights of the epoch whose root mean squared error is smallest there are
    kept; with fewer, all are trained on. The same input and seed give, on the same kind of processor, the
    same model.""",
}
_ATTRIBUTES = """\
    `model` may also name a classical model, which is then fitted alone{features}:
    {classical}. Parameters that the model has no use for are ignored, so
    that a search may try several models; a classical one has no hidden layer for `transform`.

    {{parameters}}

    Attributes:
{attributes}
        history_: one record for each epoch: losses, {scores}, learning rate, seconds; empty for a
            classical model.
        model_: the trained model."""
_OF_CLASSES = """\
        classes_: the classes, sorted, of the type that `y` had, or the numbers or names of its columns, in
            their order; texts after `pellucid.load`.
        multilabel_: whether an example may have several labels."""
_OF_IMAGES = """\
        n_features_in_: numbers in a feature vector; absent where images were learnt.
        feature_names_in_: names of the features, where a data frame had them."""

_FOR_CLASSES = tuple(FORMS[TARGETS["class"]].models.values())
_FOR_NUMBERS = tuple(FORMS[TARGETS["number"]].models.values())


def _about(kind: InputKind, *, has_classes: bool) -> str:
    """Inputs, validation, classical models and attributes of one of the four, for its docstring."""
    *others, last = _FOR_CLASSES if has_classes else _FOR_NUMBERS
    of_texts = " on the weights of words and parts of words (TF-IDF)" if kind is TEXTS else ""
    attributes = [_OF_CLASSES] * has_classes + [_OF_IMAGES] * (kind is IMAGES)
    noun = "text" if kind is TEXTS else "example"
    pieces = (
        _INPUTS[kind].format(places=_PLACES[kind, has_classes]),
        *([_SEVERAL.format(noun=noun)] if has_classes else []),
        _VALIDATION[has_classes].format(nouns=f"{noun}s"),
        _ATTRIBUTES.format(
            features=of_texts,
            classical=f"{', '.join(f'`{name}`' for name in others)} or `{last}`",
            attributes="\n".join(attributes),
            scores="accuracies" if has_classes else "errors",
        ),
    )
    return "\n\n".join(pieces).lstrip().replace("    Attributes:\n\n", "    Attributes:\n")


class Classifier(
    ClassifierMixin,  # type: ignore[misc]  # scikit-learn has no types
    Estimator,
):
    """Fits one model and answers with the caller's own classes."""

    classes_: Shaped[np.ndarray, " classes"]
    multilabel_: bool
    label_separator: str | None
    unlabelled: str | None
    _answers_lists = True  # where an example may have several labels; else an indicator array

    def fit(self: AnyClassifier, X: Any, y: Any = None, sample_weight: Any = None) -> AnyClassifier:
        """Train one model from scratch.

        Args:
            X: examples or a path, in any of the forms above.
            y: one label for each example: texts, whole numbers or truth values; or several, in any of the
                forms above; none for a path.
            sample_weight: weight of each example in the loss, 0 leaves it out; equal by default. It is
                multiplied by that of the class. Validation examples choose epochs and set-ups without it.

        Returns:
            The classifier itself.

        Raises:
            UsageError: a parameter is unfit or contradicts the data; `y` is missing.
            DataError: the data cannot be used as it is.
            DivergedError: the loss stopped being finite.
        """
        self._answers_lists = self._train(X, y, sample_weight).as_lists
        return self

    def _settings(self) -> Settings:
        settings = super()._settings()
        if settings.target == "number":
            other = type(self).__name__.replace("Classifier", "Regressor")
            raise UsageError(
                "target: numbers are learnt with {other}; give class or labels, or leave it out", other
            )
        return settings

    def _take(self, model: Model, classes: Shaped[np.ndarray, " classes"]) -> None:
        super()._take(model, classes)
        self.classes_, self._answers_lists = classes, True
        self.multilabel_ = FORMS[model.target].is_multilabel
        places = {name: place for place, name in enumerate(model.classes)}
        self._columns = np.array([places[text] for text in texts_of(classes)])

    def predict(self, X: Any) -> Shaped[np.ndarray, "examples ..."] | list[list[Any]]:
        """Name the most probable class of each example, or the one that a `threshold` decides for.

        Of several labels those that are probable enough: by `threshold`, else from the probability on that
        fitted the validation examples, else from one half on. They come as an array (n, labels) of 0 and 1,
        columns in the order of `classes_`, where `y` was one, sparse or a data frame; as a list of the labels
        of each example, in the order of `classes_`, where `y` was such lists, and after `pellucid.load`.

        Raises: `DataError` if an example cannot be read, or does not fit what was learnt.
        """
        labels = self._predicted(X)
        answers: np.ndarray | list[list[Any]] = FORMS[self.model_.target].answers(
            labels, self.classes_, self._answers_lists
        )
        return answers

    def _predicted(self, X: Any) -> Shaped[np.ndarray, "examples ..."]:
        """Position in `classes_` of the class of each example, or the state of each of several labels."""
        probabilities = self.predict_proba(X)
        return self.model_.target.labels(probabilities, self._names, self.model_.threshold)

    @property
    def _names(self) -> list[str]:
        """Names of `classes_` in the model."""
        return [self.model_.classes[column] for column in self._columns.tolist()]

    def predict_proba(self, X: Any) -> Float64[np.ndarray, "examples classes"]:
        """Give the probability of every class for each example, in the order of `classes_`.

        Rows sum to one, except where an example may have several labels, which do not exclude each other.

        Raises: `DataError` as `predict`.
        """
        check_is_fitted(self)
        probabilities: np.ndarray = self.model_.predict_proba(self._inputs(X))[:, self._columns]
        return probabilities

    def abstains(self, X: Any, max_error: float = 0.05) -> Bool[np.ndarray, " examples"]:
        """Mark the examples that are better left unanswered, since the model does not know enough.

        With 95 % confidence at most a share of `max_error`, between 0 and 1, of the others get a wrong class,
        or any wrong one of several labels, as long as they are of the source, groups and time that the
        training data is from. Unfamiliar examples are never answered.

        Raises: `UsageError` if `max_error` is out of range, or cannot be promised: no or too few validation
        examples were set aside when the model was trained, or the test of its run refutes it; `DataError` as
        `predict`.
        """
        abstained = self._decide(X, max_error=max_error).abstained
        assert abstained is not None
        return abstained

    def predict_sets(self, X: Any, coverage: float = 0.95) -> list[list[Any]]:
        """Give for each example the classes, the most probable first, that contain the right one.

        They do with a probability of `coverage`, between 0 and 1; kept on average, for examples of the
        source, groups and time that the training data is from.

        Raises: `UsageError` if `coverage` is out of range, or cannot be promised, as for `abstains`, or an
        example may have several labels; `DataError` as `predict`.
        """
        sets = self._decide(X, sets=coverage).sets
        assert sets is not None
        own = dict(zip(self._names, self.classes_.tolist(), strict=True))
        return [[own[str(name)] for name in each] for each in sets]

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Accuracy: the share of examples that are classified correctly, weighted where weights are given.

        Of several labels all must be right (subset accuracy); those unknown in `y` do not count. Labels are
        compared as files hold them, so that 3 is equal to "3" after `pellucid.load`; old names that were
        renamed for training count as the new ones. Columns of a data frame are found by their names, those of
        an array are in the order of `classes_`. Without `y` the examples are DATA with its own labels, a path
        as `fit` takes it; its test split is scored where it has one, else all of it.

        Raises: `UsageError` if there are no labels; `DataError` if there are not as many labels as examples,
        or columns as `classes_`, or the data at a path cannot be read, or has a class that is not known.
        """
        check_is_fitted(self)
        model, settings = (
            self.model_,
            Settings(label_separator=self.label_separator, unlabelled=self.unlabelled),
        )
        if y is None:
            outputs, labels = answers_at(model, X, settings, sample_weight)
            answered = model.target.labels(outputs, model.classes, model.threshold)
            return float(np.mean(~model.target.wrong(answered, labels)))
        predicted, form = self._predicted(X), FORMS[model.target]
        labels = form.truth(y, self._names, model.renamed, settings)
        if len(predicted) != len(labels):
            raise DataError(
                "y: {labels:,} labels for {predicted:,} examples; give one each", len(labels), len(predicted)
            )
        is_known = model.target.is_known(labels)
        if not is_known.any():
            raise DataError("y: no label is known, so that nothing can be scored; give some")
        weights = is_known * (1.0 if sample_weight is None else np.asarray(sample_weight, np.float64))
        return float(np.average(~form.is_wrong(predicted, labels), weights=weights))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class Regressor(
    RegressorMixin,  # type: ignore[misc]  # scikit-learn has no types
    Estimator,
):
    """Fits one model and answers with numbers in the unit of the labels."""

    TARGET = "number"

    def fit(self: AnyRegressor, X: Any, y: Any = None, sample_weight: Any = None) -> AnyRegressor:
        """Train one model from scratch.

        Args:
            X: examples or a path, in any of the forms above.
            y: one finite number for each example; none for a path.
            sample_weight: weight of each example in the loss, 0 leaves it out; equal by default. Validation
                examples choose epochs and set-ups without it.

        Returns:
            The regressor itself.

        Raises:
            UsageError: a parameter is unfit or contradicts the data; `y` is missing.
            DataError: the data cannot be used as it is.
            DivergedError: the loss stopped being finite.
        """
        self._train(X, y, sample_weight)
        return self

    def predict(self, X: Any) -> Float64[np.ndarray, " examples"]:
        """Predict a number for each example, in the unit of `y`; `score` compares such numbers by R².

        Raises: `DataError` if an example cannot be read, or does not fit what was learnt.
        """
        check_is_fitted(self)
        return self.model_.predict_values(self._inputs(X))

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """R²: the share of the variance of the numbers that the predictions explain, weighted where asked.

        Without `y` the examples are DATA with its own labels, a path as `fit` takes it; its test split is
        scored where it has one, else all of it.

        Raises: `UsageError` if there are no labels; `DataError` if the data cannot be read, or a label is no
        number.
        """
        check_is_fitted(self)
        if y is not None:
            return float(super().score(X, y, sample_weight))
        values, labels = answers_at(self.model_, X, Settings(), sample_weight)
        return float(r2_score(labels, values))

    def predict_intervals(self, X: Any, coverage: float = 0.95) -> Float64[np.ndarray, "examples 2"]:
        """Give for each example an interval that contains its number: its two ends, in the unit of `y`.

        It does with a probability of `coverage`, between 0 and 1; kept on average, for examples of the
        source, groups and time that the training data is from. All intervals are equally wide.

        Raises: `UsageError` if `coverage` is out of range, or cannot be promised: no or too few validation
        examples were set aside when the model was trained, or the test of its run refutes it; `DataError` as
        `predict`.
        """
        return np.array(self._decide(X, sets=coverage).sets).reshape(-1, 2)


class ImageClassifier(Classifier):
    """Learns the classes of images, or of feature vectors, with a network or a classical model.

    {about}

    Examples:
        >>> from sklearn.datasets import load_digits
        >>> from pellucid import ImageClassifier
        >>> digits = load_digits()
        >>> classifier = ImageClassifier(model="mlp", epochs=10, threads=1)
        >>> classifier = classifier.fit(digits.images[:900], digits.target[:900])
        >>> classifier.predict_proba(digits.images[900:905]).shape
        (5, 10)
        >>> classifier.score(digits.images[900:], digits.target[900:]) > 0.85
        True
    """  # noqa: DOC601, DOC603  attributes that fit sets

    KIND = IMAGES
    PARAMETERS = f"{OF_PREDICTORS} {OF_CLASSIFIERS} {OF_IMAGES}"
    MODELS = ("auto", *NEURAL_OF_IMAGES, *_FOR_CLASSES)
    ABOUT = _about(IMAGES, has_classes=True)


class ImageRegressor(Regressor):
    """Learns a number from images, or from feature vectors, with a network or a classical model.

    {about}

    Examples:
        >>> from sklearn.datasets import load_diabetes
        >>> from pellucid import ImageRegressor
        >>> rows, progression = load_diabetes(return_X_y=True)
        >>> regressor = ImageRegressor(seed=1, threads=1).fit(rows[:300], progression[:300])
        >>> regressor.predict(rows[300:]).shape
        (142,)
        >>> regressor.score(rows[300:], progression[300:]) > 0.3
        True
    """  # noqa: DOC601, DOC603  attributes that fit sets

    KIND = IMAGES
    PARAMETERS = f"{OF_PREDICTORS} {OF_IMAGES}"
    MODELS = ("auto", *NEURAL_OF_IMAGES, *_FOR_NUMBERS)
    ABOUT = _about(IMAGES, has_classes=False)


class TextClassifier(Classifier):
    """Learns the classes of texts, in any language, with a network or a classical model.

    {about}

    Examples:
        >>> from pellucid import TextClassifier
        >>> reviews = ["a fine film", "a dull film", "fine acting", "dull and long"] * 5
        >>> opinions = ["good", "bad", "good", "bad"] * 5
        >>> classifier = TextClassifier(model="logistic-regression", threads=1)
        >>> classifier = classifier.fit(reviews, opinions)
        >>> classifier.predict(["what a fine story", "so dull"]).tolist()
        ['good', 'bad']
        >>> classifier.predict_proba(["what a fine story"]).shape
        (1, 2)
    """  # noqa: DOC601, DOC603  attributes that fit sets

    KIND = TEXTS
    PARAMETERS = f"{OF_PREDICTORS} {OF_CLASSIFIERS} {OF_TEXTS}"
    MODELS = ("auto", *NEURAL_OF_TEXTS, *_FOR_CLASSES)
    ABOUT = _about(TEXTS, has_classes=True)


class TextRegressor(Regressor):
    """Learns a number from texts, in any language, with a network or a classical model.

    {about}

    Examples:
        >>> from pellucid import TextRegressor
        >>> reviews = ["a fine film", "a dull film", "fine acting", "dull and long"] * 5
        >>> regressor = TextRegressor(model="ridge", threads=1).fit(reviews, [4.5, 1.5, 5.0, 1.0] * 5)
        >>> fine, dull = regressor.predict(["what a fine story", "so dull"])
        >>> bool(fine > dull)
        True
    """  # noqa: DOC601, DOC603  attributes that fit sets

    KIND = TEXTS
    PARAMETERS = f"{OF_PREDICTORS} {OF_TEXTS}"
    MODELS = ("auto", *NEURAL_OF_TEXTS, *_FOR_NUMBERS)
    ABOUT = _about(TEXTS, has_classes=False)


# Labelled data at a place, read for `score` as the command `evaluate` reads it.


def is_labelled_place(X: Any) -> bool:
    """True for what may bring its own labels: a path, or a data set of `datasets` or PyTorch."""
    return isinstance(X, (str, os.PathLike)) or is_in_memory(X)


def answers_at(
    model: Model, X: Any, settings: Settings, sample_weight: Any
) -> tuple[Float64[np.ndarray, "examples ..."], Shaped[np.ndarray, "examples ..."]]:
    """Answers to the examples at a place and their labels, both as the model has them.

    Those of the test split where there is one, else all; of several labels the examples that are labelled.

    Raises: `UsageError` if there are no labels to be had; `DataError` if the data cannot be read, or its
    labels are none of the model's.
    """
    if not is_labelled_place(X):
        raise UsageError(
            "y: score needs labels, and {name} brings none; give them, or the path of labelled data",
            type(X).__name__,
        )
    place = os.fspath(X) if isinstance(X, (str, os.PathLike)) else X
    if sample_weight is not None:
        name = place if isinstance(place, str) else type(X).__name__
        raise UsageError("sample_weight: {name} is read as a whole; give examples and labels as arrays", name)
    listing = listing_for(model, place, settings)
    rows, _ = scored_rows(listing)
    labels = labels_for(model, listing, rows)
    outputs, errors = list[np.ndarray](), list[str]()
    for block in incoming_rows(model, listing, rows).blocks:
        answers, block = answered(model, block)
        outputs.append(answers.said)
        errors += block.errors
    bad = [
        Sentence("{sources} ({error})", listing.sources[row], error)
        for row, error in zip(rows, errors, strict=True)
        if error
    ]
    if bad:
        kind = ModelFileError if REASON in errors else DataError
        inputs = count_of(len(bad), model.input_kind.noun)
        raise kind(
            Sentence(
                "{place}: {inputs} cannot be scored: {bad}; fix or remove them",
                listing.place,
                inputs,
                some(bad),
            )
        )
    return np.concatenate(outputs), labels.values
