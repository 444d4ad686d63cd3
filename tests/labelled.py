"""Labels made by hand, for tests."""

import numpy as np

from pellucid.targets import CLASSIFICATION, Labels, Target


def labelled(values: np.ndarray, classes: int, target: Target = CLASSIFICATION) -> Labels:
    """Labels of so many classes, whose names are numbers."""
    return Labels(values, tuple(map(str, range(classes))), target)
