"""The report of 1,000 spectra of 2,048 channels with seven variants: its size, and how soon a reader can use it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spectral_core.audit import audit_variants
from spectral_core.evidence import Settings
from spectral_core.places import AxisPlaces
from spectral_core.preprocessing import parse_variant
from spectral_core.simulate import BAND, BLANK, Recipe, simulate
from spectral_core.splits import make_design

pytestmark = [pytest.mark.ui, pytest.mark.timeout(900)]
VARIANTS = ("raw", "snv", "area", "vector", "savgol(11, 2, 1)", "snv | savgol(11, 2, 1)", "als | snv")
MOST_BYTES, MOST_MS = 5_000_000, 1500


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = Recipe(units=(100, 100), replicates=5, channels=2048, band_effect=0.1, noise_ratio=1.1)
    data = simulate(recipe, seed=1)
    design, places = make_design(data.label, unit=data.unit), AxisPlaces("cm-1", {"peak": BAND}, {"silent": BLANK})
    assert data.x.shape == (1000, 2048)
    report = audit_variants(
        data.x, data.axis, design, places, [parse_variant(text) for text in VARIANTS], Settings(99, 0.05, 0.05, 5, 0),
        diagnostics=True,
    )  # fmt: skip
    return report.save_html(tmp_path_factory.mktemp("large") / "report.html")


def test_it_is_small_and_soon_at_hand(browser: Any, file: Path) -> None:
    assert file.stat().st_size < MOST_BYTES
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(file.as_uri())
    page.locator(".reader input").press("ArrowRight")
    assert "cm⁻¹: class 1" in page.locator(".reader output").inner_text()
    took = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
    print(f"\n{file.stat().st_size / 1e6:.1f} MB, loaded and interactive after {took:.0f} ms")
    assert took < MOST_MS
    assert said == []
    assert page.evaluate("document.querySelectorAll('#checks details.variant').length") == len(VARIANTS)
    page.close()


def test_it_prints_every_variant(browser: Any, file: Path, tmp_path: Path) -> None:
    page = browser.new_page()
    page.goto(file.as_uri())
    pdf = page.pdf(path=str(tmp_path / "report.pdf"), format="A4")
    print(f"\nprinted: {len(pdf) / 1e6:.1f} MB")
    page.emulate_media(media="print")
    assert all(found.is_visible() for found in page.locator("details.variant table").all())
    page.close()
