"""Pretrained weights from local files alone: read strictly, never run, with their origin."""

from pellucid.pretrained.closed_files import ENDING, ClosedBackbone
from pellucid.pretrained.folders import CLOSED, read_folder, require_form
from pellucid.pretrained.image_backbones import ImageBackbone, packaged_backbone, timm_backbone
from pellucid.pretrained.known_weights import (
    MULTILINGUAL,
    OF_IMAGES,
    OF_TEXTS,
    SENTENCES,
    WORDS,
    KnownWeights,
    at_hand,
    installed,
)
from pellucid.pretrained.text_backbones import (
    MOST_FREQUENT,
    Learnt,
    TextBackbone,
    read_multilingual,
    read_sentence_folder,
    read_word_vectors,
)

__all__ = [
    "CLOSED",
    "ENDING",
    "MOST_FREQUENT",
    "MULTILINGUAL",
    "OF_IMAGES",
    "OF_TEXTS",
    "SENTENCES",
    "WORDS",
    "ClosedBackbone",
    "ImageBackbone",
    "KnownWeights",
    "Learnt",
    "TextBackbone",
    "at_hand",
    "installed",
    "packaged_backbone",
    "read_folder",
    "read_multilingual",
    "read_sentence_folder",
    "read_word_vectors",
    "require_form",
    "timm_backbone",
]
