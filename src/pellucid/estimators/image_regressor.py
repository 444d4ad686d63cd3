"""`ImageRegressor`: the pipeline as an estimator, for numbers from images or feature vectors."""

from sklearn.base import BaseEstimator

from pellucid.estimators.mixins.on_images import OnImages
from pellucid.estimators.mixins.regressing import Regressing
from pellucid.estimators.parameters import ImageParameters, documented


@documented
class ImageRegressor(
    OnImages,
    Regressing,
    ImageParameters,
    BaseEstimator,  # type: ignore[misc]  # scikit-learn has no types
):
    """Learns a number from images, or from feature vectors, with a network or a classical model.

    `fit` and the other methods take:

    - an array of images, (n, height, width) or (n, height, width, 1 or 3): 8-bit values are used
      as they are, others are scaled so that 0 to 1, or the smallest to the largest training value,
      become 0 to 255;
    - a two-dimensional array, list or data frame of numbers, which is a table of feature vectors:
      `model="auto"` is then `mlp`, and features are standardised;
    - paths: `fit` takes a table with a column of numbers, or other DATA whose labels are numbers, as
      `train --target number` does, without `y`; its test split, if it has one, is left alone. The
      other methods take an image, a folder of images or a list of images.

    Numbers may be of any size and unit: networks learn them standardised and answer in the unit of
    `y`. The loss is the squared error. From 1,000 different training examples on, a tenth is set aside
    for validation and the weights of the epoch whose root mean squared error is smallest there are
    kept; with fewer, all are trained on. The same input, seed, machine and number of threads give the
    same model.

    `model` may also name a classical model, which is then fitted alone: `mean`, `ridge`, `svm` or
    `random-forest`. Parameters that steer networks only are refused beside it, and it has no hidden
    layer for `transform`.

    {parameters}

    Attributes:
        n_features_in_: numbers in a feature vector; absent where images were learnt.
        feature_names_in_: names of the features, where a data frame had them.
        history_: one record for each epoch: losses, errors, learning rate, seconds; empty for a
            classical model.
        model_: the trained model.

    Examples:
        >>> from sklearn.datasets import load_diabetes
        >>> from pellucid import ImageRegressor
        >>> rows, progression = load_diabetes(return_X_y=True)
        >>> regressor = ImageRegressor(seed=1, threads=1).fit(rows[:300], progression[:300])
        >>> regressor.predict(rows[300:]).shape
        (142,)
        >>> regressor.score(rows[300:], progression[300:]) > 0.3
        True
    """  # noqa: DOC602, DOC603  attributes that fit sets
