"""How Sphinx builds the site: make docs. Nothing is run: notebooks have the outputs of docs/notebook_outputs."""

import os
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
sys.path[:0] = [str(ROOT), str(DOCS / "extensions")]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import kbsc_tf  # noqa: E402

project, author = "kbsc_tf", "The kbsc_tf maintainers"
copyright = "the kbsc_tf maintainers, Apache-2.0"
release = version = kbsc_tf.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx-mathjax-offline",
    "myst_nb",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
    "made_pages",
]
exclude_patterns = ["_build", "extensions", "_templates"]
templates_path, html_static_path = ["_templates"], ["_static"]
root_doc, default_role = "index", "py:obj"
suppress_warnings = ["config.cache"]

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4
myst_links_external_new_tab = False
nb_execution_mode = "off"

autodoc_typehints = "none"  # numpydoc's sections say them
autodoc_member_order = "bysource"
autosummary_generate = True
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
add_module_names = False
copybutton_prompt_text, copybutton_prompt_is_regexp = r">>> |\.\.\. |\$ ", True

html_theme, html_title = "pydata_sphinx_theme", f"kbsc_tf {release}"
html_css_files = ["site.css"]
html_show_sourcelink, html_sourcelink_suffix = False, ""
html_theme_options = {
    "logo": {"text": "kbsc_tf"},
    "show_prev_next": False,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 7,
    "navbar_end": ["theme-switcher"],
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
    "secondary_sidebar_items": ["page-toc", "notebook_links"],
    "pygments_light_style": "tango",
}
# "owner/name" of a public clone: notebooks then have a link that opens them in Colab.
html_context = {"repository": os.environ.get("KBSC_DOCS_REPOSITORY", ""), "default_mode": "auto"}
