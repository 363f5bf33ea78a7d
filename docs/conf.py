"""How `make docs` turns README, changelog and these documents into pages: Sphinx, MyST and the furo theme."""

import importlib.metadata

project = "offband"
author = copyright = "the offband authors"
release = importlib.metadata.version("offband")

extensions = ["myst_nb", "sphinxcontrib.mermaid"]
# the source is the root of the repository, so that links between README and docs hold on a forge and here
exclude_patterns = ["docs/index.md"]  # shown on the first page
include_patterns = [
    "README.md",
    "CHANGELOG.md",
    "docs/*.md",
    "docs/decisions/*.md",
    "docs/*.ipynb",
    "deployments/README.md",
]
root_doc = "docs/contents"

html_theme = "furo"
html_title = "offband"
html_show_sourcelink = False

myst_heading_anchors = 3
myst_fence_as_directive = ["mermaid"]
myst_enable_extensions = ["dollarmath", "attrs_inline"]
nb_execution_mode = "off"  # `make docs-test` executes the notebook; pages show the outputs stored in it
nitpicky = True
# links to source files and folders of the repository, which are no pages
suppress_warnings = ["myst.xref_missing", "misc.highlighting_failure"]
