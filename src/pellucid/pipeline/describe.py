"""The network's layers without training it."""

from collections.abc import Mapping
from typing import Any

from pellucid.data import prepare
from pellucid.networks import as_text, describe
from pellucid.pipeline.plan import examples_of, make_plan
from pellucid.settings import Settings


def describe_network(data: str, given: Mapping[str, Any]) -> str:
    """Layer, output shape, parameters, multiply-adds and receptive field, as a table.

    Args:
        data: DATA; its pictures decide the network's size.
        given: settings that differ from their defaults.

    Returns:
        Text of at most 80 columns.
    """
    settings = Settings(**given)
    dataset, _ = prepare(data, settings)
    return as_text(describe(make_plan(settings, examples_of(dataset)).network))
