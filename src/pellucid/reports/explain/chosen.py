"""Of a network that is too large for a page: some units of every layer, opened beforehand."""

from typing import Any

import numpy as np

from pellucid.insight.explanation import Explanation
from pellucid.insight.units.arithmetic import Arithmetic
from pellucid.insight.units.opening import open_unit
from pellucid.reports.explain.describing import HIDDEN
from pellucid.reports.explain.packing import Packed

# Units of a layer that are opened: the loudest of the loudest channels.
UNITS = 4

_LARGEST_PATCH = 16_384


def chosen_units(explanation: Explanation, packed: Packed) -> dict[str, list[dict[str, Any]]]:
    """Open some units of every layer, for pages that do not hold every number.

    Calculations by layer, in the form in which the script makes them itself; none where the page holds
    everything.
    """
    opened = explanation.opened
    if opened is None or not packed.left_out:
        return {}
    found = {}
    for record in explanation.layers:
        if record.kind not in HIDDEN:
            units = [open_unit(opened, record.name, unit) for unit in loudest_units(record.values)]
            found[record.name] = [
                _told(each, f"chosen:{record.name}:{number}", packed)
                for number, each in enumerate(units)
                if all(weighing.patch.size <= _LARGEST_PATCH for weighing in each.weighings)
            ]
    return found


def loudest_units(values: np.ndarray) -> list[tuple[int, ...]]:
    """The largest number, by magnitude, of each of the channels that hold the largest ones."""
    by_channel = values.T if values.ndim == 2 else values
    flat = np.abs(by_channel.reshape(len(by_channel), -1))
    channels = np.argsort(-flat.max(axis=1), kind="stable")[:UNITS]
    units = []
    for channel in channels.tolist():
        place = np.unravel_index(int(flat[channel].argmax()), by_channel.shape[1:])
        inside = tuple(int(each) for each in place)
        units.append((*inside, channel) if values.ndim == 2 else (channel, *inside))
    return units


def _told(found: Arithmetic, name: str, packed: Packed) -> dict[str, Any]:
    """A calculation as JSON; its long parts stand among the numbers of the page."""
    weighings = []
    for number, weighing in enumerate(found.weighings):
        packed.add(f"{name}:{number}:patch", weighing.patch.ravel())
        packed.add(f"{name}:{number}:weights", weighing.weights.ravel())
        told = {"name": weighing.name, "shape": list(weighing.patch.shape), "bias": weighing.bias}
        weighings.append({**told, "at": f"{name}:{number}"})
    choice = None
    if found.choice is not None:
        packed.add(f"{name}:window", np.maximum(found.choice.window.ravel(), np.finfo(np.float32).min))
        choice = {
            "at": f"{name}:window",
            "shape": list(found.choice.window.shape),
            "winner": int(np.ravel_multi_index(found.choice.winner, found.choice.window.shape)),
            "source": list(found.choice.place),
        }
    return {
        "unit": list(found.unit),
        "value": found.value,
        "network": found.network,
        "magnitude": found.magnitude,
        "steps": [list(step) for step in found.steps],
        "weighings": weighings,
        "choice": choice,
    }
