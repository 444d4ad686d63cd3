"""One processor playing another: with fewer instructions than it has."""

import platform

import pytest

AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}
"""Environment in which torch and oneDNN compute as on a processor without AVX-512."""

plays_avx2 = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="needs an x86-64 processor, which can play AVX2"
)
