"""The type checker that jaxtyping's pytest hook puts around every function of Pellucid.

As for mypy, an `int` is welcome where a `float` is declared.
"""

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
