"""Names of the models that settings choose from."""

NEURAL_OF_IMAGES = ("cnn", "mlp", "lenet")
"""Neural networks for images; `mlp` also takes feature vectors."""

NEURAL_OF_TEXTS = ("text-cnn", "rnn", "bag")
"""Neural networks for texts."""

GENERATIVE = ("vae", "gan")
"""Networks that make images instead of predicting anything about them."""

ADVERSARIAL = "gan"
"""The one of them in which two networks are trained against each other."""

NEURAL = (*NEURAL_OF_IMAGES, *NEURAL_OF_TEXTS)
"""Models that are neural networks."""

CLASSICAL = ("majority", "logistic-regression", "svm", "random-forest", "mean", "ridge")
"""Models that are none; `mean` and `ridge` predict numbers, `majority` and `logistic-regression` classes."""

NO_BACKBONE = "none"
"""Value of `--backbone` with which none is considered."""

DUMMIES = ("majority", "mean")
"""Those that look at no input: what every other model has to beat."""

AVERAGE = "average"
"""Weighted mean of several trained models of a run, which no setting asks for."""
