"""The report: one page a colleague can read, made from report.json and nothing else.

The image for a run tracker lives in `spectral_core.report.image`, apart because matplotlib is slow to import.
"""

from spectral_core.report.files import json_text, save_html, save_json
from spectral_core.report.page import render_html

__all__ = ["json_text", "render_html", "save_html", "save_json"]
