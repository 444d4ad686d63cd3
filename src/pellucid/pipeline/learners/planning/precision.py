"""An arithmetic that a network cannot be trained in on this machine is refused before data is read."""

from pellucid.errors import UsageError
from pellucid.networks.architectures.rnn import cell_of
from pellucid.pipeline.learners.planning.plan import Plan
from pellucid.pipeline.run.journal import Journal
from pellucid.settings import Settings
from pellucid.training.determinism import choose_device
from pellucid.training.precision import lacking


def require_precision(settings: Settings, cell: str) -> None:
    """Refuse an arithmetic that was asked for; one that is chosen by rule is always there.

    `cell` is empty where the network is not recurrent. Raises: `UsageError` naming what fits.
    """
    if settings.precision != "bf16":
        return
    lack = lacking(settings.precision, cell, choose_device(settings))
    if lack is not None:
        other = ", or --cell gru" if cell == "lstm" and settings.from_ is None else ""
        raise UsageError(f"--precision: {lack}; give auto or fp32{other}")


def require_precision_of_run(settings: Settings, journal: Journal) -> None:
    """Refuse an arithmetic before data is read: that of the settings, or that a resumed run was planned with.

    Raises: `UsageError` if this machine cannot do it.
    """
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
