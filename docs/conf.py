"""Sphinx builds these pages: ``sphinx-build -W --keep-going -n docs docs/_build``. It reads no network."""

import s3cache

project = "s3cache"
author = "the s3cache contributors"
copyright = author
release = s3cache.__version__
version = ".".join(release.split(".")[:2])

extensions = ["sphinx.ext.autodoc"]
exclude_patterns = ["_build"]

# Types stand in the source and in the texts; in signatures they would be links to packages that are documented elsewhere.
autodoc_typehints = "none"
autodoc_member_order = "bysource"

html_theme = "furo"
html_title = f"s3cache {release}"
