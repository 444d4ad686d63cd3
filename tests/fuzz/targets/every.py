"""Every target by name. To add one: a function that makes a mutant and tries it, and a line in `TARGETS`."""

from collections.abc import Callable
from typing import NamedTuple

from fuzz.harness import Trial
from fuzz.targets.arrays import idx_trial, npz_trial
from fuzz.targets.containers import CONTAINERS, container_trial
from fuzz.targets.images import IMAGE_FORMATS, image_trial
from fuzz.targets.models import MODEL_KINDS, QUICK_KINDS, model_trial
from fuzz.targets.names import name_trial
from fuzz.targets.runs import checkpoint_trial, run_trial
from fuzz.targets.tables import pair_trial, table_trial
from fuzz.targets.written import FORMS

MODELS, RUNS, DATA = "models", "runs", "data"
# Read by a worker process, which is started afresh after each refusal.
SLOW = ("parquet", "xlsx", "Parquet", "Arrow")


class Target(NamedTuple):
    """A kind of thing that a stranger hands over.

    Attributes:
        group: by which mutants are counted together.
        trial: makes the trial of one mutant; called once, in the process that forks.
        count: mutants of the default tests; 0 for those that only `make fuzz` tries.
    """

    group: str
    trial: Callable[[], Trial]
    count: int


TARGETS: dict[str, Target] = {
    **{
        f"models: {name}": Target(MODELS, lambda name=name: model_trial(name), 10 * (name in QUICK_KINDS))
        for name in MODEL_KINDS
    },
    "checkpoints": Target(RUNS, lambda: checkpoint_trial, 4),
    "runs": Target(RUNS, lambda: run_trial, 25),
    **{
        f"tables: {form}": Target(DATA, lambda form=form: table_trial(form), 10 if form in SLOW else 30)
        for form in ("csv", "tsv", "jsonl", "parquet", *FORMS)
    },
    "texts and labels": Target(DATA, lambda: pair_trial, 30),
    "npz": Target(DATA, lambda: npz_trial, 30),
    "idx": Target(DATA, lambda: idx_trial, 30),
    **{f"images: {form}": Target(DATA, lambda form=form: image_trial(form), 30) for form in IMAGE_FORMATS},
    **{
        f"containers: {form}": Target(
            DATA, lambda form=form: container_trial(form), 10 if form in SLOW else 30
        )
        for form in CONTAINERS
    },
    "names": Target(DATA, lambda: name_trial, 4),
}
