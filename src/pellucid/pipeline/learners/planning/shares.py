"""Shares of a time limit in seconds: of the baselines, of pretrained backbones and of the network."""

import time

from pellucid.pipeline.learners.asked_later import WITH_CURVE, has_curve
from pellucid.pipeline.learners.learner import UNLIMITED, Allowance
from pellucid.settings import CLASSICAL, Settings, parse_duration

_RESERVE_SECONDS, _RESERVE_FOR_BASELINES = 3.0, 12.0
_MOST_RESERVED = 0.2

SHARE_OF_LIMIT = 0.3
"""Of a time limit, what all baselines together may take, or all backbones beside a network."""
_SHARE_ALONE = 0.5
LEAST_SHARE = 0.1
"""Of a time limit, what training a network gets in any case, even where the time is up before."""


def allowance_of(settings: Settings, began: float | None = None) -> Allowance:
    """A time limit for a learner that nothing stands beside, less what its detector takes; or no limit.

    It counts from `began`, a reading of `time.monotonic`; default: now.
    """
    limit = parse_duration(settings.time_limit)
    if limit is None:
        return UNLIMITED
    usable = limit - min(_RESERVE_SECONDS, _MOST_RESERVED * limit)
    return Allowance((time.monotonic() if began is None else began) + usable, LEAST_SHARE * limit)


def share_of_classical(settings: Settings) -> float:
    """Part of a time limit for classical models: all beside a network, or one that was asked for alone."""
    return _SHARE_ALONE if settings.model in CLASSICAL else SHARE_OF_LIMIT


def seconds_for_baselines(settings: Settings, left: float) -> float:
    """Seconds for the baselines, of those left."""
    limit = parse_duration(settings.time_limit) or left
    return max(0.0, min(SHARE_OF_LIMIT * limit, (left - _reserved(settings, limit)) / 2))


def seconds_for_network(settings: Settings, left: float) -> float:
    """Seconds for the network, of those left: the rest is for what comes after it."""
    limit = parse_duration(settings.time_limit) or left
    return (left - _reserved(settings, limit)) / (WITH_CURVE if has_curve(settings) else 1.0)


def seconds_for_backbones(settings: Settings, left: float, *, are_asked_for: bool) -> float:
    """Seconds for pretrained backbones, of those left."""
    whole = seconds_for_network(settings, left)
    limit = parse_duration(settings.time_limit) or left
    return whole if are_asked_for else min(SHARE_OF_LIMIT * limit, whole / 2)


def _reserved(settings: Settings, limit: float) -> float:
    """Seconds for what comes after the network: 3, with baselines 15, at most a fifth of the limit."""
    reserve = _RESERVE_SECONDS + (_RESERVE_FOR_BASELINES if settings.baselines else 0.0)
    return min(reserve, _MOST_RESERVED * limit)
