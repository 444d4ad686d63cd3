"""`TextClassifier`: the pipeline as an estimator, for classes of texts."""

from sklearn.base import BaseEstimator

from pellucid.estimators.mixins.classifying import Classifying
from pellucid.estimators.mixins.on_texts import OnTexts
from pellucid.estimators.parameters import TextClassParameters, documented


@documented
class TextClassifier(
    OnTexts,
    Classifying,
    TextClassParameters,
    BaseEstimator,  # type: ignore[misc]  # scikit-learn has no types
):
    """Learns the classes of texts, in any language, with a network or a classical model.

    `fit` and the other methods take:

    - a list, a tuple or a one-dimensional array of texts, or a column of a data frame; `fit` refuses
      blank texts, the other methods answer them too;
    - paths: `fit` takes a table, a folder or `sample:spam`, as the command `train` does, without `y`;
      its test split, if it has one, is left alone. The other methods take a `pathlib.Path`, or a list
      of such, of a `.txt` file, a folder of them or a table. They refuse a bare `str`, which could be
      a path or a text: put a text into a list.

    Texts are taken as they are: the model splits them into words or smaller pieces by itself, what it
    splits them into is learnt from the training texts alone, and it is saved with the model.

    From 1,000 different training texts on, and ten of each class, a tenth is set aside for validation
    and the weights of the epoch that is best there are kept; with fewer, all are trained on. The same
    input, seed, machine and number of threads give the same model.

    `model` may also name a classical model, which is then fitted alone on the weights of words and
    parts of words (TF-IDF): `majority`, `logistic-regression`, `svm` or `random-forest`. Parameters
    that steer networks only are refused beside it, and it has no hidden layer for `transform`.

    {parameters}

    Attributes:
        classes_: the classes, sorted, of the type that `y` had; texts after `pellucid.load`.
        history_: one record for each epoch: losses, accuracies, learning rate, seconds; empty for a
            classical model.
        model_: the trained model.

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
    """  # noqa: DOC602, DOC603  attributes that fit sets
