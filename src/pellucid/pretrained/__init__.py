"""Pretrained weights from local files alone: read strictly, never run, their origin told."""

from pellucid.pretrained.backbone import TextBackbone
from pellucid.pretrained.images import ImageBackbone, packaged_backbone, timm_backbone
from pellucid.pretrained.known import OF_IMAGES, OF_TEXTS, SENTENCES, WORDS, KnownWeights, at_hand, installed
from pellucid.pretrained.sentence_folders import read_sentence_folder
from pellucid.pretrained.word_vectors import MOST_FREQUENT, read_word_vectors

__all__ = [
    "MOST_FREQUENT",
    "OF_IMAGES",
    "OF_TEXTS",
    "SENTENCES",
    "WORDS",
    "ImageBackbone",
    "KnownWeights",
    "TextBackbone",
    "at_hand",
    "installed",
    "packaged_backbone",
    "read_sentence_folder",
    "read_word_vectors",
    "timm_backbone",
]
