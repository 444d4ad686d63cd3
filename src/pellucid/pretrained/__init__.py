"""Parts that others trained, from local files alone: read strictly, never run, their origin told."""

from pellucid.pretrained.backbone import TextBackbone
from pellucid.pretrained.known import OF_TEXTS, SENTENCES, WORDS, Known, installed
from pellucid.pretrained.origin import Origin
from pellucid.pretrained.sentence_folders import read_sentence_folder
from pellucid.pretrained.word_vectors import MOST_FREQUENT, read_word_vectors

__all__ = [
    "MOST_FREQUENT",
    "OF_TEXTS",
    "SENTENCES",
    "WORDS",
    "Known",
    "Origin",
    "TextBackbone",
    "installed",
    "read_sentence_folder",
    "read_word_vectors",
]
