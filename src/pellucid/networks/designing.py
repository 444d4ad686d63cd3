"""Design of a network: from settings and facts of the data to a config that a machine can afford."""

from pellucid.errors import UsageError
from pellucid.networks.config import InputFacts, NetworkConfig
from pellucid.networks.costs import require_affordable
from pellucid.networks.families import GENERATORS, NETWORKS
from pellucid.settings import NEURAL, Settings, not_known
from pellucid.tasks import IMAGES, TEXTS


def design(name: str, settings: Settings, facts: InputFacts) -> NetworkConfig:
    """Choose a network's layers for data; the settings override the rule of the family `name`.

    Raises: `UsageError` if the name is unknown, the family cannot take such inputs, or the network would be
        too large.
    """
    families = NETWORKS | GENERATORS
    if name not in families:
        raise UsageError(f"--model: {not_known(name, _by_name())}")
    given, taken = TEXTS if facts.vocabulary else IMAGES, families[name].input_kind
    if taken is not given:
        fitting = [other for other in _by_name() if NETWORKS[other].input_kind is given]
        raise UsageError(f"--model: {name} takes {taken.nouns}; choose one of {', '.join(fitting)}")
    try:
        config = families[name].design(settings, facts)
        require_affordable(config)
    except UsageError:
        raise
    except ValueError as error:
        smaller = "--width or --depth" if given is TEXTS else "--image-size, --width or --depth"
        raise UsageError(f"--model {name}: {error}; choose a smaller {smaller}") from error
    return config


def _by_name() -> list[str]:
    """Families that users can ask for; the others come with weights that were learnt elsewhere."""
    return [name for name in NETWORKS if name in NEURAL]
