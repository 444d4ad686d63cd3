"""Random draws: each a function of (seed, purpose, position), so that resuming repeats the same draws."""

from enum import IntEnum, unique

import numpy as np


@unique
class Purpose(IntEnum):
    """Every stream of random draws. A number that has been used is never given to another stream."""

    INITIALISATION = 0
    ORDER = 1
    AUGMENTATION = 2
    DROPOUT = 3
    MIRROR = 4
    PROBE = 5
    WHITENING = 6
    WORDS = 7
    SIMPLE_MODELS = 8
    LEARNING_CURVE = 9
    LABEL_ISSUES = 10
    SEARCH = 11
    HELD_OUT = 12
    DETECTOR_TRAINING = 13
    DETECTOR_CALIBRATION = 14
    REHEARSAL = 15
    NEW_CLASSES = 16
    BACKBONE_SHARE = 17
    SYNTHETIC_OUTLIERS = 18
    BACKBONE_HEAD = 19
    TEMPERATURES = 20
    HELD_OUT_ANSWERS = 21
    LATENT = 22
    GENERATED = 23
    GENERATED_MEASURES = 24
    PRIOR = 25
    BOUND = 26
    COMPONENTS = 27
    GENERATED_SHOWN = 28
    NOISE = 29
    AVERAGE = 30


def generator(seed: int, purpose: Purpose, position: int = 0) -> np.random.Generator:
    """NumPy generator for one purpose at one position, an epoch or a step."""
    return np.random.default_rng([seed, purpose, position])


def torch_seed(seed: int, purpose: Purpose, position: int = 0) -> int:
    """Seed below 2**63 for a generator of torch, for one purpose at one position."""
    return int(np.random.SeedSequence([seed, purpose, position]).generate_state(1, np.uint64)[0] >> 1)
