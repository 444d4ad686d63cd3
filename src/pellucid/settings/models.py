"""Names of the models that settings choose from."""

# Neural networks for images; `mlp` also takes feature vectors.
NEURAL_OF_IMAGES = ("cnn", "mlp", "lenet")

# Neural networks for texts.
NEURAL_OF_TEXTS = ("text-cnn", "rnn", "bag")

# Networks that make images instead of predicting anything about them.
GENERATIVE = ("vae", "gan")

# The one of them in which two networks are trained against each other.
ADVERSARIAL = "gan"

# Models that are neural networks.
NEURAL = (*NEURAL_OF_IMAGES, *NEURAL_OF_TEXTS)

# Models that are none; `mean` and `ridge` predict numbers, `majority` and `logistic-regression` classes.
CLASSICAL = ("majority", "logistic-regression", "svm", "random-forest", "mean", "ridge")

# Value of `--backbone` with which none is considered.
NO_BACKBONE = "none"

# Those that look at no input: what every other model has to beat.
DUMMIES = ("majority", "mean")

# Weighted mean of several trained models of a run, which no setting asks for.
AVERAGE = "average"
