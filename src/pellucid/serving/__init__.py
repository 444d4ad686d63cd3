"""Serving: exported models answer over HTTP, with onnxruntime, NumPy, Pillow and the server alone."""

from pellucid.runtime import stand_in_for_jaxtyping

stand_in_for_jaxtyping()
