"""Train image and text classifiers on your own machine, see how they work, know whether to trust them.

    import pellucid

    classifier = pellucid.ImageClassifier(preset="quick").fit("photos/")
    classifier.predict("new/")
    classifier.save("model/")

    classifier = pellucid.TextClassifier().fit(texts, labels)

Names are loaded on first use, so `import pellucid` itself costs a few milliseconds.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pellucid.errors import (
        ArgumentError,
        ChangedFileError,
        DataError,
        DivergedError,
        InterruptedRun,
        ModelFileError,
        NotFiniteError,
        PellucidError,
        RankFailedError,
        RunLockedError,
        StorageError,
        UsageError,
    )
    from pellucid.estimators import (
        EXPECTED_FAILED_CHECKS,
        ImageClassifier,
        ImageGenerator,
        ImageRegressor,
        TextClassifier,
        TextRegressor,
        explain,
        load,
        train,
    )

__version__ = "0.2.0"

__all__ = [
    "EXPECTED_FAILED_CHECKS",
    "ArgumentError",
    "ChangedFileError",
    "DataError",
    "DivergedError",
    "ImageClassifier",
    "ImageGenerator",
    "ImageRegressor",
    "InterruptedRun",
    "ModelFileError",
    "NotFiniteError",
    "PellucidError",
    "RankFailedError",
    "RunLockedError",
    "StorageError",
    "TextClassifier",
    "TextRegressor",
    "UsageError",
    "__version__",
    "explain",
    "load",
    "train",
]

_HOMES = {
    "explain": "pellucid.estimators",
    "load": "pellucid.estimators",
    "train": "pellucid.estimators",
    "EXPECTED_FAILED_CHECKS": "pellucid.estimators",
    "ImageClassifier": "pellucid.estimators",
    "ImageGenerator": "pellucid.estimators",
    "ImageRegressor": "pellucid.estimators",
    "TextClassifier": "pellucid.estimators",
    "TextRegressor": "pellucid.estimators",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its room on first use.

    Args:
        name: attribute asked for.

    Returns:
        The object; it is then kept as a plain attribute.

    Raises:
        AttributeError: the name is not public.
        ImportError: only pellucid-runtime is installed, which answers exported models and does nothing else.
    """
    if name not in __all__:
        raise AttributeError(f"module 'pellucid' has no attribute {name!r}")
    try:
        value = getattr(import_module(_HOMES.get(name, "pellucid.errors")), name)
    except ModuleNotFoundError as error:
        if not str(error.name).startswith("pellucid."):
            raise
        raise ImportError(
            f"pellucid.{name}: only pellucid-runtime is installed here; pip install pellucid"
        ) from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
