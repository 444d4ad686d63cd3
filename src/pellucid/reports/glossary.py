"""The words of the report that need one line of explanation."""

from collections.abc import Mapping

from pellucid.settings import METRICS

GLOSSARY: Mapping[str, tuple[str, str]] = {
    **{each.setting: (each.words, each.meaning) for each in METRICS.values() if each.target != "image"},
    "interval": (
        "95 % interval",
        "If the test were repeated with new examples of the same kind, intervals made this way would "
        "hold the true value 95 times in 100.",
    ),
    "f1": ("F1", "Harmonic mean of precision and recall; high only when both are."),
    "recall": ("recall", "Of the examples that are of this class, the share that was given its name."),
    "precision": ("precision", "Of the examples given this name, the share that is of this class."),
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
    "siblings": (
        "siblings",
        "Examples that belong together though they are no exact copies: near copies, shots of one scene, "
        "quotations of one another, and what is of one thread or one source.",
    ),
    "near-duplicates": (
        "near duplicates",
        "Different examples whose content is almost the same, confirmed pixel by pixel or word by word.",
    ),
}
