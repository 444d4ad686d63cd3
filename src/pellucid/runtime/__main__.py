"""`python -m pellucid.runtime`: see `command.py`."""

import sys

from pellucid.runtime.shapes import stand_in_for_jaxtyping

stand_in_for_jaxtyping()

from pellucid.runtime.command import main  # noqa: E402  # once shapes can be read

if __name__ == "__main__":
    sys.exit(main())
