"""Configuration of Sphinx; `make docs` builds the pages and treats warnings as errors.

The Chinese pages are a second build of the folder zh, by the tag chinese, into the folder zh of the site.
"""

import gettext
import logging
import os
import re
import tomllib
from pathlib import Path

import jieba  # cuts Chinese words for the search
from docutils import nodes
from math_core import LatexToMathML
from sphinx.application import Sphinx
from sphinx.search.zh import SearchChinese
from sphinx.writers.html5 import HTML5Translator

import pellucid

_project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]

project = "Pellucid"
author = _project["authors"][0]["name"]
copyright = f"2026, {author}"
version = release = pellucid.__version__

extensions = ["myst_parser"]
myst_heading_anchors = 3
myst_enable_extensions = ["attrs_inline", "colon_fence", "dollarmath"]
exclude_patterns = ["_build", "_extra", "zh"]
templates_path = ["templates"]
language = "zh_CN" if tags.has("chinese") else "en"  # noqa: F821, a name that Sphinx provides
nitpicky = True

# The address of the site, which pages name as their canonical one: make docs SITE=https://docs.example.org
_site = os.environ.get("SITE", "").rstrip("/")
html_baseurl = f"{_site}/zh/" if _site and language != "en" else f"{_site}/" if _site else ""

html_theme = "furo"
html_title = "Pellucid"
html_copy_source = False
html_show_sourcelink = False
html_static_path = ["static"]
html_css_files = ["look.css"]
html_js_files = [("scrolling.js", {"defer": "defer"})]
html_math_renderer = "mathml"
# The gallery, which tools/make_gallery.py makes; pages link to it as gallery/NAME.html.
_has_gallery = language == "en" and (Path(__file__).parent / "_extra").is_dir()
html_extra_path = ["_extra"] if _has_gallery else []
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b5f66", "color-brand-content": "#0b5f66"},
    "dark_css_variables": {"color-brand-primary": "#6cc5cc", "color-brand-content": "#6cc5cc"},
}

jieba.setLogLevel(logging.WARNING)
_ZH = Path(__file__).parent / "zh"
# Terms that jieba would cut in two, such as learning rate: the search does not cut what it is asked for.
for term in re.findall(r"^\| ([^|]*?) \|", (_ZH / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE):
    for word in re.findall(r"[\u4e00-\u9fff]{2,}", re.sub(r"\uff08.*?\uff09", "", term)):
        jieba.add_word(word)
_SPHINX = '<a href="https://www.sphinx-doc.org/">Sphinx</a>'
_WORDS_OF_FURO = {
    "Skip to content": "跳到正文",
    "Back to top": "回到顶部",
    "On this page": "本页内容",
    "Home": "首页",
    "Made with ": "本站使用 ",
    f"{_SPHINX} and ": f"{_SPHINX} 与 ",
    "Please activate JavaScript to enable the search functionality.": "搜索需要启用 JavaScript。",
}


class _ChineseSearch(SearchChinese):
    """Search that ends: since Sphinx 9 its script asks for `ChineseStemmer`, where it has the English one."""

    language_name = "English"


class _FuroInChinese(gettext.NullTranslations):
    """Words of the theme that Sphinx's own catalogue lacks."""

    def gettext(self, message: str) -> str:
        return _WORDS_OF_FURO.get(message, message)


def _lead_to_english_pages(app: Sphinx, name: str, source: list[str]) -> None:
    """Links of a Chinese page to a page without a Chinese counterpart lead to the English one of the site."""
    folder = (_ZH / name).parent

    def led(found: re.Match[str]) -> str:
        words, place, anchor = found.groups("")
        is_here = (folder / f"{place}.md").resolve().is_relative_to(_ZH)
        return found[0] if is_here else f'<a href="{place}.html{anchor}">{words}</a>'

    source[0] = re.sub(r"(?<!!)\[([^\[\]]+)\]\((\.\./[^)#:]*)\.md(#[^)]*)?\)", led, source[0])


def _link_other_language(
    app: Sphinx, name: str, template: str, context: dict[str, object], tree: object
) -> None:
    """The same page in the other language, or its first page, for the template."""
    other = Path(app.srcdir).parent if language == "zh_CN" else _ZH
    found = name if (other / f"{name}.md").exists() else "index"
    up = "../" * name.count("/")
    context["other_language"] = f"{up}../{found}.html" if language == "zh_CN" else f"{up}zh/{found}.html"


_FORMULAS = LatexToMathML()


def _write_formula(writer: HTML5Translator, node: nodes.math | nodes.math_block) -> None:
    """A formula as MathML, which browsers draw and screen readers speak without a script from elsewhere."""
    is_block = isinstance(node, nodes.math_block)
    formula = _FORMULAS.convert_with_local_state(node.astext(), displaystyle=is_block)
    writer.body.append(f'<div class="formula">{formula}</div>\n' if is_block else formula)
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    app.add_html_math_renderer("mathml", (_write_formula, None), (_write_formula, None))
    app.connect("html-page-context", _link_other_language)
    if language == "zh_CN":
        app.add_search_language(_ChineseSearch)
        app.translator.add_fallback(_FuroInChinese())
        app.connect("source-read", _lead_to_english_pages)
