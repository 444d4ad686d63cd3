"""A device that is not there, or an arithmetic that it has not, is refused before data is read."""

from pellucid.errors import UsageError
from pellucid.networks.architectures.rnn import cell_of
from pellucid.pipeline.learners.planning.plan import Plan
from pellucid.pipeline.run.journal import Journal
from pellucid.settings import Settings
from pellucid.training.determinism import choose_device
from pellucid.training.precision import lacking


def require_precision(settings: Settings, cell: str) -> None:
    """Refuse a device or an arithmetic that was asked for; what is chosen by rule is always there.

    `cell` is empty where the network is not recurrent. Raises: `UsageError` naming what fits.
    """
    device = choose_device(settings)
    if settings.precision != "bf16":
        return
    lack = lacking(settings.precision, cell, device)
    if lack is not None:
        other = ", or --cell gru" if cell == "lstm" and settings.from_ is None else ""
        raise UsageError(f"--precision: {lack}; give auto or fp32{other}")


def require_precision_of_run(settings: Settings, journal: Journal) -> None:
    """Refuse a device, and an arithmetic of the settings or of a resumed run's plan, before data is read.

    Raises: `UsageError` if this machine has not got it.
    """
    choose_device(settings)
    planned = journal.content.get("plan") or {}
    if not journal.is_resumed:
        require_precision(settings, cell_of(settings))
    elif planned.get("recipe") is not None:
        plan = Plan.from_json(planned)
        require_precision_again(plan.recipe.precision, plan.network.cell, plan.recipe.device)


def require_precision_again(precision: str, cell: str, device: str) -> None:
    """Refuse to resume in the arithmetic of a run, by its parts, that this machine cannot do.

    `cell` is that of its network, empty where it is not recurrent.

    Raises: `UsageError` saying so.
    """
    lack = lacking(precision, cell, device)
    if lack is not None:
        raise UsageError(
            f"--resume: training began in {precision}, and {lack}; go on where it began, or start again with "
            "--overwrite"
        )
