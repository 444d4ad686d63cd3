"""What fine-tuning gains on few images or texts, and what the mean of the weights does for it.

    python benchmarks/fine_tuning.py DATA [--test DATA] [--backbone NAME] [--seeds 3] [--epochs N]

For each seed a head is trained on the frozen features of the backbone, and all of it is fine-tuned as
`pellucid train` does it; then the weights before, those after and the mean of both are asked about test
examples drawn by chance. The seed decides which training examples validate, and every draw of training.

Takes: FOLDER; about 90 seconds a seed for 500 images and 600 test images on two cores
"""

import copy
import statistics
import time
from collections.abc import Mapping

import numpy as np
from measuring import command_line, heading, print_table, write_json
from torch import Tensor

from pellucid.arithmetic import accuracy, log_loss
from pellucid.data import Dataset, prepare
from pellucid.networks import Network
from pellucid.pipeline.learners import backbone_learners
from pellucid.pipeline.learners.backbone_choice import chosen
from pellucid.pipeline.learners.backbone_costs import tuning_recipe
from pellucid.pipeline.learners.backbone_learners import train_head
from pellucid.pipeline.learners.candidates import Features
from pellucid.pipeline.learners.preparation import Prepared, material_of, unvaried_model_of
from pellucid.settings import Settings
from pellucid.training import loop
from pellucid.training.hardware import choose_threads, pinned
from pellucid.training.state import weights_of

Scores = tuple[float, float]


def measured(dataset: Dataset, settings: Settings, tested: int) -> dict[str, Scores | float]:
    """Train one seed, with at most so many test examples.

    Accuracy and log loss of the three networks on the test examples; what validation kept; seconds of
    fine-tuning.
    """
    material = material_of(dataset)
    (choice,) = chosen(settings, material)
    network, prepared = choice.started(settings), choice.prepared(material)
    asked = np.random.default_rng(0).permutation(dataset.test)[:tested]
    with pinned(choose_threads(settings)):
        model = unvaried_model_of(network, prepared, material.classes)
        positions = np.union1d(choice.train, material.validation)
        train_head(
            network, Features(model.transform(material.inputs[positions]), positions), prepared, settings
        )
        recipe = tuning_recipe(settings, prepared)
        trained, last = copy.deepcopy(network), {}
        began = time.perf_counter()

        def run(session: backbone_learners.Session[Network]) -> None:
            backbone_learners.to_the_end(session)
            last.update(weights_of(session.network))

        share, _ = backbone_learners.tuned(trained, prepared, recipe, run)
        seconds = time.perf_counter() - began
        before = weights_of(network)
        found: dict[str, Scores | float] = {
            str(part): _scores(trained, before, last, part, prepared, dataset, asked) for part in loop.SHARES
        }
    return {**found, "kept": share, "seconds": seconds}


def _scores(
    network: Network,
    before: Mapping[str, Tensor],
    after: Mapping[str, Tensor],
    share: float,
    prepared: Prepared,
    dataset: Dataset,
    asked: np.ndarray,
) -> Scores:
    network.load_state_dict(loop.mixed(before, after, share))
    said = unvaried_model_of(network, prepared, dataset.classes).predict_proba(dataset.inputs[asked])
    return accuracy(dataset.labels[asked], said), log_loss(dataset.labels[asked], said)


def main() -> None:
    """Measure every seed and print a table."""
    parser = command_line(__doc__)
    parser.add_argument("data", metavar="DATA")
    parser.add_argument("--test", metavar="DATA")
    parser.add_argument("--backbone", default="efficientnet-lite0")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, help="of fine-tuning (default: by rule)")
    parser.add_argument("--tested", type=int, default=600, help="test examples at most (default: 600)")
    parser.add_argument("--threads", type=int)
    given = parser.parse_args()
    facts = heading(("torch", "timm"))
    rows, found = [], []
    for seed in range(given.seeds):
        settings = Settings(
            backbone=given.backbone,
            epochs=given.epochs,
            threads=given.threads,
            seed=seed,
            test=given.test,
        )
        dataset, _ = prepare(given.data, settings)
        one = measured(dataset, settings, given.tested)
        found.append(one)
        rows.append([f"seed {seed}", *_cells(one), f"{one['kept']}", f"{one['seconds']:.0f} s"])
        print(rows[-1], flush=True)
    means = {
        str(share): tuple(statistics.fmean(one[str(share)][place] for one in found) for place in (0, 1))
        for share in loop.SHARES
    }
    rows.append(["mean", *_cells(means), "", ""])
    print_table(["", "frozen", "the mean", "fine-tuned", "kept", "fine-tuning"], rows)
    write_json(given.json, {**facts, "found": found})


def _cells(found: Mapping[str, Scores | float]) -> list[str]:
    return ["{:.3f}, {:.3f}".format(*found[str(share)]) for share in loop.SHARES]


if __name__ == "__main__":
    main()
