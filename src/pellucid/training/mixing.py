r"""Weight interpolation between a network before and after further training.

$$\theta = (1 - \alpha)\,\theta_0 + \alpha\,\theta_1$$

Between weights that were trained further from the same start, the loss rarely rises, and at the mean of both
it is mostly lower than at either end: what the start knew of other data is kept, and what few examples taught
is not taken for more than it is.

Source: Wortsman et al. 2022, "Robust fine-tuning of zero-shot models", arXiv:2109.01903, which recommends
$\alpha = 0.5$ where nothing else is known.
"""

from collections.abc import Mapping

from torch import Tensor

from pellucid.networks import Network
from pellucid.training.batches import Examples
from pellucid.training.determinism import pinned
from pellucid.training.loop import selection_score
from pellucid.training.recipe.choosing import Recipe
from pellucid.training.state import weights_of
from pellucid.training.validation import validator

MEAN = 0.5
# Values of alpha that are compared.
SHARES = (0.0, MEAN, 1.0)


def keep_best_mixture(
    network: Network, before: Mapping[str, Tensor], examples: Examples, recipe: Recipe
) -> float:
    """Give the network the share in `SHARES` of its change that scores best on validation; return the share.

    Equal scores go to the smaller share. Without validation examples it is the mean of both.
    """
    if len(examples.validation) == 0:
        network.load_state_dict(mixed(before, weights_of(network), MEAN))
        return MEAN
    after = weights_of(network)
    validate = validator(network, examples, recipe.device)
    scores = {}
    with pinned(recipe.threads):
        for share in SHARES:
            network.load_state_dict(mixed(before, after, share))
            scores[share] = selection_score(validate(), recipe.metric)
        best = max(SHARES, key=lambda share: scores[share])
        network.load_state_dict(mixed(before, after, best))
    return best


def mixed(before: Mapping[str, Tensor], after: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """Interpolate by alpha; 0 and 1 give the ends to the last bit, integer tensors are those after."""
    return {
        name: before[name].to(new.device).lerp(new, share) if new.is_floating_point() else new
        for name, new in after.items()
    }
