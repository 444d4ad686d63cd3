"""Random units of EfficientNet-Lite0 computed by hand, beside what the network itself says.

Opens the published weights on a photograph that comes with scikit-learn, as `pellucid explain` does, and
computes randomly chosen units of all layers from the numbers of the layers before them. Prints, by kind of
layer, how many were asked and the largest difference as a share of the sum of the magnitudes that were added
up; then the largest disagreement of the gradients by hand and by autograd.

Takes: under a minute
"""

import numpy as np
import torch
from measuring import command_line
from sklearn.datasets import load_sample_image

from pellucid.data.images.pixels import fit_image
from pellucid.insight.gradients import go_back
from pellucid.insight.opened_networks import one_thread, open_network
from pellucid.insight.unit_arithmetic import TOLERANCE
from pellucid.insight.units import open_unit
from pellucid.pretrained import packaged_backbone
from pellucid.settings import Settings

CLASSES = 10


def main() -> None:
    """Open the network and print what was found."""
    parser = command_line(__doc__, with_json=False)
    parser.add_argument("--units", type=int, default=300, help="random units")
    parser.add_argument("--side", type=int, default=224, help="side of the photograph in pixels")
    parser.add_argument("--preset", default="standard", help="decides at which size the network sees it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-gradients", action="store_true", help="leave the gradients out")
    arguments = parser.parse_args()
    image = fit_image(load_sample_image("china.jpg"), (arguments.side, arguments.side), 3)
    backbone = packaged_backbone("efficientnet-lite0")
    config = backbone.config_for(
        CLASSES, Settings(preset=arguments.preset), (3, arguments.side, arguments.side)
    )
    network = backbone.network(config, torch.Generator().manual_seed(arguments.seed))
    with one_thread():
        opened = open_network(network, image.transpose(2, 0, 1)[None].astype(np.float32))
    draws = np.random.default_rng(arguments.seed)
    shares: dict[str, list[float]] = {}
    for number in range(arguments.units):
        line = opened.lines[number % len(opened.lines)]  # each layer as often as every other
        unit = [int(draws.integers(size)) for size in opened.value(line.name).shape]
        found = open_unit(opened, line.name, unit)
        share = found.difference / found.magnitude if found.magnitude else found.difference
        shares.setdefault(line.kind, []).append(share)
    print(f"{len(opened.lines)} layers, seen at {config.seen[0]} x {config.seen[1]}, seed {arguments.seed}")
    for kind, each in sorted(shares.items()):
        print(f"{kind:16} {len(each):4} units, largest difference {max(each):.1e} of the magnitudes")
    worst = max(max(each) for each in shares.values())
    print(f"all {arguments.units} units: {worst:.1e}, at most {TOLERANCE:.0e} wanted")
    if not arguments.no_gradients:
        with one_thread():
            backward = go_back(network, opened, 0)
        apart = max(backward.disagreement(name) or 0.0 for name in backward.by_autograd)
        print(f"gradients by hand and by autograd: {apart:.1e} of the largest entry at the worst layer")


if __name__ == "__main__":
    main()
