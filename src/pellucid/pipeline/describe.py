"""The network's layers without training it."""

from collections.abc import Mapping
from typing import Any

from pellucid.data import prepare
from pellucid.errors import UsageError
from pellucid.networks import as_text, describe
from pellucid.pipeline.plan import examples_of, make_plan
from pellucid.settings import CLASSICAL, Settings


def describe_network(data: str, given: Mapping[str, Any]) -> str:
    """Layer, output shape, parameters, multiply-adds and receptive field, as a table.

    Args:
        data: DATA; its pictures decide the network's size.
        given: settings that differ from their defaults.

    Returns:
        Text of at most 80 columns.

    Raises:
        UsageError: the model is a classical one, which has no layers.
    """
    settings = Settings(**given)
    if settings.model in CLASSICAL:
        raise UsageError(
            f"--describe: prints the layers of a network, and {settings.model} has none; "
            "choose a network with --model, or leave --describe out to train it"
        )
    dataset, _ = prepare(data, settings)
    return as_text(describe(make_plan(settings, examples_of(dataset)).network))
