"""Generators: enough images to learn from, and the autoencoder that another one is measured beside."""

from pellucid.data.wording import count_of
from pellucid.errors import DataError, UsageError
from pellucid.pipeline.learners.network import NetworkLearner
from pellucid.pipeline.learners.planning.preparation import Material
from pellucid.settings import Settings

# Fewer training images are no distribution that could be learnt; it is the smallest batch by rule, too.
LEAST_IMAGES = 16

_SEEN_BESIDE, _MOST_EPOCHS_BESIDE = 200_000, 20


def require_enough_images(settings: Settings, count: int, place: str) -> None:
    """Refuse fewer training images than a batch, or than make a distribution.

    Raises: `DataError` if they are too few for any batch; `UsageError` if for the one asked for.
    """
    if count < LEAST_IMAGES:
        raise DataError(
            f"{place}: {count_of(count, 'image')} to train on, and {settings.model} needs at least "
            f"{LEAST_IMAGES}; add images"
        )
    if settings.batch_size is not None and settings.batch_size > count:
        raise UsageError(
            f"--batch-size: {settings.batch_size:,} is more than the {count_of(count, 'image')} to train on; "
            "give a smaller one, or leave it out"
        )


def autoencoder_beside(settings: Settings, material: Material) -> NetworkLearner:
    """Learner of the autoencoder that an adversarial network is measured beside.

    It learns in few steps, the same whatever time there is, and nobody watches.
    """
    count = len(material.train)
    return NetworkLearner(
        Settings(
            model="vae",
            preset="quick",
            epochs=max(1, min(_MOST_EPOCHS_BESIDE, round(_SEEN_BESIDE / max(1, count)))),
            seed=settings.seed,
            threads=settings.threads,
            device=settings.device,
        )
    )
