"""The pages of `offband compare` and `offband history` as a reader has them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from spectral_core.comparison import Side
from spectral_core.comparison.history import history_of
from spectral_core.comparison.history_page import render_history
from spectral_core.comparison.page import render_comparison
from tests.calibration.comparisons import Pair, compared

pytestmark = pytest.mark.ui


@cache
def pages() -> dict[str, str]:
    """A comparison in which the added units stand out, and a history that turned."""
    found = compared(Pair("grown", 120, 0.3, gain=1.0, maps=True), 0)
    assert found.moved
    row = {"code": "off_band_sufficient", "message": "Off-band does as well.", "variants": ["raw"]}
    turned = Side("C", {**found.b.report, "verdict": "unexplained", "reasons": [row]})
    history = history_of("olive oils", [found.a, found.b, turned, *[found.b] * 20])
    return {"compare": render_comparison(found), "history": render_history(history)}


@pytest.fixture(params=["compare", "history"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"{request.param}.html"
    path.write_text(pages()[request.param], encoding="utf-8")
    return path


@pytest.mark.parametrize("width", [390, 1280, 1920])
def test_it_opens_from_disk_silently_asks_for_nothing_and_fits_the_screen(browser: Any, file: Path, width: int) -> None:
    page, said, asked = browser.new_page(viewport={"width": width, "height": 900}), [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    assert said == [] and [url for url in asked if url not in (file.as_uri(), "data:,")] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    small = page.evaluate(
        "[...document.querySelectorAll('main p, main li, main td, main th, main text')]"
        ".filter(e => e.textContent.trim() && e.getClientRects().length)"
        ".filter(e => parseFloat(getComputedStyle(e).fontSize) < 11).map(e => e.textContent)"
    )
    assert small == []
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser: Any, file: Path, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme=scheme, bypass_csp=True)
    page.goto(file.as_uri())
    found = axe.Axe().run(page).response
    grave = [v["nodes"][0]["html"] for v in found["violations"] if v["impact"] in ("serious", "critical")]
    assert grave == [] and len(found["passes"]) > 10
    page.close()
