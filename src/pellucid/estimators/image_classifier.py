"""`ImageClassifier`: the pipeline as an estimator, for classes of images or feature vectors."""

from sklearn.base import BaseEstimator

from pellucid.estimators.mixins.classifying import Classifying
from pellucid.estimators.mixins.on_images import OnImages
from pellucid.estimators.parameters import ImageClassParameters, documented


@documented
class ImageClassifier(
    OnImages,
    Classifying,
    ImageClassParameters,
    BaseEstimator,  # type: ignore[misc]  # scikit-learn has no types
):
    """Learns the classes of images, or of feature vectors, with a network or a classical model.

    `fit` and the other methods take:

    - an array of images, (n, height, width) or (n, height, width, 1 or 3): 8-bit values are used
      as they are, others are scaled so that 0 to 1, or the smallest to the largest training value,
      become 0 to 255;
    - a two-dimensional array, list or data frame of numbers, which is a table of feature vectors:
      `model="auto"` is then `mlp`, and features are standardised;
    - paths: `fit` takes a folder, a table, an `.npz` file or `sample:fashion`, as the command `train`
      does, without `y`; its test split, if it has one, is left alone. The other methods take an
      image, a folder of images or a list of images.

    From 1,000 different training examples on, and ten of each class, a tenth is set aside for
    validation and the weights of the epoch that is best there are kept; with fewer, all are trained
    on. The same input, seed, machine and number of threads give the same model.

    `model` may also name a classical model, which is then fitted alone: `majority`,
    `logistic-regression`, `svm` or `random-forest`. Parameters that steer networks only are refused
    beside it, and it has no hidden layer for `transform`.

    {parameters}

    Attributes:
        classes_: the classes, sorted, of the type that `y` had; texts after `pellucid.load`.
        n_features_in_: numbers in a feature vector; absent where images were learnt.
        feature_names_in_: names of the features, where a data frame had them.
        history_: one record for each epoch: losses, accuracies, learning rate, seconds; empty for a
            classical model.
        model_: the trained model.

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
    """  # noqa: DOC602, DOC603  attributes that fit sets
