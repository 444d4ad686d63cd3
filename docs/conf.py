"""Configuration of Sphinx; `make docs` builds the pages and treats warnings as errors."""

import tomllib
from pathlib import Path

import pellucid

_project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]

project = "Pellucid"
author = _project["authors"][0]["name"]
copyright = f"2026, {author}"
version = release = pellucid.__version__

extensions = ["myst_parser"]
myst_heading_anchors = 3
myst_enable_extensions = ["attrs_inline", "colon_fence", "dollarmath"]
exclude_patterns = ["_build", "_extra"]
nitpicky = True

html_theme = "furo"
html_title = "Pellucid"
html_copy_source = False
html_show_sourcelink = False
html_static_path = ["static"]
html_css_files = ["look.css"]
# The gallery, which tools/make_gallery.py makes; pages link to it as gallery/NAME.html.
html_extra_path = [each for each in ("_extra",) if (Path(__file__).parent / each).is_dir()]
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b5f66", "color-brand-content": "#0b5f66"},
    "dark_css_variables": {"color-brand-primary": "#6cc5cc", "color-brand-content": "#6cc5cc"},
}
