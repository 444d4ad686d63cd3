"""The second network: that of the run, trained once more with generated images among its training images."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.pipeline.adding.images import Added
from pellucid.pipeline.learners.candidates import Candidate
from pellucid.pipeline.learners.in_run import train_beside
from pellucid.pipeline.learners.network import Planned, learner_on_part
from pellucid.pipeline.learners.planning.preparation import Material, material_of
from pellucid.pipeline.run.context import RunContext

SUFFIX = "-with-generated"


def material_with(added: Added, material: Material) -> Material:
    """Material whose training examples are followed by the generated ones; positions of the others stay."""
    assert isinstance(material.inputs, np.ndarray)  # they are images
    before = len(material.inputs)
    return dataclasses.replace(
        material,
        inputs=np.concatenate([material.inputs, added.images]),
        labels=np.concatenate([material.labels, added.labels]),
        train=np.concatenate([material.train, before + np.arange(len(added.images))]),
    )


def trainings_beside(added: Added | None, material: Material) -> float:
    """Trainings of a second network, in those of the first."""
    return 0.0 if added is None else 1.0 + len(added.images) / max(1, len(material.train))


def train_with(added: Added, network: Planned, context: RunContext) -> Candidate:
    """Train the network of the run once more, from the same seed and by the same rules, with more images.

    They are in no split but training. `network` is as the first one was planned; under a time limit both take
    as many passes. Checkpoints and the history are written to the folder of the run.

    Raises: `DivergedError` if the loss stopped being finite; `InterruptedRun` if a signal came; a checkpoint
    was written.
    """
    material = material_of(context.dataset)
    extended = material_with(added, material)
    name = network.plan.name + SUFFIX

    def train(planned: Planned) -> None:
        train_beside(planned.session, name, network.session.state.history, context)

    # By rule a filled class may need no weight; but then the loss would tell both networks apart as well.
    is_weighted = network.plan.recipe.class_weights is not None
    wanted = context.settings.class_weight or ("balanced" if is_weighted else "none")
    settings = dataclasses.replace(context.settings, class_weight=wanted)
    learner = dataclasses.replace(learner_on_part(network, settings), train=train)
    with context.stages.stage(f"training {name}", spinner=False) as stage:
        stage.words = f"trained {name}"
        (found,) = learner.fit(extended)
    assert found.stored is not None  # it is a network that answers
    # Whatever looks at what it has learned from, such as its detector, looks at real images alone.
    return dataclasses.replace(
        found, name=name, stored=dataclasses.replace(found.stored, train=material.train)
    )


def records_of(candidates: Sequence[Candidate]) -> list[Mapping[str, Any]]:
    """Records of the history of second networks, as `history.jsonl` has them."""
    return [
        {**record, "model": each.name}
        for each in candidates
        if each.name.endswith(SUFFIX)
        for record in each.history
    ]
