"""Weights that others trained: found on this machine, checked against their checksum, never downloaded."""

from pellucid.pretrained.packages import PICTURE_PACKAGES, Package, at_hand
from pellucid.pretrained.pictures import PictureBackbone, packaged_backbone, timm_backbone

__all__ = [
    "PICTURE_PACKAGES",
    "Package",
    "PictureBackbone",
    "at_hand",
    "packaged_backbone",
    "timm_backbone",
]
