"""Settings: one table that feeds flags, TOML keys, constructors and the reference.

Each field of `Settings` is a row: its name, type and default are in the declaration, its
meaning, bounds and choices in the metadata. `None` means "decided by the preset or by a stated
rule"; what was decided is printed and saved in `config.json`.
"""

from pellucid.settings.metrics import METRICS, NUMBER_METRIC, Metric, metric_of, metrics_of
from pellucid.settings.python_names import (
    in_python,
    methods_of_python,
    of_python,
    speaking_python,
    spoken,
)
from pellucid.settings.rows import (
    CLASSICAL_MODELS,
    Group,
    Row,
    command_line,
    flag_of,
    instead_of,
    likely_meant,
    not_known,
    parse_duration,
    parse_image_size,
    parse_log,
)
from pellucid.settings.table import (
    ADVERSARIAL,
    AVERAGE,
    BACKBONES,
    CLASSICAL,
    DUMMIES,
    GENERATIVE,
    GENERATORS,
    IMAGES,
    MOST_PARTS,
    NEURAL,
    NEURAL_OF_IMAGES,
    NEURAL_OF_TEXTS,
    NO_BACKBONE,
    OF_ONLOOKERS,
    ROWS,
    Settings,
    name_of,
)

__all__ = [
    "ADVERSARIAL",
    "AVERAGE",
    "BACKBONES",
    "CLASSICAL",
    "CLASSICAL_MODELS",
    "DUMMIES",
    "GENERATIVE",
    "GENERATORS",
    "IMAGES",
    "METRICS",
    "MOST_PARTS",
    "NEURAL",
    "NEURAL_OF_IMAGES",
    "NEURAL_OF_TEXTS",
    "NO_BACKBONE",
    "NUMBER_METRIC",
    "OF_ONLOOKERS",
    "ROWS",
    "Group",
    "Metric",
    "Row",
    "Settings",
    "command_line",
    "flag_of",
    "in_python",
    "instead_of",
    "likely_meant",
    "methods_of_python",
    "metric_of",
    "metrics_of",
    "name_of",
    "not_known",
    "of_python",
    "parse_duration",
    "parse_image_size",
    "parse_log",
    "speaking_python",
    "spoken",
]
