"""fastai: `Learner.fit` with its default callbacks and optimiser.

Worker processes are off: fastai would start them anew for every epoch, which a short epoch cannot
earn back.
"""

from collections.abc import Callable

import torch
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from torch.utils.data import TensorDataset

from contestants import LEARNING_RATE
from contestants.data import MEASURED, WARM_UP, Data
from contestants.network import network_for, parameters_of


def build(name: str, data: Data) -> tuple[Callable[[str], float], int]:
    """A function that trains one epoch and returns its smoothed loss, and the trainable parameters."""
    images = torch.from_numpy(data.standardised()).permute(0, 3, 1, 2).contiguous()
    labels = torch.from_numpy(data.labels)
    network = network_for(name, tuple(images.shape[1:]), data.classes)

    def loaders(which: str) -> DataLoaders:
        train = TensorDataset(images[data.part(which)], labels[data.part(which)])
        nothing = TensorDataset(images[:0], labels[:0])
        return DataLoaders.from_dsets(train, nothing, bs=data.batch, num_workers=0, device="cpu")

    by_name = {which: loaders(which) for which in (MEASURED, WARM_UP)}
    learner = Learner(by_name[MEASURED], network, loss_func=CrossEntropyLossFlat(), lr=LEARNING_RATE)

    def epoch(which: str) -> float:
        learner.dls = by_name[which]
        learner.fit(1)
        return float(learner.recorder.smooth_loss.value)

    return epoch, parameters_of(network)
