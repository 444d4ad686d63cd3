"""A generator in a run: enough images to learn from, and its share of a time limit."""

import time

from pellucid.data.wording import count_of
from pellucid.errors import DataError, UsageError
from pellucid.pipeline.learners.classical import LEAST_SHARE
from pellucid.pipeline.learners.learner import Allowance
from pellucid.pipeline.learners.network import NetworkLearner, Planned
from pellucid.pipeline.learners.planning.preparation import Material
from pellucid.pipeline.run.context import RunContext
from pellucid.settings import Settings, parse_duration

LEAST_IMAGES = 16
"""Fewer training images are no distribution that could be learnt; it is the smallest batch by rule, too."""

_RESERVE_SECONDS, _MOST_RESERVED = 8.0, 0.2
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


def within_limit(network: Planned, measuring: float, context: RunContext) -> Planned:
    """Turn what is left of a time limit into steps, once; the number is saved and reused.

    `measuring` are seconds for the measures of the images it will make.

    Raises: `UsageError` if not even a few steps fit.
    """
    limit = parse_duration(context.settings.time_limit)
    if limit is None:
        return network
    journal = context.journal
    with journal.together():
        return journal.revised(
            "plan",
            network,
            lambda found: _shortened(found, limit, measuring, context),
            lambda found: found.plan.to_json(),
        )


def _shortened(network: Planned, limit: float, measuring: float, context: RunContext) -> Planned:
    """The network with as many steps as fit now."""
    spent = time.monotonic() - context.stages.began
    left = limit - spent - measuring - min(_RESERVE_SECONDS, _MOST_RESERVED * limit)
    asked = len(context.dataset.validation) + len(context.dataset.test)
    found = network.within(Allowance(time.monotonic() + left, LEAST_SHARE * limit, asked))
    context.stages.line(f"{found.plan.recipe.total_steps:,} steps fit into {context.settings.time_limit}")
    return found
