"""The network's layers without training it."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pellucid.data import prepare
from pellucid.errors import UsageError
from pellucid.networks import as_text, describe
from pellucid.pipeline.continual.training import begin, read_on
from pellucid.pipeline.learners.planning.plan import make_plan
from pellucid.pipeline.learners.planning.preparation import material_of, network_name, prepared_for
from pellucid.settings import CLASSICAL, Settings


def describe_network(data: str, given: Mapping[str, Any]) -> str:
    """Layer, output shape, parameters, multiply-adds and receptive field, as a table of at most 80 columns.

    The inputs in `data` decide the network's size; `given` are settings that differ from their defaults.

    Raises: `UsageError` if the model is a classical one, which has no layers; `ModelFileError` if the run of
    `--from` holds no model, or a damaged one.
    """
    settings = Settings(**given)
    if settings.model in CLASSICAL:
        raise UsageError(
            f"--describe: prints the layers of a network, and {settings.model} has none; "
            "choose a network with --model, or leave --describe out to train it"
        )
    continual = begin(settings, given, Path())
    if continual is not None:
        dataset, _ = read_on(continual, data, settings)
        outputs = len(dataset.classes) or 1
        return as_text(describe(dataclasses.replace(continual.start.network.config, outputs=outputs)))
    dataset, _ = prepare(data, settings)
    material = material_of(dataset)
    prepared = prepared_for(network_name(settings, material), material, settings)
    return as_text(describe(make_plan(settings, prepared).network))
