r"""Which layers of a pretrained network are trained further, and how fast: the upper ones first, and faster.

The tensors of the body, in the order of computation, are cut into six groups of equal number. In stage 1 the
upper two are trained, in stage 2 the upper four; the lowest two, which see edges and colours, stay as they
are. The head gets the whole learning rate, the group $k$ from the top (from 0) the share $0.3 \cdot 0.6^k$.

Source: Howard and Ruder 2018, "Universal Language Model Fine-tuning for Text Classification",
arXiv:1801.06146, sections 3.2 and 3.3, for gradual unfreezing and rates by layer; Kumar et al. 2022,
arXiv:2202.10054, for training the head first.
"""

from collections.abc import Mapping

from pellucid.networks import Network

STAGES = (2, 4)
"""Groups of the body that are trained in each stage, from the top."""

_GROUPS = 6
_UPPERMOST, _DECAY = 0.3, 0.6


def thaw(network: Network, opened: int) -> Mapping[str, float]:
    """Let the upper groups and the head be trained, and nothing else.

    Args:
        network: changed in what needs a gradient.
        opened: how many groups of the body, 0 to 6.

    Returns:
        Name of each parameter that is trained to its share of the learning rate.
    """
    body = [name for name, _ in network.named_parameters() if name.startswith("body.")]
    group_of = {name: place * _GROUPS // len(body) for place, name in enumerate(body)}
    shares = {}
    for name, parameter in network.named_parameters():
        depth = _GROUPS - 1 - group_of[name] if name in group_of else -1
        parameter.requires_grad_(depth < opened)
        if depth < opened:
            shares[name] = 1.0 if depth < 0 else _UPPERMOST * _DECAY**depth
    return shares
