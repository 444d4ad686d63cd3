"""Novelty detectors in NumPy, fitted, calibrated and saved as arrays: how unlike training data an input is.

A network answers with confidence on anything. A detector looks at the same features as the model, and
says what share of the validation examples looks less foreign than an input does.
"""

from pellucid.novelty.detectors import (
    FALSE_ALARM_RATE,
    Detector,
    FeatureKind,
    calibrated_detector,
    fit_detector,
    fit_measure,
    for_answers_of,
    signals_of,
)
from pellucid.novelty.measures import Measure

__all__ = [
    "FALSE_ALARM_RATE",
    "Detector",
    "FeatureKind",
    "Measure",
    "calibrated_detector",
    "fit_detector",
    "fit_measure",
    "for_answers_of",
    "signals_of",
]
