"""Decisions about the answers of a trained model; `decisions.py` makes them of exported models too."""

from pellucid.answering.decisions import ARGUMENTS, Decided, Decisions, Wishes
from pellucid.bundle import Model

__all__ = ["ARGUMENTS", "Decided", "Decider", "Wishes"]

Decider = Decisions[Model]
"""Makes the answers of a trained model decisions."""
