"""Amount of judging after training, for which learners leave time under a limit."""

from pellucid.settings import Settings, parse_duration

# Training and validation examples that a detector comes from; of more, some are drawn.
MOST_TRAINED_ON, MOST_JUDGED = 5_000, 2_000

# Test examples of which synthetic outliers are made, of each kind as many.
MOST_OUTLIERS, MOST_OUTLIERS_WITHIN_LIMIT = 300, 100
# Of images; of texts there are fewer.
KINDS_OF_OUTLIERS = 3

# Training examples that each second of a time limit leaves to what follows the network.
_A_SECOND = 200

# Time that training and its curve take together, in trainings: small parts get more passes of an image.
WITH_CURVE = 2.0


def looked_at(train: int, validation: int) -> int:
    """Training and validation examples that a network is asked about for a detector, at most."""
    return min(train, MOST_TRAINED_ON) + min(validation, MOST_JUDGED)


def most_synthetic_outliers(test: int) -> int:
    """Synthetic outliers of all kinds that a network is asked about under a time limit, at most."""
    return KINDS_OF_OUTLIERS * min(test, MOST_OUTLIERS_WITHIN_LIMIT)


def most_within_limit(most: int, settings: Settings, *, are_texts: bool) -> int:
    """Training examples that models after the network learn from, or whose labels are judged: at most `most`.

    Under a time limit fewer, but of texts, whose features were computed already.
    """
    limit = parse_duration(settings.time_limit)
    return most if limit is None or are_texts else min(most, max(1, int(_A_SECOND * limit)))


def has_curve(settings: Settings) -> bool:
    """Say whether a learning curve is drawn.

    By default it follows the baselines, and is left out under a time limit.
    """
    if settings.learning_curve is not None:
        return settings.learning_curve
    return settings.baselines and parse_duration(settings.time_limit) is None
