"""Effect of continual training on classes and old knowledge, in sentences for people and `config.json`."""

from collections.abc import Sequence

from pellucid.data import Dataset
from pellucid.data.wording import count_of, quoted, some
from pellucid.networks import Network
from pellucid.pipeline.continual.training import ContinualTraining
from pellucid.settings import Settings

_NAMES_SHOWN = 5
_FAR_OFF, _MUCH_WIDER = 3.0, 10.0


def sentences(continual: ContinualTraining, dataset: Dataset, settings: Settings) -> list[str]:
    """Sentences on what becomes of classes and of old knowledge; one that warns starts with `warning:`."""
    said = _about_classes(continual, dataset)
    missing = continual.missing(dataset)
    if continual.rehearsal is not None:
        said.append(
            f"The network rehearses {continual.rehearsal.train:,} of the {continual.rehearsal.of:,} old "
            f"training {dataset.noun}s beside the {len(dataset.train):,} new ones; other models learn "
            "from the new ones alone."
        )
    else:
        said.append(f"No old {dataset.noun}s are rehearsed: {_why_not(continual, settings)}.")
    if continual.rehearsal is None and missing:
        said.append(
            f"warning: without them the network forgets {_named(missing)}, of which the new data has "
            "nothing; to keep them, train on old and new data together"
        )
    return [*said, *_about_units(continual.start.network, dataset)]


def _why_not(continual: ContinualTraining, settings: Settings) -> str:
    """The reason why nothing is rehearsed."""
    if settings.rehearse is False:
        return "as --no-rehearse asks"
    return "all of them stand in the new data" if continual.at_hand else continual.not_at_hand[0]


def _about_classes(continual: ContinualTraining, dataset: Dataset) -> list[str]:
    """Sentences on new classes, and on those that the new training data lacks."""
    new, missing = continual.new(dataset), continual.missing(dataset)
    said = []
    if new:
        rows = "its row" if len(new) == 1 else "their rows"
        starts = "starts from the mean of its" if len(new) == 1 else "start from the means of their"
        said.append(
            f"New {'class' if len(new) == 1 else 'classes'}: {_named(new)}; {rows} in the last layer "
            f"{starts} examples, and the old classes keep theirs."
        )
    if missing:
        stay = "it stays" if len(missing) == 1 else "they stay"
        said.append(f"No new training example has {_named(missing)}; {stay} among the network's answers.")
    return said


def _about_units(network: Network, dataset: Dataset) -> Sequence[str]:
    """A warning about numbers that lie far from those the network knows."""
    if network.rescale is None:  # it predicts classes
        return ()
    mean, std = float(network.rescale.mean), float(network.rescale.std)
    new = dataset.labels[dataset.train]
    ratio = float(new.std()) / std
    if abs(float(new.mean()) - mean) <= _FAR_OFF * std and 1 / _MUCH_WIDER <= ratio <= _MUCH_WIDER:
        return ()
    return (
        f"warning: the new numbers lie around {new.mean():.3g} (spread {new.std():.3g}), those that the "
        f"network learned before around {mean:.3g} (spread {std:.3g}); are they in the same unit?",
    )


def _named(names: Sequence[str]) -> str:
    """The first few names of classes; how many more follow."""
    shown = some([quoted(name) for name in names], _NAMES_SHOWN)
    return shown if len(names) <= _NAMES_SHOWN else f"{count_of(len(names), 'class')} ({shown})"
