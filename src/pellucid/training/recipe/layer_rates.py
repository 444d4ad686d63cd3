r"""Learning rate of each layer of a pretrained network in fine-tuning: the lower the layer, the slower.

The head was trained before, on frozen features. The tensors of the body, in the order of computation, are cut
into six groups of equal number; the head gets the whole learning rate, the group $k$ from the top (from 0)
the share $u \cdot d^k$ with $d = 0.8$; $u$ is 0.7 for images and 0.1 for encoders of texts, which large
rates destroy.

Source: Howard and Ruder 2018, "Universal Language Model Fine-tuning for Text Classification",
arXiv:1801.06146, section 3.2, for rates by layer; Kumar et al. 2022, arXiv:2202.10054, for training the head
first.
"""

from collections.abc import Mapping

from pellucid.networks import Network

_GROUPS = 6
_DECAY = 0.8
# Share of the learning rate that the uppermost group gets, by what the network takes.
UPPERMOST = {"images": 0.7, "texts": 0.1}


def shares_of_rate(network: Network, uppermost: float) -> Mapping[str, float]:
    """Share of the learning rate, above 0 and at most 1, by parameter; `uppermost` for the top group."""
    body = [name for name, _ in network.named_parameters() if name.startswith("body.")]
    shares = {name: 1.0 for name, _ in network.named_parameters()}
    for place, name in enumerate(body):
        depth = _GROUPS - 1 - place * _GROUPS // len(body)
        shares[name] = uppermost * _DECAY**depth
    return shares
