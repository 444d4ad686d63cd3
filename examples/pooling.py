"""Max pooling is better than average pooling.

Trains LeNet and a narrow residual network with either kind of pooling, with `compare` and Pellucid's own
recipe. The residual network also ends in a pool over the whole map, of the same kind.

Takes: about 4 minutes with one thread.
"""

from typing import Any

from drawing import figure
from showing import Conclusion, against, cost, holds, panels_of, plain, sections
from trying import Options, compared, images

NETWORKS = {"lenet": {"epochs": 6}, "cnn": {"epochs": 4, "width": 8}}
TITLES = {"lenet": "LeNet", "cnn": "residual network"}
KINDS = ("max", "average")


def tried(options: Options) -> dict[str, Any]:
    record: dict[str, Any] = {"networks": {}}
    for name, given in NETWORKS.items():
        own = {**given, "epochs": options.passes(given["epochs"])}
        found, _ = compared(options, images(options), {"pooling": KINDS}, model=name, augment=False, **own)
        record["networks"][name] = plain(found, "pooling")
    return record


def drawn(record: dict[str, Any]) -> str:
    networks = record["networks"].items()
    panels = [each for name, found in networks for each in panels_of(found, TITLES[name], "average")]
    return figure(panels, "Accuracy of two networks with max and with average pooling")


def shown(record: dict[str, Any]) -> str:
    return "\n".join([*sections(record["networks"], TITLES, "average"), f"{cost(record)}\n"])


def concluded(record: dict[str, Any]) -> Conclusion:
    networks = record["networks"]
    each = "; ".join(f"{TITLES[name]}: {holds(found, 'max', 'average')}" for name, found in networks.items())
    last = list(networks)[-1]
    return Conclusion(each, f"accuracy {against(networks[last], 'max', 'average')} in the {TITLES[last]}")
