"""The words of the report that need one line of explanation."""

from collections.abc import Mapping

GLOSSARY: Mapping[str, tuple[str, str]] = {
    "accuracy": ("accuracy", "Share of the test examples that were named right."),
    "interval": (
        "95 % interval",
        "If the test were repeated with new examples of the same kind, intervals made this way would "
        "hold the true value 95 times in 100.",
    ),
    "macro-f1": ("macro-F1", "Mean of the classes' F1 scores; every class counts the same, however rare."),
    "f1": ("F1", "Harmonic mean of precision and recall; high only when both are."),
    "recall": ("recall", "Of the examples that are of this class, the share that was given its name."),
    "precision": ("precision", "Of the examples given this name, the share that is of this class."),
    "log-loss": (
        "log loss",
        "Mean of \u2212ln(probability given to the true class); 0 is perfect, and sure mistakes cost most.",
    ),
    "calibration-error": (
        "calibration error",
        "Mean distance between how sure the model says it is and how often it is right.",
    ),
    "mean-absolute-error": (
        "mean absolute error",
        "Mean distance between answer and truth, in the unit of the labels; 0 is perfect.",
    ),
    "root-mean-squared-error": (
        "root mean squared error",
        "Root of the mean squared distance between answer and truth; few large errors weigh more in it "
        "than many small ones.",
    ),
    "r2": (
        "R²",
        "Share of the labels\u2019 variance that the answers explain: 1 is perfect, 0 is no better than "
        "the mean.",
    ),
    "p-value": (
        "p value",
        "How often a difference at least this large would be seen if the two were equally good.",
    ),
    "temperature": (
        "temperature",
        "One number that makes all probabilities milder (above 1) or bolder (below 1) without changing "
        "an answer.",
    ),
    "cross-validation": (
        "cross-validation",
        "Training and scoring again on other splits of the same data, each example being scored once.",
    ),
    "learning-rate": ("learning rate", "Length of the step that training takes down the slope of the loss."),
    "loss": ("loss", "What training makes small: the cost of the probabilities given to wrong classes."),
    "epoch": ("epoch", "One pass over all training examples."),
    "validation": (
        "validation",
        "Examples kept out of the weights' training, used to choose among models and epochs.",
    ),
    "parameters": ("parameters", "Numbers in the model that training, or a rule from the data, sets."),
    "multiply-adds": ("multiply-adds", "Multiplications, each with its addition, for one example."),
    "receptive-field": (
        "receptive field",
        "Height and width in pixels, or number of tokens of a text, that one unit of this layer can see.",
    ),
    "leaked": (
        "leaked",
        "Test examples whose exact content also stands in the training or validation split.",
    ),
    "near-duplicates": (
        "near duplicates",
        "Different examples whose content is almost the same, confirmed pixel by pixel or word by word.",
    ),
}
