"""Dead and saturated units, which give the same for every input."""

from pellucid.insight.findings.course import Course
from pellucid.insight.findings.finding import Finding

# Share of a layer's relu units that may be dead; a rate too high kills as many, says CS231n.
DEAD = 0.4

# Share of a layer's sigmoid or tanh outputs that may be saturated.
SATURATED = 0.5


def dead_units(course: Course) -> Finding | None:
    """Dead relu units: more than 40 % of a layer, at the last measured epoch, zero for every example."""
    worst = _worst(course, "dead")
    if worst is None or worst[1] <= DEAD:
        return None
    name, share = worst
    return Finding(
        "dead-units",
        "Many units are dead: they are zero for every example, and no gradient brings them back.",
        f"In {name} {100 * share:.0f} % of the units were zero for every example that was looked at.",
        course.remedy(
            "Lower the learning rate; if that does not help, use leaky-relu or gelu, or keep batch "
            "normalisation on."
        ),
        f"Found where more than {100 * DEAD:.0f} % of a layer are dead at the last measured epoch, as many "
        "as a learning rate too high kills by the notes of Stanford's CS231n; on the cause see Maas and "
        "others 2013. A channel of a convolution counts as a unit.",
        {"share": share},
    )


def saturated_units(course: Course) -> Finding | None:
    """Saturated outputs of sigmoid or tanh: more than half of a layer's at the last measured epoch."""
    worst = _worst(course, "saturated")
    if worst is None or worst[1] <= SATURATED:
        return None
    name, share = worst
    return Finding(
        "saturated-units",
        "A layer is saturated: most of its outputs lie where the slope is next to nothing, so that what "
        "stands below hardly learns.",
        f"In {name} {100 * share:.0f} % of the outputs lie at an end of the function.",
        course.remedy("Lower the learning rate, keep batch normalisation on, or use relu or gelu."),
        f"Found where more than {100 * SATURATED:.0f} % of a layer are saturated at the last measured epoch: "
        "a tanh beyond 0.97 on either side, a sigmoid below 0.015 or above 0.985, which is the same place of "
        "the same curve. Glorot and Bengio 2010 show what it does to training.",
        {"share": share},
    )


def _worst(course: Course, share: str) -> tuple[str, float] | None:
    """Layer with the largest share at the last measured epoch."""
    last = {name: shares[-1] for name, shares in course.activations(share).items()}
    return max(last.items(), key=lambda pair: pair[1], default=None)
