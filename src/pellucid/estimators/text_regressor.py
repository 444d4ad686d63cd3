"""`TextRegressor`: the pipeline as an estimator, for numbers from texts."""

from sklearn.base import BaseEstimator

from pellucid.estimators.mixins.on_texts import OnTexts
from pellucid.estimators.mixins.regressing import Regressing
from pellucid.estimators.parameters import TextParameters, documented


@documented
class TextRegressor(
    OnTexts,
    Regressing,
    TextParameters,
    BaseEstimator,  # type: ignore[misc]  # scikit-learn has no types
):
    """Learns a number from texts, in any language, with a network or a classical model.

    `fit` and the other methods take:

    - a list, a tuple or a one-dimensional array of texts, or a column of a data frame; `fit` refuses
      blank texts, the other methods answer them too;
    - paths: `fit` takes a table with a column of numbers, as `train --target number` does, without
      `y`; its test split, if it has one, is left alone. The other methods take a `pathlib.Path`, or a
      list of such, of a `.txt` file, a folder of them or a table. They refuse a bare `str`, which
      could be a path or a text: put a text into a list.

    Texts are taken as they are: the model splits them into words or smaller pieces by itself, what it
    splits them into is learnt from the training texts alone, and it is saved with the model.

    Numbers may be of any size and unit: networks learn them standardised and answer in the unit of
    `y`. The loss is the squared error. From 1,000 different training texts on, a tenth is set aside for
    validation and the weights of the epoch whose root mean squared error is smallest there are kept;
    with fewer, all are trained on. The same input, seed, machine and number of threads give the same
    model.

    `model` may also name a classical model, which is then fitted alone on the weights of words and
    parts of words (TF-IDF): `mean`, `ridge`, `svm` or `random-forest`. Parameters that steer networks
    only are refused beside it, and it has no hidden layer for `transform`.

    {parameters}

    Attributes:
        history_: one record for each epoch: losses, errors, learning rate, seconds; empty for a
            classical model.
        model_: the trained model.

    Examples:
        >>> from pellucid import TextRegressor
        >>> reviews = ["a fine film", "a dull film", "fine acting", "dull and long"] * 5
        >>> regressor = TextRegressor(model="ridge", threads=1).fit(reviews, [4.5, 1.5, 5.0, 1.0] * 5)
        >>> fine, dull = regressor.predict(["what a fine story", "so dull"])
        >>> bool(fine > dull)
        True
    """  # noqa: DOC602, DOC603  attributes that fit sets
